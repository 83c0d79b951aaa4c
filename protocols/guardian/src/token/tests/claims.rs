//! One claim or header field wrong at a time.

use super::*;

fn plain_header() -> Value {
    claims!({"alg": "HS256", "kid": "hs:1"})
}

#[test]
fn the_token_that_the_others_differ_from_is_taken() {
    assert!(with("sub", claims!("alice")).is_ok());
}

#[test]
fn a_token_over_the_limit_is_refused_before_it_is_read() {
    let long = "a".repeat(limits::TOKEN_MAX + 1);
    assert_eq!(check(&long), Err(TokenError::TooLong));
    assert_eq!(check(&long[1..]), Err(TokenError::Malformed));
}

#[test]
fn what_is_no_compact_token_is_refused() {
    let token = signed(&plain_header(), &good("hs"));
    assert!(check(&token).is_ok());
    let (signed_part, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed_part.split_once('.').unwrap();
    for malformed in [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        header.into(),
        signed_part.into(),
        format!("{token}.x"),
        format!("x.{token}"),
        format!("{token}="),
        format!("{signed_part}.{signature}\n"),
        format!(" {token}"),
        format!("{header}.{claims}\u{e9}.{signature}"),
        format!("{header}..{signature}"),
    ] {
        assert_eq!(check(&malformed), Err(TokenError::Malformed), "{malformed}");
    }
}

#[test]
fn every_cut_and_every_changed_character_is_refused() {
    let token = signed(&plain_header(), &good("hs"));
    for end in 0..token.len() {
        assert!(check(&token[..end]).is_err(), "cut at {end}");
    }
    for at in 0..token.len() {
        for other in ["A", "x", "-", "."] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, other);
            assert!(changed == token || check(&changed).is_err(), "{other} at {at}");
        }
    }
}

#[test]
fn missing_claims_and_claims_of_another_type_are_refused() {
    for claim in ["iss", "sub", "aud", "nbf", "exp"] {
        let mut missing = good("hs");
        missing.as_object_mut().unwrap().remove(claim);
        assert_eq!(check(&signed(&plain_header(), &missing)), Err(TokenError::Malformed), "{claim}");
        assert_eq!(with(claim, claims!(null)), Err(TokenError::Malformed), "{claim}");
        assert_eq!(with(claim, claims!({"a": 1})), Err(TokenError::Malformed), "{claim}");
    }
    for (claim, value) in
        [("nbf", claims!(-1)), ("exp", claims!(1.5)), ("exp", claims!("1767225610")), ("sub", claims!(""))]
    {
        assert_eq!(with(claim, value), Err(TokenError::Malformed), "{claim}");
    }
    // Optional, and empty is not absent.
    assert_eq!(with("scope", claims!("")), Err(TokenError::WrongScope));
}

#[test]
fn a_claim_given_twice_is_refused() {
    let mut claims = good("hs").to_string();
    claims.insert_str(1, r#""sub":"bob","#);
    let signed = format!("{}.{}", json(&plain_header()), BASE64URL_NOPAD.encode(claims.as_bytes()));
    let signature = BASE64URL_NOPAD.encode(&hash::hmac_sha256(HS_KEY, signed.as_bytes()));
    assert_eq!(check(&format!("{signed}.{signature}")), Err(TokenError::Malformed));
}

#[test]
fn a_tenant_or_key_version_that_is_not_served_is_refused() {
    assert_eq!(with_header("kid", claims!("hs:2")), Err(TokenError::UnknownTenant));
    assert_eq!(with_header("kid", claims!("hs:0")), Err(TokenError::UnknownTenant));
    let token = signed(&claims!({"alg": "HS256", "kid": "nobody:1"}), &good("nobody"));
    assert_eq!(check(&token), Err(TokenError::UnknownTenant));
    assert_eq!(authenticate(&token, &realm(), &Tenants::new(), now()), Err(TokenError::UnknownTenant));
}

#[test]
fn a_key_name_that_is_not_the_issuers_is_refused() {
    for kid in ["ed:2", "hs", "hs:", ":1", "hs:one", "hs:1:1", "hs:-1", "hs:99999999999999999999", ""] {
        assert_eq!(with_header("kid", claims!(kid)), Err(TokenError::Malformed), "{kid}");
    }
    assert_eq!(with("iss", claims!("ed")), Err(TokenError::Malformed));
}

#[test]
fn an_algorithm_that_is_not_the_tenants_is_refused() {
    for alg in ["none", "None", "", "hs256", "HS384", "EdDSA", "RS256", "ES256"] {
        assert_eq!(with_header("alg", claims!(alg)), Err(TokenError::WrongAlgorithm), "{alg}");
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let unsigned = |alg: &str| {
        let header = claims!({"alg": alg, "kid": "hs:1"});
        format!("{}.{}.", json(&header), json(&good("hs")))
    };
    assert_eq!(check(&unsigned("none")), Err(TokenError::WrongAlgorithm));
    assert_eq!(check(&unsigned("HS256")), Err(TokenError::BadSignature));
}

#[test]
fn a_critical_extension_that_is_not_understood_is_refused() {
    for crit in [claims!(["b64"]), claims!(["exp"]), claims!([])] {
        assert_eq!(with_header("crit", crit), Err(TokenError::Malformed));
    }
}

#[test]
fn another_realms_token_is_refused() {
    let other = RealmId([0xA8; 16]).to_string();
    assert_eq!(with("aud", claims!(other)), Err(TokenError::WrongAudience));
    assert_eq!(with("aud", claims!("")), Err(TokenError::WrongAudience));
    assert_eq!(with("aud", claims!(realm().to_string().to_uppercase())), Err(TokenError::WrongAudience));
}

#[test]
fn one_audience_in_a_list_is_one_and_two_are_refused() {
    let (mine, other) = (realm().to_string(), RealmId([1; 16]).to_string());
    assert!(with("aud", claims!([mine])).is_ok());
    for audiences in [claims!([mine, other]), claims!([mine, mine]), claims!([])] {
        assert_eq!(with("aud", audiences), Err(TokenError::WrongAudience));
    }
}

#[test]
fn another_purpose_is_refused() {
    assert_eq!(with("scope", claims!("audit")), Err(TokenError::WrongScope));
    assert_eq!(with("scope", claims!("user audit")), Err(TokenError::WrongScope));
    assert!(with("scope", claims!("user")).is_ok());
}

fn times(nbf: u64, exp: u64) -> Result<Caller, TokenError> {
    let mut claims = good("hs");
    (claims["nbf"], claims["exp"]) = (claims!(nbf), claims!(exp));
    check(&signed(&plain_header(), &claims))
}

#[test]
fn a_token_is_valid_for_a_day_at_most() {
    let day = 24 * 60 * 60;
    assert!(times(NOW_SECS, NOW_SECS + day).is_ok());
    assert_eq!(times(NOW_SECS, NOW_SECS + day + 1), Err(TokenError::LifetimeTooLong));
    assert_eq!(times(0, u64::MAX), Err(TokenError::LifetimeTooLong));
}

#[test]
fn clocks_may_differ_by_five_seconds_and_no_more() {
    assert!(times(NOW_SECS - 60, NOW_SECS - 5).is_ok());
    assert_eq!(times(NOW_SECS - 60, NOW_SECS - 6), Err(TokenError::Expired { ago_ms: 6_000 }));
    assert!(times(NOW_SECS + 5, NOW_SECS + 60).is_ok());
    assert_eq!(times(NOW_SECS + 6, NOW_SECS + 60), Err(TokenError::NotYetValid { in_ms: 6_000 }));
}

#[test]
fn accounts_of_two_tenants_or_subjects_never_meet() {
    let alice = with("sub", claims!("alice")).unwrap();
    let bob = with("sub", claims!("bob")).unwrap();
    assert_ne!(alice.account, bob.account);
    let mut tenants = tenants();
    tenants.insert(("hsa".into(), 1), TenantKey::Hs256(SecretBytes::from(HS_KEY.to_vec())));
    // The names run together to the same letters.
    let mut claims = good("hsa");
    claims["sub"] = claims!("lice");
    let token = signed(&claims!({"alg": "HS256", "kid": "hsa:1"}), &claims);
    let other = authenticate(&token, &realm(), &tenants, now()).unwrap();
    assert_ne!(alice.account, other.account);
}

#[test]
fn a_tenants_key_is_never_printed() {
    let text = format!("{:?}", tenants());
    assert!(text.contains("SecretBytes(..)"), "{text}");
}

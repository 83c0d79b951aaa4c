//! Tokens of accounts that authenticate themselves.

use super::*;

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::from([n; 32]))
}

fn keys() -> AccountKeys {
    AccountKeys { recover: key(1).verifying_key(), owner: key(2).verifying_key() }
}

/// A token of the self tenant with header and claims changed, signed by
/// `signer`.
fn own(change: impl FnOnce(&mut Value, &mut Value), signer: &SigningKey) -> Result<Caller, TokenError> {
    let token = mint(&keys(), None, signer, &realm(), now());
    let parts: alloc::vec::Vec<_> =
        token.split('.').map(|part| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).collect();
    let mut header: Value = serde_json::from_slice(&parts[0]).unwrap();
    let mut claims: Value = serde_json::from_slice(&parts[1]).unwrap();
    change(&mut header, &mut claims);
    let signed = format!("{}.{}", json(&header), json(&claims));
    check(&format!("{signed}.{}", BASE64URL_NOPAD.encode(&signer.sign(signed.as_bytes()).0)))
}

#[test]
fn the_cards_key_may_recover_and_the_owners_key_everything() {
    for (signer, permit) in [(key(1), Permit::Recover), (key(2), Permit::Own)] {
        let caller = check(&mint(&keys(), None, &signer, &realm(), now())).unwrap();
        assert_eq!(caller.permit, permit);
        assert_eq!((caller.tenant.as_str(), caller.locator), (SELF_TENANT, None));
    }
}

/// What the card's key of `card` signs for the account with these keys.
fn binding(card: &SigningKey, account: &AccountKeys) -> Signature {
    card.sign(&account::binding(&account.id()))
}

#[test]
fn only_an_account_that_the_cards_key_agreed_to_has_the_cards_locator() {
    let agreed = binding(&key(1), &keys());
    let token = mint(&keys(), Some(&agreed), &key(2), &realm(), now());
    assert_eq!(check(&token).unwrap().locator, Some(keys().locator()));

    // Somebody who saw the card's public key and the owner's agreement.
    let thief = AccountKeys { owner: key(3).verifying_key(), ..keys() };
    for forged in [agreed, binding(&key(3), &thief), binding(&key(2), &keys())] {
        let token = mint(&thief, Some(&forged), &key(3), &realm(), now());
        assert_eq!(check(&token), Err(TokenError::NotTheAccount));
    }
    assert_eq!(check(&mint(&thief, None, &key(3), &realm(), now())).unwrap().locator, None);
}

#[test]
fn both_keys_speak_for_the_same_account() {
    let of = |n| check(&mint(&keys(), None, &key(n), &realm(), now())).unwrap().account;
    assert_eq!(of(1), of(2));
}

#[test]
fn a_strangers_key_is_refused() {
    assert_eq!(check(&mint(&keys(), None, &key(3), &realm(), now())), Err(TokenError::BadSignature));
}

#[test]
fn keys_that_are_not_the_accounts_are_refused() {
    // The thief's own owner key, under the victim's id.
    let text = HEXLOWER.encode(&[keys().recover.0, key(3).verifying_key().0].concat());
    let refused = own(|_, claims| claims["keys"] = claims!(text), &key(3));
    assert_eq!(refused, Err(TokenError::NotTheAccount));
}

#[test]
fn a_thief_with_an_owner_key_of_his_own_has_another_account() {
    let thief = AccountKeys { owner: key(3).verifying_key(), ..keys() };
    let his = check(&mint(&thief, None, &key(3), &realm(), now())).unwrap();
    let mine = check(&mint(&keys(), None, &key(2), &realm(), now())).unwrap();
    assert_ne!(his.account, mine.account);
}

#[test]
fn the_two_keys_in_each_others_place_are_another_account() {
    let swapped = AccountKeys { recover: keys().owner, owner: keys().recover };
    let caller = check(&mint(&swapped, None, &key(1), &realm(), now())).unwrap();
    assert_eq!(caller.permit, Permit::Own);
    assert_ne!(caller.account, check(&mint(&keys(), None, &key(2), &realm(), now())).unwrap().account);
}

#[test]
fn malformed_keys_are_refused() {
    let good = HEXLOWER.encode(&[keys().recover.0, keys().owner.0].concat());
    for bad in [String::new(), good[2..].into(), format!("{good}00"), good.to_uppercase()] {
        let refused = own(|_, claims| claims["keys"] = claims!(bad), &key(1));
        assert_eq!(refused, Err(TokenError::Malformed));
    }
    assert_eq!(own(|_, claims| claims["keys"] = claims!(null), &key(1)), Err(TokenError::Malformed));
}

#[test]
fn only_eddsa_signs_for_an_account() {
    for alg in ["none", "HS256", "ES256"] {
        let refused = own(|header, _| header["alg"] = claims!(alg), &key(1));
        assert_eq!(refused, Err(TokenError::WrongAlgorithm), "{alg}");
    }
}

#[test]
fn an_operator_cannot_take_the_name_of_the_self_tenant() {
    let mut tenants = tenants();
    tenants.insert((SELF_TENANT.into(), 1), TenantKey::Hs256(SecretBytes::from(HS_KEY.to_vec())));
    let token = signed(&claims!({"alg": "HS256", "kid": "self:1"}), &good(SELF_TENANT));
    assert_eq!(authenticate(&token, &realm(), &tenants, now()), Err(TokenError::WrongAlgorithm));
}

#[test]
fn an_accounts_own_token_lives_a_quarter_of_an_hour_at_most() {
    let until = |exp: u64| own(|_, claims| claims["exp"] = claims!(exp), &key(1));
    let begin = NOW_SECS - 5 * 60;
    assert!(until(begin + 15 * 60).is_ok());
    assert_eq!(until(begin + 15 * 60 + 1), Err(TokenError::LifetimeTooLong));
}

#[test]
fn an_accounts_own_token_is_for_one_realm_and_ends() {
    let token = mint(&keys(), None, &key(2), &realm(), now());
    let at = |ms| authenticate(&token, &realm(), &tenants(), now().plus_ms(ms)).map(drop);
    assert_eq!(at(5 * 60_000 + 5_000), Ok(()));
    assert_eq!(at(5 * 60_000 + 5_001), Err(TokenError::Expired { ago_ms: 5_001 }));
    let elsewhere = authenticate(&token, &RealmId([1; 16]), &tenants(), now());
    assert_eq!(elsewhere, Err(TokenError::WrongAudience));
}

#[test]
fn the_longest_own_token_fits_the_limit() {
    assert!(
        mint(&keys(), Some(&binding(&key(1), &keys())), &key(2), &realm(), Instant(u64::MAX)).len()
            <= limits::TOKEN_MAX
    );
}

//! What stands in front of a file.

use allod_wire::NetworkId;

use super::*;

fn quorum() -> Header {
    seal(&dealt(), policy(&[&Person::new(1), &Person::new(2)], 5)).0
}

#[test]
fn a_header_comes_back_from_a_files_beginning() {
    let longest = {
        let many = (0..OPENERS_MAX as u8).map(|seed| Did([seed; 32])).collect();
        let policy = Policy::new(many, Instant(u64::MAX)).expect("a policy");
        let name: &'static str = "seal/aaaaaaaaaaaaaaaaaaaaaaaaaaa";
        assert_eq!(name.len(), 32);
        seal(&deal(name, 1, 1, &[1]), policy).0
    };
    for header in [quorum(), super::until::until().0, longest] {
        let bytes = header.encode();
        let (prologue, rest) = bytes.split_first_chunk::<PROLOGUE>().expect("a prologue");
        assert_eq!(Header::len_after(prologue), Ok(rest.len()));
        assert!(rest.len() <= HEADER_MAX);
        assert_eq!(Header::decode(rest), Ok(header));
    }
}

#[test]
fn what_is_no_sealed_file_is_refused_at_its_first_bytes() {
    assert_eq!(Header::len_after(b"ALSEAL\x04\x00"), Ok(1024));
    assert_eq!(Header::len_after(b"ALSEAL\x04\x01"), Err(Error::NotSealed));
    assert_eq!(Header::len_after(b"ALSEAM\x00\x10"), Err(Error::NotSealed));
    assert_eq!(Header::len_after(&[0; 8]), Err(Error::NotSealed));
}

#[test]
fn headers_that_were_cut_or_are_of_another_version_are_refused() {
    let bytes = allod_wire::encode(&quorum());
    for end in 0..bytes.len() {
        assert!(matches!(Header::decode(&bytes[..end]), Err(Error::Header(_))), "cut at {end}");
    }
    let mut newer = bytes.clone();
    newer[1] = 2;
    assert!(matches!(Header::decode(&newer), Err(Error::Header(_))));
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(Header::decode(&longer), Err(Error::Header(_))));
}

#[test]
fn a_policy_names_one_to_sixteen_each_once() {
    let named =
        |openers: &[u8]| Policy::new(openers.iter().map(|seed| Did([*seed; 32])).collect(), Instant(0));
    assert_eq!(named(&[]), Err(Error::Openers));
    assert_eq!(named(&[1, 2, 1]), Err(Error::Openers));
    assert_eq!(named(&(0..17).collect::<Vec<_>>()), Err(Error::Openers));
    let policy = named(&[3, 1, 2]).expect("a policy");
    assert_eq!(policy.openers(), [Did([1; 32]), Did([2; 32]), Did([3; 32])]);
    assert!(policy.names(&Did([2; 32])) && !policy.names(&Did([4; 32])));
}

#[test]
fn openers_out_of_order_in_a_header_are_refused() {
    let header = quorum();
    let bytes = allod_wire::encode(&header);
    let Lock::Quorum { policy, .. } = &header.lock else { panic!() };
    let [first, second] = policy.openers() else { panic!() };
    let at = |did: &Did| bytes.windows(32).position(|window| window == did.as_bytes()).expect("there");
    let (one, two) = (at(first), at(second));
    let mut swapped = bytes.clone();
    swapped[one..one + 32].copy_from_slice(second.as_bytes());
    swapped[two..two + 32].copy_from_slice(first.as_bytes());
    assert!(Header::decode(&swapped).is_err());
    let mut twice = bytes.clone();
    twice[two..two + 32].copy_from_slice(first.as_bytes());
    assert!(Header::decode(&twice).is_err());
}

#[test]
fn a_key_for_another_purpose_is_not_sealed_to() {
    let key = public_key(&dealt());
    for name in ["oprf", "oprf/a", "network", "seals", "seal.a", ""] {
        assert!(!is_for_sealing(name));
        let sealed = Header::quorum(NETWORK, name, &key, policy(&[&Person::new(1)], 0), &mut Seeded::new(1));
        assert_eq!(sealed.err(), Some(Error::OtherPurpose));
    }
    // Nor read, where somebody else did.
    let header = quorum();
    let Lock::Quorum { policy, ciphertext, .. } = header.lock else { panic!() };
    let lock = Lock::Quorum { key: "oprf/a".into(), policy, ciphertext };
    assert!(Header::decode(&allod_wire::encode(&Header { lock, ..header })).is_err());
    assert!(is_for_sealing("seal") && is_for_sealing("seal/a"));
    assert!(!crate::answering::is_for_evaluating("seal") && !is_for_sealing("oprf"));
}

#[test]
fn labels_of_another_network_key_or_policy_are_others() {
    let person = Person::new(1);
    let one = policy(&[&person], 5);
    let label = one.label(&NETWORK, KEY);
    assert_ne!(label, one.label(&NetworkId([8; 32]), KEY));
    assert_ne!(label, one.label(&NETWORK, "seal/b"));
    assert_ne!(label, policy(&[&person], 6).label(&NETWORK, KEY));
    assert_ne!(label, policy(&[&Person::new(2)], 5).label(&NETWORK, KEY));
    assert_ne!(label, policy(&[&person, &Person::new(2)], 5).label(&NETWORK, KEY));
}

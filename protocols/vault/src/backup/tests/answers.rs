//! The newest catalogue, among answers of which some are lies.

use alloc::string::ToString;

use super::super::shard::ShardId;
use super::*;

/// What is known to nobody else.
const RING: &[u8] = b"the ring of the space, a secret";

fn catalogue(generation: u64) -> Catalogue {
    let mut catalogue =
        Catalogue::new(generation, 1000 * generation, [3; 16], RING.to_vec(), b"roots".to_vec());
    let peer = |number: u32| PeerRecord {
        number,
        address: address(number as usize).to_string(),
        acknowledged: generation - 1,
        caught: Vec::new(),
    };
    catalogue.peers = (0..4).map(peer).collect();
    let shard = |n: u8| ShardRecord { id: ShardId::of(&[n]), peer: (n < 2).then_some(u32::from(n)) };
    let code = Code::new(2, 3).unwrap();
    catalogue.packs =
        alloc::vec![PackRecord { number: 7, size: 65_536, code, shards: (0..3).map(shard).collect() }];
    catalogue
}

fn address(peer: usize) -> &'static str {
    ["https://a", "https://b", "https://c", "https://d"][peer]
}

/// What an honest peer shows that has this generation.
fn honest(peer: usize, generation: u64) -> Vec<u8> {
    let account = keys().account(address(peer));
    let catalogue = catalogue(generation);
    Head::sign(&account, generation, catalogue.made, &catalogue.seal(&account).unwrap())
}

fn choose(shown: &[Vec<u8>]) -> (Option<Catalogue>, Vec<Result<u64, Lie>>) {
    let accounts: Vec<Account> = (0..shown.len()).map(|peer| keys().account(address(peer))).collect();
    let answers: Vec<Answer<'_>> = accounts
        .iter()
        .zip(shown)
        .enumerate()
        .map(|(peer, (account, bytes))| Answer { account, address: address(peer), bytes })
        .collect();
    let Newest { catalogue, answers } = newest(&answers);
    (catalogue, answers)
}

#[test]
fn the_newest_is_chosen_and_a_peer_that_was_away_is_no_liar() {
    let (chosen, answers) = choose(&[honest(0, 5), honest(1, 6), honest(2, 6)]);
    assert_eq!(chosen, Some(catalogue(6)));
    assert_eq!(answers, [Ok(5), Ok(6), Ok(6)]);
}

#[test]
fn a_peer_that_was_put_back_is_named() {
    // Every peer acknowledged generation 5 before 6 was made.
    let (chosen, answers) = choose(&[honest(0, 2), honest(1, 6), honest(2, 4)]);
    assert_eq!(chosen, Some(catalogue(6)));
    let put_back = |shown| Err(Lie::PutBack { shown, acknowledged: 5 });
    assert_eq!(answers, [put_back(2), Ok(6), put_back(4)]);
}

#[test]
fn a_forged_head_is_named() {
    let mut forged = honest(0, 6);
    // A higher number, without the person's key.
    forged[32] = 99;
    let (chosen, answers) = choose(&[forged, honest(1, 6)]);
    assert_eq!((chosen, answers), (Some(catalogue(6)), alloc::vec![Err(Lie::Forged), Ok(6)]));
    let (chosen, answers) = choose(&[Vec::new(), alloc::vec![7; HEAD - 1], alloc::vec![7; HEAD + 9]]);
    assert_eq!(chosen, None);
    assert_eq!(answers, [Err(Lie::Forged), Err(Lie::Forged), Err(Lie::OtherAccount)]);
}

#[test]
fn another_account_s_head_is_named_even_where_it_is_the_same_person_s() {
    let (chosen, answers) = choose(&[honest(1, 8), honest(1, 6)]);
    assert_eq!(chosen, Some(catalogue(6)));
    assert_eq!(answers, [Err(Lie::OtherAccount), Ok(6)]);
}

#[test]
fn a_head_without_its_catalogue_is_named() {
    let newer = honest(0, 8);
    let mut exchanged = newer[..HEAD].to_vec();
    exchanged.extend_from_slice(&honest(0, 7)[HEAD..]);
    let mut changed = newer.clone();
    *changed.last_mut().unwrap() ^= 1;
    for lie in [newer[..HEAD].to_vec(), newer[..newer.len() - 1].to_vec(), exchanged, changed] {
        let (chosen, answers) = choose(&[lie, honest(1, 6)]);
        assert_eq!(chosen, Some(catalogue(6)));
        assert_eq!(answers, [Err(Lie::NoCatalogue), Ok(6)]);
    }
}

#[test]
fn a_signed_head_over_what_does_not_open_is_named() {
    let account = keys().account(address(0));
    let other = keys().account(address(1));
    for sealed in [Vec::new(), noise(1, 5000), catalogue(8).seal(&other).unwrap()] {
        let (chosen, answers) = choose(&[Head::sign(&account, 8, 8000, &sealed), honest(1, 6)]);
        assert_eq!(chosen, Some(catalogue(6)));
        assert_eq!(answers, [Err(Lie::Unreadable), Ok(6)]);
    }
    // The right catalogue under another number.
    let shown = Head::sign(&account, 9, 8000, &catalogue(8).seal(&account).unwrap());
    assert_eq!(choose(&[shown]).1, [Err(Lie::Unreadable)]);
}

#[test]
fn peers_that_compare_what_they_keep_find_nothing_equal() {
    // Apart from the number, the time and the size, which stand in the head.
    let [one, other] = [0, 1].map(|peer| {
        let mut shown = honest(peer, 6);
        shown.drain(32..52);
        shown
    });
    assert_eq!(one.len(), other.len());
    let equal = one.windows(16).filter(|window| other.windows(16).any(|w| w == *window)).count();
    assert_eq!(equal, 0);
}

#[test]
fn the_sizes_of_catalogues_are_padded_and_their_secrets_are_not_printed() {
    let account = keys().account("x");
    let mut large = catalogue(1);
    let first = large.seal(&account).unwrap();
    assert_eq!(first.len(), 4096);
    let pack = large.packs[0].clone();
    large.packs.extend((8..1000).map(|number| PackRecord { number, ..pack.clone() }));
    let second = large.seal(&account).unwrap();
    assert!(second.len().is_power_of_two() && second.len() > 65_536);
    assert_eq!(Catalogue::open(&account, &second), Ok(large.clone()));
    assert!(!alloc::format!("{large:?}").contains("secret"));
    let numbers = alloc::format!("{:?}", &RING[..6]);
    assert!(!alloc::format!("{large:?}").contains(numbers.trim_matches(['[', ']'])));
}

#[test]
fn a_catalogue_with_packs_that_make_no_sense_does_not_open() {
    let account = keys().account("x");
    let sound = catalogue(1);
    let damage: [fn(&mut PackRecord); 4] = [
        |pack| pack.size = 0,
        |pack| pack.size = u32::MAX,
        |pack| pack.shards.truncate(2),
        |pack| pack.code = minicbor::decode(&[0x82, 0, 3]).unwrap(),
    ];
    for damage in damage {
        let mut wrong = sound.clone();
        damage(&mut wrong.packs[0]);
        let sealed = wrong.seal(&account).unwrap();
        assert_eq!(Catalogue::open(&account, &sealed), Err(Lie::Unreadable));
    }
}

#[test]
fn what_a_peer_was_caught_at_is_kept_by_kinds_and_comes_back_with_the_catalogue() {
    let mut peer = PeerRecord::new(3, "https://a".to_string());
    assert!(peer.is_trusted() && peer.keeps());
    peer.catch(Lie::PutBack { shown: 1, acknowledged: 2 }, 10);
    assert!(!peer.is_trusted() && peer.keeps());
    for number in 0..=255_u8 {
        peer.catch(Lie::NoShard(ShardId::of(&[number])), 20 + u64::from(number));
    }
    assert!(!peer.is_trusted() && !peer.keeps());
    let newest = Caught { lie: Lie::NoShard(ShardId::of(&[255])), first: 20, last: 275, count: 256 };
    assert_eq!((peer.caught.len(), peer.caught[1]), (2, newest));
    let account = keys().account("https://a");
    let mut catalogue = catalogue(4);
    catalogue.peers.push(peer);
    assert_eq!(Catalogue::open(&account, &catalogue.seal(&account).unwrap()), Ok(catalogue));
    // A record of before there was anything to be caught at.
    let old = allod_wire::encode(&(3_u32, "https://a", 7_u64));
    let known = PeerRecord { acknowledged: 7, ..PeerRecord::new(3, "https://a".to_string()) };
    assert_eq!(minicbor::decode::<PeerRecord>(&old).unwrap(), known);
}

//! Guardians that lie in a session, each in another way, and what is refused.

use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_threshold::dealing::{Terms, lie};
use allod_threshold::{Error, Index};

use super::*;
use crate::Rejection;

type Keys = Holders<Ristretto255>;

fn index(of: u16) -> Index {
    Index::new(of).unwrap()
}

/// The index under which a guardian is a member.
fn place(holders: &Keys, world: &World, guardian: usize) -> Index {
    index(holders.member(world, guardian).index)
}

fn announced(guardians: usize, threshold: u16) -> (World, Keys) {
    let mut world = world(guardians, guardians as u16, threshold);
    let mut holders = Keys::of("key");
    let members = holders.members(&world);
    holders.announce(&mut world, &members);
    (world, holders)
}

fn dealt(guardians: usize, threshold: u16) -> (World, Keys) {
    let (mut world, mut holders) = announced(guardians, threshold);
    let members = holders.members(&world);
    holders.deal(&mut world, &members);
    (world, holders)
}

/// A dealing of `dealer` with a wrong share for `victim`.
fn spoilt(holders: &mut Keys, world: &World, dealer: usize, victim: usize) -> Dealing<Ristretto255> {
    let terms = session_terms(&holders.session(world)).unwrap();
    let secret = SecretScalar::random(&mut holders.rng);
    let (dealer, victim) = (place(holders, world, dealer), place(holders, world, victim));
    lie::wrong_share(&terms, dealer, &secret, victim, &mut holders.rng).unwrap()
}

/// A complaint of `member` about a right dealing of `dealer`.
fn false_complaint(holders: &mut Keys, world: &World, member: usize, dealer: usize) -> Complaint {
    let terms = session_terms(&holders.session(world)).unwrap();
    let receiver = place(holders, world, member);
    let dealing = holders.standing(world).remove(usize::from(place(holders, world, dealer).get()) - 1);
    let (_, secret) = holders.secrets[&member].clone();
    lie::complaint(&dealing, &terms, receiver, &secret, &mut holders.rng).unwrap()
}

#[test]
fn an_announcement_is_a_key_with_the_proof_of_its_own_member() {
    let mut world = world(5, 5, 3);
    let mut holders = Keys::of("key");
    let [first, second] = holders.members(&world)[..2] else { panic!("two members") };
    let Action::Announce { session, key } = holders.announcement(&world, first) else { panic!("it is") };
    let other = SessionId([9; 32]);
    let stolen = Error::PossessionRefused(place(&holders, &world, second));
    let cases = [
        (first, session, Vec::new(), Rejection::BadAnnouncement),
        (first, session, key[..95].to_vec(), Rejection::BadAnnouncement),
        (first, session, [&key[..], &[0]].concat(), Rejection::BadAnnouncement),
        (second, session, key.clone(), Rejection::Dealing(stolen)),
        (first, other, key.clone(), Rejection::NoSession),
    ];
    let mut asked = Vec::new();
    let mut expected = Vec::new();
    for (guardian, session, key, rejection) in cases {
        asked.push(world.by_guardian(guardian, Action::Announce { session, key }));
        expected.push(Err(rejection));
    }
    for at in 0..key.len() {
        let mut changed = key.clone();
        changed[at] ^= 1;
        asked.push(world.by_guardian(first, Action::Announce { session, key: changed }));
    }
    let results = world.block(&asked);
    assert_eq!(results[..expected.len()], expected);
    assert!(results[expected.len()..].iter().all(|result| matches!(result, Err(Rejection::Dealing(_)))));
    let twice = [(); 2].map(|()| world.by_guardian(first, Action::Announce { session, key: key.clone() }));
    assert_eq!(world.block(&twice), [Ok(()), Err(Rejection::NothingNew)]);
}

#[test]
fn only_members_and_dealers_are_heard_and_only_in_their_phase() {
    // Six guardians, of which four are members.
    let mut world = world(6, 4, 3);
    let mut holders = Keys::of("key");
    let members = holders.members(&world);
    let stranger = (0..6).find(|guardian| !members.contains(guardian)).unwrap();
    let session = holders.session(&world).session;
    let first = members[0];
    let announcement = holders.announcement(&world, first);
    let other_phase = [
        world.by_guardian(first, Action::Deal { session, dealing: Vec::new() }),
        world.by_guardian(first, Action::Ready { session }),
        world.by_itself(Action::Complain { session, complaint: Vec::new() }),
        world.by_guardian(stranger, announcement.clone()),
        world.by_itself(announcement.clone()),
        world.by(ANN, announcement),
    ];
    assert_eq!(
        world.block(&other_phase),
        [
            Err(Rejection::OtherPhase),
            Err(Rejection::OtherPhase),
            Err(Rejection::OtherPhase),
            Err(Rejection::NotMember),
            Err(Rejection::WrongAuthor),
            Err(Rejection::WrongAuthor),
        ]
    );
    holders.announce(&mut world, &members);
    let dealing = holders.dealing(&world, first);
    let attempts = [
        world.by_guardian(stranger, dealing.clone()),
        world.by_itself(dealing.clone()),
        world.by_guardian(first, Action::Announce { session, key: Vec::new() }),
        world.by_guardian(first, Action::Ready { session }),
        world.by_guardian(first, dealing.clone()),
        world.by_guardian(first, dealing),
    ];
    assert_eq!(
        world.block(&attempts),
        [
            Err(Rejection::NotMember),
            Err(Rejection::WrongAuthor),
            Err(Rejection::OtherPhase),
            Err(Rejection::OtherPhase),
            Ok(()),
            Err(Rejection::NothingNew),
        ]
    );
    holders.deal(&mut world, &members[1..]);
    let attempts = [
        world.by_guardian(stranger, Action::Ready { session }),
        world.by_itself(Action::Ready { session }),
        world.by_guardian(first, Action::Deal { session, dealing: Vec::new() }),
        world.by_guardian(first, Action::Ready { session }),
        world.by_guardian(first, Action::Ready { session }),
    ];
    assert_eq!(
        world.block(&attempts),
        [
            Err(Rejection::NotMember),
            Err(Rejection::WrongAuthor),
            Err(Rejection::OtherPhase),
            Ok(()),
            Err(Rejection::NothingNew),
        ]
    );
    holders.ready(&mut world, &members[1..]);
    assert_eq!(world.guard(first, Action::Ready { session }), Err(Rejection::NoSession), "it is over");
    holders.settle(&world, &[]);
    holders.whole(&world);
}

#[test]
fn a_dealing_that_is_wrong_in_public_is_refused_by_its_dealers_name() {
    let (mut world, mut holders) = announced(5, 3);
    let ceremony = holders.session(&world);
    let (session, dealer) = (ceremony.session, holders.members(&world)[1]);
    let own = place(&holders, &world, dealer);
    let terms = session_terms(&ceremony).unwrap();
    let right = holders.dealt(&world, dealer).encode();
    let mut fresh =
        |terms: &Terms, index| Dealing::<Ristretto255>::deal_fresh(terms, index, &mut holders.rng);
    let receivers = terms.receivers().to_vec();
    let elsewhere = Terms::new([9; 32], 3, receivers.clone()).unwrap();
    let steeper = Terms::new(session.0, 4, receivers.clone()).unwrap();
    let fewer = Terms::new(session.0, 3, receivers[..4].to_vec()).unwrap();
    let wrong = [
        (fresh(&elsewhere, own).unwrap().encode(), Error::EphemeralProofRefused(own)),
        (fresh(&terms, index(4)).unwrap().encode(), Error::EphemeralProofRefused(own)),
        (
            fresh(&steeper, own).unwrap().encode(),
            Error::DealingThreshold { dealer: own, expected: 3, given: 4 },
        ),
        (
            fresh(&fewer, own).unwrap().encode(),
            Error::DealingReceivers { dealer: own, expected: 5, given: 4 },
        ),
    ];
    let mut asked = Vec::new();
    let mut expected = Vec::new();
    for (dealing, error) in wrong {
        assert_eq!(error.culprit(), Some(own));
        asked.push(world.by_guardian(dealer, Action::Deal { session, dealing }));
        expected.push(Err(Rejection::Dealing(error)));
    }
    // Every byte counts.
    for at in 0..right.len() {
        let mut dealing = right.clone();
        dealing[at] ^= 1;
        asked.push(world.by_guardian(dealer, Action::Deal { session, dealing }));
    }
    let results = world.block(&asked);
    assert_eq!(results[..expected.len()], expected);
    for result in &results[expected.len()..] {
        let Err(Rejection::Dealing(error)) = result else { panic!("{result:?}") };
        assert_eq!(error.culprit(), Some(own), "{error}");
    }
    assert!(holders.session(&world).dealt.is_empty());
    assert_eq!(
        world.guard(dealer, Action::Deal { session, dealing: right.clone() }),
        Ok(()),
        "it may try again"
    );
    assert_eq!(world.get::<Dealt>(&(session, own.get())), Dealt(right));
}

#[test]
fn a_complaint_about_a_wrong_share_disqualifies_its_dealer() {
    let (mut world, mut holders) = announced(5, 3);
    let members = holders.members(&world);
    let (liar, victim) = (members[3], members[1]);
    let dealing = spoilt(&mut holders, &world, liar, victim).encode();
    let session = holders.session(&world).session;
    assert_eq!(world.guard(liar, Action::Deal { session, dealing }), Ok(()), "nobody else can tell");
    let honest: Vec<usize> = members.iter().copied().filter(|member| *member != liar).collect();
    holders.deal(&mut world, &honest);
    for member in &honest {
        let complaints = holders.complaints(&world, *member);
        assert_eq!(complaints.len(), usize::from(*member == victim));
    }
    let complaint = holders.complaints(&world, victim).remove(0);
    let action = holders.complaint(&world, &complaint);
    assert_eq!(world.happens(action.clone()), Ok(()));
    let liar_index = place(&holders, &world, liar).get();
    let ceremony = holders.session(&world);
    assert_eq!((ceremony.disqualified, ceremony.dealt.len()), ([liar_index].to_vec(), 4));
    assert_eq!(world.find::<Dealt>(&(session, liar_index)), None, "its dealing is dropped");
    assert_eq!(world.happens(action), Err(Rejection::NothingNew));
    // The liar says that it is ready: it was dealt right by the others.
    holders.ready(&mut world, &members);
    let (_, sharing) = holders.sharing(&world).unwrap();
    assert!(!sharing.dealers.contains(&liar_index));
    assert_eq!((sharing.dealers.len(), sharing.holders.len()), (4, 5));
    holders.settle(&world, &[]);
    holders.whole(&world);
}

#[test]
fn a_complaint_about_a_right_share_is_refuted() {
    let (mut world, mut holders) = dealt(5, 3);
    let members = holders.members(&world);
    let lie = false_complaint(&mut holders, &world, members[1], members[3]);
    let action = holders.complaint(&world, &lie);
    assert_eq!(world.happens(action), Err(Rejection::ComplaintRefuted));
    assert_eq!(holders.session(&world).dealt.len(), 5);
    assert!(holders.session(&world).disqualified.is_empty());
    holders.ready(&mut world, &members);
    assert_eq!(holders.sharing(&world).unwrap().1.dealers.len(), 5);
}

#[test]
fn a_complaint_that_decides_nothing_changes_nothing() {
    let (mut world, mut holders) = announced(5, 3);
    let members = holders.members(&world);
    let (liar, victim) = (members[3], members[1]);
    let session = holders.session(&world).session;
    let dealing = spoilt(&mut holders, &world, liar, victim).encode();
    world.guard(liar, Action::Deal { session, dealing }).unwrap();
    let honest: Vec<usize> = members.iter().copied().filter(|member| *member != liar).collect();
    holders.deal(&mut world, &honest);
    let right = holders.complaints(&world, victim).remove(0).encode();
    let complain = |complaint: Vec<u8>| Action::Complain { session, complaint };
    let mut asked: Vec<Operation> = Vec::new();
    for at in 0..right.len() {
        let mut changed = right.clone();
        changed[at] ^= 1;
        asked.push(world.by_itself(complain(changed)));
    }
    asked.push(world.by_itself(complain(right[..right.len() - 1].to_vec())));
    asked.push(world.by_itself(complain(Vec::new())));
    // A right complaint in the name of another receiver, or against another dealer.
    let mut other_receiver = right.clone();
    other_receiver[3] = place(&holders, &world, honest[2]).get() as u8;
    asked.push(world.by_itself(complain(other_receiver)));
    let mut other_dealer = right.clone();
    other_dealer[1] = place(&holders, &world, honest[2]).get() as u8;
    asked.push(world.by_itself(complain(other_dealer)));
    for result in world.block(&asked) {
        assert!(matches!(result, Err(Rejection::Dealing(_) | Rejection::NothingNew)), "{result:?}");
    }
    assert_eq!(holders.session(&world).dealt.len(), 5);
    assert_eq!(world.happens(complain(right)), Ok(()));
}

#[test]
fn a_key_is_made_though_as_many_lie_as_may_each_in_another_way() {
    // Of seven guardians two may fail. One never announces or deals wrong, the
    // other deals wrong, complains wrongly, or is silent at the end.
    for (first, second) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (3, 4), (1, 4)] {
        let mut world = world(7, 7, 4);
        let mut holders = Keys::of("key");
        let members = holders.members(&world);
        let ways = [(members[2], first), (members[5], second)];
        let with = |way: i32| ways.iter().find(|(_, other)| *other == way).map(|(member, _)| *member);
        let but = |all: &[usize], left_out: &[Option<usize>]| -> Vec<usize> {
            all.iter().copied().filter(|member| !left_out.contains(&Some(*member))).collect()
        };
        // Way 0: silent from the beginning.
        holders.announce(&mut world, &but(&members, &[with(0)]));
        while holders.session(&world).phase == Phase::Announcing {
            world.empty(1);
        }
        let members = holders.members(&world);
        let session = holders.session(&world).session;
        // Way 1: deals one wrong share. Way 2: does not deal.
        if let Some(liar) = with(1) {
            let dealing = spoilt(&mut holders, &world, liar, members[0]).encode();
            world.guard(liar, Action::Deal { session, dealing }).unwrap();
        }
        holders.deal(&mut world, &but(&members, &[with(1), with(2)]));
        while holders.session(&world).phase == Phase::Dealing {
            world.empty(1);
        }
        if let Some(liar) = with(1) {
            let complaint = holders.complaints(&world, members[0]).remove(0);
            assert_eq!(complaint.dealer(), place(&holders, &world, liar));
            let action = holders.complaint(&world, &complaint);
            assert_eq!(world.happens(action), Ok(()));
        }
        // Way 3: complains about an honest dealer, and is not ready.
        if let Some(liar) = with(3) {
            let dealing = holders.standing(&world).remove(0);
            let terms = session_terms(&holders.session(&world)).unwrap();
            let receiver = place(&holders, &world, liar);
            let (_, secret) = holders.secrets[&liar].clone();
            let complaint = lie::complaint(&dealing, &terms, receiver, &secret, &mut holders.rng).unwrap();
            let action = holders.complaint(&world, &complaint);
            assert_eq!(world.happens(action), Err(Rejection::ComplaintRefuted));
        }
        // Way 4: silent at the end.
        let honest = but(&members, &[with(1), with(3), with(4)]);
        holders.ready(&mut world, &honest);
        while holders.ceremony(&world).is_some() {
            world.empty(1);
        }
        let (_, sharing) = holders.sharing(&world).expect("enough were honest");
        for way in [1, 2] {
            let liar = with(way).and_then(|liar| sharing.holder(&world.guardians[liar].id()).cloned());
            assert!(liar.is_none_or(|liar| !sharing.dealers.contains(&liar.index)));
        }
        holders.settle(&world, &[]);
        holders.whole(&world);
        let honest: Vec<usize> = honest[..4].to_vec();
        let key = holders.whole(&world);
        assert_eq!(holders.evaluate(&world, &honest, b"input"), evaluate_whole(&key, b"input"));
    }
}

//! Shares that somebody else knows, and answers that a share does not give: what
//! shows it, and what does not.

use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_did::Did;
use allod_threshold::answer::{Answer, SignedAnswer};
use allod_threshold::knowledge;
use allod_threshold::{Error, Index};

use super::*;
use crate::Rejection;
use crate::evidence::Evidence;
use crate::guardian::{Fault, Standing};
use crate::shared_key::share_context;

type Keys = Holders<Ristretto255>;

/// Five guardians with a key, of which three shares are needed.
fn made() -> (World, Keys) {
    let mut world = world(5, 5, 3);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    (world, holders)
}

/// The proof that somebody knows `share`, in the name of `claimant`.
fn proof(
    world: &World,
    holders: &mut Keys,
    share: &SecretScalar<Ristretto255>,
    generation: u32,
    guardian: usize,
    claimant: Did,
) -> Vec<u8> {
    let id = world.guardians[guardian].id();
    let context = share_context(&world.network, &holders.name, generation, &id, &claimant);
    let public = Point::new(share.mul_generator()).unwrap();
    knowledge::prove(&context, share, &public, &mut holders.rng).encode()
}

fn claim(
    world: &World,
    holders: &Keys,
    generation: u32,
    guardian: usize,
    claimant: usize,
    proof: &[u8],
) -> Action {
    Action::ClaimBounty {
        key: holders.name.clone(),
        generation,
        guardian: world.guardians[guardian].id(),
        claimant: world.did(claimant),
        proof: proof.to_vec(),
    }
}

#[test]
fn whoever_knows_a_share_has_the_bounty_and_who_copies_the_proof_has_not() {
    let (mut world, mut holders) = made();
    let (victim, other) = (holders.holders(&world)[1], holders.holders(&world)[2]);
    let share = holders.shares[&victim].1.value.clone();
    let eve = world.did(EVE);
    let right = proof(&world, &mut holders, &share, 0, victim, eve);
    let elsewhere = World::with(4, |genesis| genesis.name = "other".into());
    let abroad = share_context(&elsewhere.network, &holders.name, 0, &world.guardians[victim].id(), &eve);
    let public = Point::new(share.mul_generator()).unwrap();
    let abroad = knowledge::prove(&abroad, &share, &public, &mut holders.rng).encode();
    let guess = SecretScalar::random(&mut holders.rng);
    let guessed = proof(&world, &mut holders, &guess, 0, victim, eve);
    let refused = Err(Rejection::Dealing(Error::ProofRefused));
    for action in [
        claim(&world, &holders, 0, victim, BEN, &right),
        claim(&world, &holders, 0, other, EVE, &right),
        claim(&world, &holders, 0, victim, EVE, &abroad),
        claim(&world, &holders, 0, victim, EVE, &guessed),
    ] {
        assert_eq!(world.happens(action), refused);
    }
    for bytes in [&right[..63], &[], &[0xFF; 64]] {
        let result = world.happens(claim(&world, &holders, 0, victim, EVE, bytes));
        assert!(matches!(result, Err(Rejection::Dealing(_))), "{result:?}");
    }
    let unknown = world.happens(claim(&world, &holders, 1, victim, EVE, &right));
    assert_eq!(unknown, Err(Rejection::NoKey), "no such sharing");
    let mut no_key = claim(&world, &holders, 0, victim, EVE, &right);
    if let Action::ClaimBounty { key, .. } = &mut no_key {
        *key = KeyName::new("none").unwrap();
    }
    assert_eq!(world.happens(no_key), Err(Rejection::NoKey));
    let wealth = world.wealth(EVE);
    assert_eq!(world.happens(claim(&world, &holders, 0, victim, EVE, &right)), Ok(()));
    assert_eq!(world.wealth(EVE) - wealth, BOND * 300 / 1000);
    assert_eq!(world.asset(world.mark()).retired, BOND - BOND * 300 / 1000);
    let standing = Standing::Evicted { at: world.at, fault: Fault::ShareKnown };
    assert_eq!(world.guardian(victim).standing, standing);
    let again = world.happens(claim(&world, &holders, 0, victim, EVE, &right));
    assert_eq!(again, Err(Rejection::ShareClaimed));
}

#[test]
fn a_claimant_is_somebody_whom_the_ledger_knows() {
    let (mut world, mut holders) = made();
    let victim = holders.holders(&world)[1];
    let share = holders.shares[&victim].1.value.clone();
    let stranger = Person::new(70).did();
    let proof = proof(&world, &mut holders, &share, 0, victim, stranger);
    let mut action = claim(&world, &holders, 0, victim, EVE, &proof);
    if let Action::ClaimBounty { claimant, .. } = &mut action {
        *claimant = stranger;
    }
    assert_eq!(world.happens(action), Err(Rejection::NoRecipient));
    assert!(world.guardian(victim).is_active());
}

/// A world in which somebody claimed a guardian's share, who holds the key, and the
/// claim.
pub(in crate::tests) fn claimed() -> (World, Keys, Action) {
    let (mut world, mut holders) = made();
    let (eve, victim) = (world.did(EVE), holders.holders(&world)[1]);
    let share = holders.shares[&victim].1.value.clone();
    let bytes = proof(&world, &mut holders, &share, 0, victim, eve);
    let action = claim(&world, &holders, 0, victim, EVE, &bytes);
    world.happens(action.clone()).unwrap();
    (world, holders, action)
}

/// Has the key handed on.
fn hand_on(world: &mut World, holders: &mut Keys) {
    while holders.ceremony(world).is_none() {
        world.empty(1);
    }
    holders.run(world);
}

#[test]
fn a_share_of_a_former_sharing_earns_nothing() {
    // Whoever kept three can compute those of the others, who erased theirs.
    let mut world = world_with(6, 5, 3, |genesis| genesis.parameters.reshare_epochs = 1);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    let old = holders.shares.clone();
    hand_on(&mut world, &mut holders);
    let eve = world.did(EVE);
    let wealth = world.wealth(EVE);
    for (victim, (_, share)) in &old {
        let bytes = proof(&world, &mut holders, &share.value, 0, *victim, eve);
        let former = world.happens(claim(&world, &holders, 0, *victim, EVE, &bytes));
        assert_eq!(former, Err(Rejection::OldShare));
        let as_new = world.happens(claim(&world, &holders, 1, *victim, EVE, &bytes));
        assert!(matches!(as_new, Err(Rejection::Dealing(Error::ProofRefused) | Rejection::NotMember)));
        assert!(world.guardian(*victim).is_active());
    }
    assert_eq!(world.wealth(EVE), wealth);
}

#[test]
fn one_share_of_a_sharing_can_be_claimed_and_the_next_when_the_key_was_handed_on() {
    let mut world = world(7, 5, 3);
    let mut holders = Keys::of("key");
    holders.run(&mut world);
    let eve = world.did(EVE);
    let in_force = |world: &World, holders: &mut Keys, victim: usize| {
        let (generation, share) = holders.shares[&victim].clone();
        let bytes = proof(world, holders, &share.value, generation, victim, eve);
        claim(world, holders, generation, victim, EVE, &bytes)
    };
    // All three in one block: whoever has three shares has all of them.
    let of = holders.holders(&world);
    let claims: Vec<Operation> = of[..3]
        .iter()
        .map(|victim| {
            let action = in_force(&world, &mut holders, *victim);
            world.by_itself(action)
        })
        .collect();
    let refused = Err(Rejection::ShareClaimed);
    assert_eq!(world.block(&claims), [Ok(()), refused.clone(), refused.clone()]);
    let later = in_force(&world, &mut holders, of[1]);
    assert_eq!(world.happens(later.clone()), refused);
    assert!(of[1..].iter().all(|holder| world.guardian(*holder).is_active()));

    let silent = [of[0]];
    while holders.ceremony(&world).is_none() {
        world.empty(1);
    }
    holders.run_without(&mut world, &silent);
    assert_eq!(holders.sharing(&world).unwrap().0, 1);
    assert_eq!(world.happens(later), Err(Rejection::OldShare));
    let victim = holders.holders(&world)[2];
    let again = in_force(&world, &mut holders, victim);
    assert_eq!(world.happens(again), Ok(()));
}

#[test]
fn of_a_bond_the_claimant_has_part_and_the_rest_is_destroyed() {
    for (bond, permille, reward) in
        [(1000, 300, 300), (999, 300, 299), (1, 999, 0), (1000, 0, 0), (777, 999, 776), (500_000, 1, 500)]
    {
        let mut world = world_with(5, 5, 3, |genesis| {
            genesis.parameters.bond_min = 1;
            genesis.parameters.reward_permille = permille;
            genesis.founders[2].bond = bond;
        });
        let mut holders = Keys::of("key");
        holders.run(&mut world);
        let share = holders.shares[&2].1.value.clone();
        // Who runs a guardian and claims its share loses the rest of the bond.
        let (before, cleo) = (world.wealth(CLEO), world.did(CLEO));
        let bytes = proof(&world, &mut holders, &share, 0, 2, cleo);
        assert_eq!(world.happens(claim(&world, &holders, 0, 2, CLEO, &bytes)), Ok(()));
        assert_eq!(world.wealth(CLEO) - before, reward, "{permille} thousandths of {bond}");
        assert!(reward < bond);
        assert_eq!(world.asset(world.mark()).retired, bond - reward);
        assert_eq!(world.guardian(2).bond, 0);
    }
}

/// What a guardian answers to a blinded element, as the next in its log.
fn answer(world: &World, holders: &mut Keys, guardian: usize, position: u64) -> Answer {
    let (generation, share) = holders.shares[&guardian].clone();
    let (_, blinded) = oprf::blind::<Ristretto255>(Mode::Voprf, b"input", &mut holders.rng).unwrap();
    let index = share.index;
    let partial = KeyShare::new(share).unwrap().blind_evaluate(&[blinded], &mut holders.rng).unwrap();
    Answer {
        network: *world.network.as_bytes(),
        guardian: world.guardians[guardian].key.verifying_key(),
        key: holders.name.as_str().into(),
        generation,
        index,
        position,
        previous: [0; 32],
        at_ms: world.at.0,
        blinded: blinded.bytes().to_vec(),
        partial: partial.encode(),
    }
}

fn signed(world: &World, guardian: usize, answer: Answer) -> Vec<u8> {
    answer.sign(&world.guardians[guardian].key).encode()
}

fn false_answer(answer: Vec<u8>) -> Action {
    Action::Accuse { evidence: Evidence::FalseAnswer { answer } }
}

fn fork(first: Vec<u8>, second: Vec<u8>) -> Action {
    Action::Accuse { evidence: Evidence::Fork { first, second } }
}

#[test]
fn an_honest_answer_is_no_evidence() {
    let (mut world, mut holders) = made();
    let guardian = holders.holders(&world)[0];
    let answer = answer(&world, &mut holders, guardian, 1);
    let bytes = signed(&world, guardian, answer.clone());
    assert_eq!(world.happens(false_answer(bytes.clone())), Err(Rejection::NoContradiction));
    assert_eq!(world.happens(fork(bytes.clone(), bytes)), Err(Rejection::NoContradiction), "twice the same");
    let second = Answer { previous: answer.hash(), ..self::answer(&world, &mut holders, guardian, 2) };
    let both = fork(signed(&world, guardian, answer), signed(&world, guardian, second));
    assert_eq!(world.happens(both), Err(Rejection::NoContradiction), "at two places");
    assert!(world.guardian(guardian).is_active());
}

#[test]
fn an_answer_that_the_share_does_not_give_evicts() {
    // Another share, a broken proof, an element that is none, another's index.
    for way in 0..4 {
        let (mut world, mut holders) = made();
        let [guardian, other] = holders.holders(&world)[..2] else { panic!("five hold shares") };
        let mut wrong = answer(&world, &mut holders, guardian, 1);
        match way {
            0 => {
                let elsewhere = answer(&world, &mut holders, other, 1);
                wrong.blinded = elsewhere.blinded;
                wrong.partial = elsewhere.partial;
            }
            1 => wrong.partial[40] ^= 1,
            2 => wrong.blinded = [0xFF; 32].to_vec(),
            _ => wrong.index = holders.shares[&other].1.index,
        }
        let bytes = signed(&world, guardian, wrong);
        assert_eq!(world.happens(false_answer(bytes)), Ok(()), "way {way}");
        let standing = Standing::Evicted { at: world.at, fault: Fault::FalseAnswer };
        assert_eq!(world.guardian(guardian).standing, standing);
    }
}

#[test]
fn a_false_answer_is_held_against_its_signer_only_where_it_was_given() {
    let (mut world, mut holders) = made();
    let [guardian, other] = holders.holders(&world)[..2] else { panic!("five hold shares") };
    let mut wrong = answer(&world, &mut holders, guardian, 1);
    wrong.partial[40] ^= 1;
    let network = Answer { network: [1; 32], ..wrong.clone() };
    let name = Answer { key: "other".into(), ..wrong.clone() };
    let bad_name = Answer { key: "Other".into(), ..wrong.clone() };
    let later = Answer { generation: 1, ..wrong.clone() };
    let mut forged = signed(&world, other, wrong.clone());
    let stranger = Keeper::new(77);
    let foreign = Answer { guardian: stranger.key.verifying_key(), ..wrong.clone() };
    let foreign = foreign.sign(&stranger.key).encode();
    let cases = [
        (signed(&world, guardian, network), Rejection::NoContradiction),
        (signed(&world, guardian, name), Rejection::NoKey),
        (signed(&world, guardian, bad_name), Rejection::BadKey),
        (signed(&world, guardian, later), Rejection::NoKey),
        (forged.clone(), Rejection::BadSignature),
        (foreign, Rejection::NotMember),
    ];
    for (bytes, expected) in cases {
        assert_eq!(world.happens(false_answer(bytes)), Err(expected));
    }
    forged.pop();
    assert!(matches!(world.happens(false_answer(forged)), Err(Rejection::Dealing(_))));
    assert_eq!(world.happens(false_answer(signed(&world, guardian, wrong))), Ok(()));
}

#[test]
fn two_answers_at_one_place_evict() {
    let (mut world, mut holders) = made();
    let [guardian, other] = holders.holders(&world)[..2] else { panic!("five hold shares") };
    let first = answer(&world, &mut holders, guardian, 7);
    let second = answer(&world, &mut holders, guardian, 7);
    let sign = |answer: &Answer| signed(&world, guardian, answer.clone());
    let (one, two) = (sign(&first), sign(&second));
    let abroad = [&first, &second].map(|answer| sign(&Answer { network: [1; 32], ..answer.clone() }));
    let foreign = signed(
        &world,
        other,
        Answer { guardian: world.guardians[other].key.verifying_key(), ..second.clone() },
    );
    let later = sign(&Answer { position: 8, ..second });
    let unsigned = SignedAnswer { signature: allod_crypto::sign::Signature([1; 64]), answer: first.clone() };
    let [abroad, abroad_too] = abroad;
    let cases = [
        (fork(abroad, abroad_too), Rejection::NoContradiction),
        (fork(one.clone(), foreign), Rejection::NoContradiction),
        (fork(one.clone(), later), Rejection::NoContradiction),
        (fork(unsigned.encode(), two.clone()), Rejection::BadSignature),
        (fork(two.clone(), unsigned.encode()), Rejection::BadSignature),
    ];
    for (action, expected) in cases {
        assert_eq!(world.happens(action), Err(expected));
    }
    // It does not matter in what they differ, or which comes first.
    let index = Index::new(9).unwrap();
    let slightly = signed(&world, guardian, Answer { index, ..first });
    assert_eq!(world.happens(fork(slightly, one)), Ok(()));
    let standing = Standing::Evicted { at: world.at, fault: Fault::FalseAnswer };
    assert_eq!(world.guardian(guardian).standing, standing);
}

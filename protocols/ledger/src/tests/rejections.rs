//! Every reason for which the ledger refuses an operation, reached once. What the
//! reasons are good for is tested elsewhere, beside what is accepted.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use allod_wire::{AssetId, GuardianId, Instant, LockId, OfferId, SessionId, TitleId};

use super::ceremony::{Holders, bounty, network, spec};
use super::*;
use crate::account::Sponsorship;
use crate::guardian::GUARDIANS_MAX;
use crate::guardian::joining;
use crate::holding::{Holding, Units};
use crate::issuer::RevocationList;
use crate::lock::lock_id;
use crate::name::commitment;
use crate::offer::offer_id;
use crate::{Action, Claim, Operation, Rejection, Stamp, beacon_message};

variants!(ALL, reason, Rejection:
    Malformed, OtherNetwork, Over, NonceUsed, BadSignature, WrongAuthor, NoIdentity, IdentityPresent, NoDevice,
    AllowanceUsedUp, StampNeeded, BadStamp, QuotaUsedUp, SponsorshipOver, Log, RecoveryUnderWay, NoRecovery,
    RecoveryVetoed, TooEarly, NotYours, NoRecipient, BadName, BadTerm, NotCommitted, CommitmentPresent,
    CommitmentTooYoung, CommitmentOver, NameTaken, NoName, NameOver, OutlivesName, BadAsset, NoAsset, SupplyExceeded, NoAmount,
    TooLittle, NoTitle, TitlePresent, NoLock, LockOver, WrongRelease, NoOffer, OfferOver, OtherPrice, NoGuardian,
    GuardianPresent, NotActive, NotLeft, NoCandidate, AlreadyEvicted, LastGuardian, RosterFull, BadTerms, RestatedTooOften,
    BondTooSmall, StillNeeded,
    BadKey, NoKey, NoNetworkKey, NothingNew, NoSession, OtherPhase, NotMember, BadAnnouncement, Dealing,
    ComplaintRefuted, OldShare, ShareClaimed, BeaconKnown, OtherRound, NoContradiction, NoIssuer, OldList,
    OldHead,
);

/// A world, and the reasons for which it refused something.
struct Refusals {
    world: World,
    reasons: BTreeSet<&'static str>,
}

impl Refusals {
    fn new(world: World) -> Self {
        Self { world, reasons: BTreeSet::new() }
    }

    fn note(&mut self, result: Result<(), Rejection>, expected: &'static str) {
        let rejection = result.expect_err(expected);
        assert_eq!(reason(&rejection), expected, "{rejection}");
        assert!(!rejection.to_string().is_empty());
        self.reasons.insert(expected);
    }

    fn operation(&mut self, expected: &'static str, operation: Operation) {
        let result = self.world.ask(operation);
        self.note(result, expected);
    }

    fn person(&mut self, expected: &'static str, person: usize, action: Action) {
        self.operation(expected, self.world.by(person, action));
    }

    fn guardian(&mut self, expected: &'static str, guardian: usize, action: Action) {
        self.operation(expected, self.world.by_guardian(guardian, action));
    }

    fn nobody(&mut self, expected: &'static str, action: Action) {
        self.operation(expected, self.world.by_itself(action));
    }

    fn done(&mut self, person: usize, action: Action) -> Operation {
        let operation = self.world.by(person, action);
        assert_eq!(self.world.ask(operation.clone()), Ok(()));
        operation
    }
}

fn commit(number: u8) -> Action {
    Action::CommitName { commitment: [number; 32] }
}

fn authority() -> BTreeSet<&'static str> {
    let mut all = Refusals::new(World::with(4, |genesis| {
        genesis.parameters.allowance_max = 6;
        genesis.parameters.allowance_ms = 1000 * STEP;
    }));
    let malformed = all.world.raw(&[Vec::new()]).remove(0);
    all.note(malformed, "Malformed");
    let there = World::with(4, |genesis| genesis.name = "other".into());
    all.operation("OtherNetwork", there.by(ANN, commit(1)));
    let mut late = all.world.body(all.world.claim(&all.world.people[ANN]), commit(1));
    late.until = Instant(0);
    let late = late.sign(&all.world.people[ANN].device);
    all.operation("Over", late);
    let once = all.done(ANN, commit(1));
    all.operation("NonceUsed", once.clone());
    all.operation("BadSignature", Operation { signature: None, ..once });
    all.nobody("WrongAuthor", commit(2));
    let operation = all.world.by_person(&Person::new(60), commit(2));
    all.operation("NoIdentity", operation);
    let found =
        Action::Found { genesis: all.world.people[ANN].log.operations()[0].clone(), sponsorship: None };
    all.nobody("IdentityPresent", found);
    let claim =
        Claim::Device { did: all.world.did(ANN), device: all.world.people[BEN].device_id(), nonce: 9 };
    let operation = all.world.body(claim, commit(2)).sign(&all.world.people[BEN].device);
    all.operation("NoDevice", operation);
    for number in 20..26 {
        all.done(EVE, commit(number));
    }
    all.person("AllowanceUsedUp", EVE, commit(26));
    let newcomer = Person::new(60);
    let genesis = newcomer.log.operations()[0].clone();
    all.nobody("StampNeeded", Action::Found { genesis: genesis.clone(), sponsorship: None });
    let stamp = Some(Stamp { epoch: 99, counter: 0 });
    let operation = Operation { stamp, ..all.world.by_itself(commit(3)) };
    all.operation("BadStamp", operation);
    let word = |world: &World, person: &Person, epoch| {
        Sponsorship::sign(&world.guardians[0].key, &world.network, &person.did(), epoch)
    };
    let vouch = |world: &World, number, epoch| {
        let person = Person::new(number);
        let genesis = person.log.operations()[0].clone();
        Action::Found { genesis, sponsorship: Some(word(world, &person, epoch)) }
    };
    all.nobody("SponsorshipOver", vouch(&all.world, 61, 77));
    while all.world.epoch() != 2 {
        all.world.empty(1);
    }
    for number in 61..63 {
        all.world.happens(vouch(&all.world, number, 2)).unwrap();
    }
    all.nobody("QuotaUsedUp", vouch(&all.world, 63, 2));
    all.reasons
}

fn identities() -> BTreeSet<&'static str> {
    let mut all = Refusals::new(World::new());
    let genesis = all.world.people[ANN].log.operations()[0].clone();
    all.nobody("Log", Action::Log { operation: genesis });
    let mut log = all.world.people[ANN].log.clone();
    let device = key(50).verifying_key().into();
    let operation = log.add_device(&all.world.people[ANN].root, device, "new", Instant(9)).unwrap().clone();
    all.person("NoRecovery", ANN, Action::Veto);
    all.world.happens(Action::Log { operation: operation.clone() }).unwrap();
    all.nobody("RecoveryUnderWay", Action::Log { operation: operation.clone() });
    all.nobody("TooEarly", Action::Complete { did: all.world.did(ANN) });
    all.done(ANN, Action::Veto);
    all.nobody("RecoveryVetoed", Action::Log { operation });
    all.person("NoIssuer", ANN, Action::Revoke { list: list(1) });
    let terms = crate::issuer::IssuerTerms { label: "a".into(), class: "b".into(), key: [1].into() };
    all.done(ANN, Action::DeclareIssuer { terms });
    all.done(ANN, Action::Revoke { list: list(1) });
    all.person("OldList", ANN, Action::Revoke { list: list(1) });
    let tell = Action::Tell { of: [1; 32], number: 1, hash: [1; 32] };
    all.done(ANN, tell.clone());
    all.person("OldHead", ANN, tell);
    all.reasons
}

fn list(number: u64) -> RevocationList {
    RevocationList { number, root: [1; 32], source: "x".into() }
}

fn names() -> BTreeSet<&'static str> {
    let mut all = Refusals::new(World::new());
    // No operation can name what is no name; whoever makes one is told.
    all.note(crate::name::Name::new("A").map(drop), "BadName");
    let did = all.world.did(ANN);
    let announce = Action::CommitName { commitment: commitment(&name("ann"), &did, &[1; 32]) };
    let register = |until| Action::RegisterName { name: name("ann"), salt: [1; 32], until };
    all.person("NotCommitted", ANN, register(Instant(0)));
    all.done(ANN, announce.clone());
    all.person("CommitmentPresent", ANN, announce.clone());
    all.person("BadTerm", ANN, register(Instant(0)));
    let until = all.world.at.plus_ms(7 * STEP);
    all.done(ANN, register(until));
    let what = Holding::Name(name("ann"));
    let expires = until.plus_ms(1);
    all.person("OutlivesName", ANN, Action::Lock { what, recipient: did, expires, release: None });
    all.done(ANN, announce.clone());
    all.person("CommitmentTooYoung", ANN, register(until));
    all.person("NameTaken", ANN, register(until));
    let to = all.world.did(BEN);
    all.person("NoName", ANN, Action::RenewName { name: name("none"), until });
    all.person("NotYours", BEN, Action::RenewName { name: name("ann"), until });
    all.person("NameOver", ANN, Action::Transfer { what: Holding::Name(name("ann")), to });
    all.world.pass(all.world.rules().name_commit_ms);
    all.person("CommitmentOver", ANN, register(until));
    all.reasons
}

fn things() -> BTreeSet<&'static str> {
    let mut all = Refusals::new(World::new());
    let (to, stranger) = (all.world.did(BEN), Person::new(60).did());
    let units = |world: &World, amount| Holding::Units(world.marks(amount));
    let some = units(&all.world, 1);
    all.person("NoRecipient", ANN, Action::Transfer { what: some.clone(), to: stranger });
    all.person("BadAsset", ANN, Action::DefineAsset { name: "x".into(), decimals: 0, supply_max: 0 });
    let unknown = Units { asset: AssetId([1; 32]), amount: 1 };
    all.person("NoAsset", ANN, Action::Issue { units: unknown, to });
    let defined = all.done(ANN, Action::DefineAsset { name: "x".into(), decimals: 0, supply_max: 1 });
    let asset = crate::asset::asset_id(&defined.id());
    all.person("SupplyExceeded", ANN, Action::Issue { units: Units { asset, amount: 2 }, to });
    all.person("NoAmount", ANN, Action::Transfer { what: units(&all.world, 0), to });
    all.person("TooLittle", ANN, Action::Transfer { what: units(&all.world, u64::MAX), to });
    all.person("NoTitle", ANN, Action::Retire { what: Holding::Title(TitleId([1; 32])) });
    let entitle = Action::Entitle { content: [1; 32], size: 1, label: "x".into() };
    all.done(ANN, entitle.clone());
    all.person("TitlePresent", ANN, entitle);
    all.person("NoLock", ANN, Action::Unlock { lock: LockId([1; 32]) });
    let expires = all.world.at.plus_ms(3 * STEP);
    let lock = Action::Lock { what: some.clone(), recipient: to, expires, release: Some([1; 32]) };
    let lock = lock_id(&all.done(ANN, lock).id());
    all.person("WrongRelease", BEN, Action::Claim { lock, release: None });
    all.world.empty(2);
    all.person("LockOver", BEN, Action::Claim { lock, release: None });
    let (price, expires) = (all.world.marks(5), all.world.at.plus_ms(2 * STEP));
    let offer = Action::Offer { what: some, price, buyer: None, expires };
    let offer = offer_id(&all.done(ANN, offer).id());
    all.person("OtherPrice", BEN, Action::Accept { offer, price: all.world.marks(4) });
    all.person("OfferOver", BEN, Action::Accept { offer, price });
    all.person("NoOffer", BEN, Action::Withdraw { offer: OfferId([1; 32]) });
    all.reasons
}

fn guardians() -> BTreeSet<&'static str> {
    let mut all = Refusals::new(World::with(2, |genesis| genesis.parameters.unbond_ms = 0));
    let join = |world: &World, keeper: &Keeper, terms: crate::guardian::Terms, bond| {
        let message = joining(&world.network, &world.did(ANN), &terms, bond);
        let consent = allod_did::Signature::Ed25519(keeper.key.sign(&message));
        Action::Join { guardian: keeper.id(), terms, bond, consent }
    };
    let new = Keeper::new(9);
    all.person("NoGuardian", ANN, Action::Leave { guardian: GuardianId([1; 32]) });
    all.person("BondTooSmall", ANN, join(&all.world, &new, terms(9), 1));
    let bad = crate::guardian::Terms { peers: "".into(), ..terms(9) };
    all.person("BadTerms", ANN, join(&all.world, &new, bad, 500));
    all.person("GuardianPresent", ANN, join(&all.world, &Keeper::new(0), terms(9), 500));
    let [first, second] = [0, 1].map(|guardian| all.world.guardians[guardian].id());
    all.person("NotLeft", ANN, Action::Unbond { guardian: first });
    all.done(ANN, Action::Leave { guardian: first });
    all.person("NotActive", ANN, Action::Leave { guardian: first });
    all.person("StillNeeded", ANN, Action::Unbond { guardian: first });
    all.person("LastGuardian", BEN, Action::Leave { guardian: second });
    all.guardian("NoCandidate", 1, Action::Admit { guardian: first });
    let restate = Action::Restate { terms: terms(9) };
    for _ in 0..crate::guardian::RESTATEMENTS_MAX {
        all.world.guard(1, restate.clone()).unwrap();
    }
    all.guardian("RestatedTooOften", 1, restate);
    let mut twice = all.world.conflict(0);
    if let crate::evidence::Evidence::Votes(conflict) = &mut twice {
        conflict.second = conflict.first;
    }
    all.nobody("NoContradiction", Action::Accuse { evidence: twice });
    let evidence = all.world.conflict(0);
    all.world.evict(0);
    all.nobody("AlreadyEvicted", Action::Accuse { evidence });
    let mut full = Refusals::new(World::with(GUARDIANS_MAX, |_| {}));
    full.person("RosterFull", ANN, join(&full.world, &Keeper::new(999), terms(9), 500));
    all.reasons.extend(full.reasons);
    all.reasons
}

fn keys() -> BTreeSet<&'static str> {
    let mut all = Refusals::new(ceremony::world(6, 5, 3));
    let mut holders = Holders::<Ristretto255>::of("key");
    let members = holders.members(&all.world);
    let (first, stranger) = (members[0], (0..6).find(|guardian| !members.contains(guardian)).unwrap());
    all.guardian("BadKey", 0, Action::Approve { spec: spec("x", 9, 1) });
    let session = holders.session(&all.world).session;
    let announce = |session, key| Action::Announce { session, key };
    let asked = [
        (first, announce(SessionId([1; 32]), Vec::new()), "NoSession"),
        (first, announce(session, Vec::new()), "BadAnnouncement"),
        (first, announce(session, [0xFF; 96].to_vec()), "Dealing"),
        (stranger, announce(session, Vec::new()), "NotMember"),
        (first, Action::Ready { session }, "OtherPhase"),
    ];
    let operations: Vec<Operation> =
        asked.iter().map(|(who, action, _)| all.world.by_guardian(*who, action.clone())).collect();
    let results = all.world.block(&operations);
    for (result, (_, _, expected)) in results.into_iter().zip(&asked) {
        all.note(result, expected);
    }
    holders.announce(&mut all.world, &members);
    holders.deal(&mut all.world, &members);
    let terms = crate::shared_key::terms(&holders.session(&all.world)).unwrap();
    let dealing = holders.standing(&all.world).remove(1);
    let index = allod_threshold::Index::new(1).unwrap();
    let (_, secret) = holders.secrets[&first].clone();
    let lie =
        allod_threshold::dealing::lie::complaint(&dealing, &terms, index, &secret, &mut holders.rng).unwrap();
    all.nobody("ComplaintRefuted", holders.complaint(&all.world, &lie));
    all.world.guard(first, Action::Ready { session }).unwrap();
    all.guardian("NothingNew", first, Action::Ready { session });
    let key = crate::shared_key::KeyName::new("none").unwrap();
    let (guardian, claimant) = (all.world.guardians[0].id(), all.world.did(ANN));
    let proof = Vec::new();
    all.nobody("NoKey", Action::ClaimBounty { key, generation: 0, guardian, claimant, proof });
    all.nobody("NoNetworkKey", Action::Beacon { round: 1, signature: Vec::new() });
    let (world, holders) = network::network(|_| {});
    let mut network = Refusals::new(world);
    let message = beacon_message(&network.world.network, 1);
    let signature = network::sign(&network.world, &holders, &message).to_vec();
    network.world.happens(Action::Beacon { round: 1, signature: signature.clone() }).unwrap();
    network.nobody("BeaconKnown", Action::Beacon { round: 1, signature: signature.clone() });
    network.nobody("OtherRound", Action::Beacon { round: 2, signature });
    all.reasons.extend(network.reasons);
    let (world, mut holders, claim) = bounty::claimed();
    let mut shares = Refusals::new(world);
    shares.nobody("ShareClaimed", claim.clone());
    while holders.ceremony(&shares.world).is_none() {
        shares.world.empty(1);
    }
    let gone: Vec<usize> = (0..5).filter(|guardian| !shares.world.guardian(*guardian).is_active()).collect();
    holders.run_without(&mut shares.world, &gone);
    shares.nobody("OldShare", claim);
    all.reasons.extend(shares.reasons);
    all.reasons
}

#[test]
fn every_reason_to_refuse_is_reached() {
    let groups = [authority(), identities(), names(), things(), guardians(), keys()];
    let reached: BTreeSet<&str> = groups.into_iter().flatten().collect();
    let missing: Vec<&&str> = ALL.iter().filter(|reason| !reached.contains(**reason)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

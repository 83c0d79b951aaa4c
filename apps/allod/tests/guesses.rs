//! An attacker has the card but not the PIN, and guardians crash while guesses
//! are under way: however it is arranged, no more guesses come of it than the
//! owner allowed, and when they have run out, also the right PIN is of no use.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod process;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use allod_crypto::password::Cost;
use allod_crypto::{Secret, SecretBytes};
use allod_did::{Log, PublicKey, Root};
use allod_guardian::card::{Card, Code};
use allod_guardian::client::{Configuration, Keys, Kit, Patience, Recover, RecoverError, Register};
use allod_guardian::descriptor::owner_key;
use allod_guardian::juicebox::secret::stretch;
use allod_guardian::juicebox::{Recover1, Recover2, Recover2Request, Request, Response};
use allod_node::guardian::Tls;
use allod_node::person::{Access, CardSource, Link, find_descriptor, meet};
use allod_wire::RegistrationVersion;
use process::{At, Guardian, folder, guardians};

/// Guardians, how many of them recover, and guesses that each allows.
const N: usize = 5;
const T: u8 = 3;
const L: u16 = 3;

/// As many guesses as N guardians with L answers each can complete.
const GUESSES_MAX: usize = N * L as usize / T as usize;

const PIN: &[u8] = b"314159";
const INFO: &[u8] = b"info";
const SECRET: &[u8] = b"the secret";
const COST: Cost = Cost::JUICEBOX_FAST_INSECURE;

/// One step of an attack: who can be reached, who of them is asked for an
/// evaluation of the same guess, and who is killed how many microseconds after
/// the requests left.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    up: [bool; N],
    ask: [bool; N],
    kill: Vec<(usize, u64)>,
}

/// Where the attacker stands: what the card gives, and what came of it so far.
struct Attack {
    access: Access,
    version: RegistrationVersion,
    /// Evaluations that each guardian handed out.
    answers: [u16; N],
    /// Evaluations of each blinded guess.
    evaluations: BTreeMap<[u8; 32], usize>,
}

impl Attack {
    fn new(access: Access, version: RegistrationVersion) -> Self {
        Self { access, version, answers: [0; N], evaluations: BTreeMap::new() }
    }

    /// A guess like no other: the blinded element is another one each time.
    fn guess(&self) -> [u8; 32] {
        let mut rng = allod_node::entropy();
        let input = Secret::<32>::random(&mut rng);
        allod_threshold::juicebox::start(input.expose(), &mut rng).1.to_bytes()
    }

    async fn take(&mut self, guardians: &mut [Guardian], step: &Step) {
        for (guardian, up) in guardians.iter_mut().zip(step.up) {
            if up { guardian.run() } else { guardian.kill() }
        }
        let blinded = self.guess();
        let request =
            Request::Recover2(Recover2Request { version: self.version, oprf_blinded_input: blinded });
        let mut asked = tokio::task::JoinSet::new();
        for place in (0..N).filter(|place| step.ask[*place]) {
            // A way of its own, since the last one may lead to a dead process.
            let link = Link::new(self.access.links()[place].address().clone());
            let (token, request) = (self.access.token(place), request.clone());
            asked.spawn(async move { (place, link.ask(&token, &request).await) });
        }
        let mut kills = step.kill.clone();
        kills.sort_by_key(|(_, delay)| *delay);
        let mut waited = 0;
        for (place, delay) in kills {
            tokio::time::sleep(Duration::from_micros(delay - waited)).await;
            waited = delay;
            guardians[place].kill();
        }
        while let Some(answer) = asked.join_next().await {
            if let (place, Ok(Response::Recover2(Recover2::Ok(_)))) = answer.unwrap() {
                self.answers[place] += 1;
                *self.evaluations.entry(blinded).or_default() += 1;
            }
        }
    }

    /// Guesses with enough evaluations to tell a right PIN.
    fn complete(&self) -> usize {
        self.evaluations.values().filter(|count| **count >= usize::from(T)).count()
    }

    /// What the guardians must have kept to, at every moment.
    fn check(&self, schedule: &[Step]) {
        let told = || format!("save this schedule as a test of its own: {schedule:?}");
        assert!(self.answers.iter().all(|answers| *answers <= L), "{:?}; {}", self.answers, told());
        assert!(self.complete() <= GUESSES_MAX, "{} guesses; {}", self.complete(), told());
    }

    /// Uses up what is left at every guardian.
    async fn exhaust(&mut self, guardians: &mut [Guardian]) {
        for _ in 0..=L {
            self.take(guardians, &Step { up: [true; N], ask: [true; N], kill: Vec::new() }).await;
        }
        for place in 0..N {
            let answer = self.access.ask(place, &Request::Recover1).await;
            assert_eq!(answer, Ok(Response::Recover1(Recover1::NoGuesses)));
        }
    }
}

/// Places in the configuration, which is ordered by realm, are those of the
/// guardians here.
fn in_order(mut guardians: Vec<Guardian>, configuration: &Configuration) -> Vec<Guardian> {
    let place = |guardian: &Guardian| {
        configuration.guardians().iter().position(|known| known.address == guardian.address())
    };
    guardians.sort_by_key(|guardian| place(guardian).unwrap());
    guardians
}

async fn start(folder: &Path) -> (Vec<Guardian>, Configuration) {
    let guardians = guardians(folder, N, &Tls::Off);
    let addresses: Vec<String> = guardians.iter().map(|guardian| guardian.address().to_owned()).collect();
    let configuration = meet(&addresses, T).await.unwrap();
    (in_order(guardians, &configuration), configuration)
}

/// Registers somebody new at all guardians, and gives what the card gives.
async fn victim(guardians: &mut [Guardian], configuration: &Configuration) -> Attack {
    guardians.iter_mut().for_each(Guardian::run);
    let mut rng = allod_node::entropy();
    let root = Root::random(&mut rng);
    let device = allod_crypto::sign::SigningKey::from_seed(&Secret::random(&mut rng));
    let device = PublicKey::Ed25519(device.verifying_key());
    let log = Log::create(&root, device, "device", allod_node::now()).unwrap();
    let card = Card::new(&root, &log.state().did(), 0);
    let account = card.account(&owner_key(&root));

    let version = RegistrationVersion(*Secret::random(&mut rng).expose());
    let stretched = stretch(&SecretBytes::from(PIN.to_vec()), &version, INFO, COST).unwrap();
    let secret = SecretBytes::from(SECRET.to_vec());
    let kit = Kit::deal(&secret, &stretched, version, L, configuration.clone(), &mut rng).unwrap();
    let owner = Access::new(configuration.clone(), account, owner_key(&root)).unwrap();
    let register = Register::new(kit, &[0, 1, 2, 3, 4], N, Patience::default(), allod_node::now());
    let registering = owner.register(register).await;
    assert_eq!(registering.outcome, Ok(N), "{:?}", registering.report);
    Attack::new(Access::new(configuration.clone(), account, card.recover_key()).unwrap(), version)
}

/// A whole recovery, seen through.
async fn recover(access: &Access, pin: &[u8]) -> Result<Vec<u8>, RecoverError> {
    let configuration = access.configuration().clone();
    let machine = Recover::new(configuration, Keys::Unknown, Patience::default(), allod_node::now());
    let pin = SecretBytes::from(pin.to_vec());
    let recovering = access.clone().recover(machine, pin, INFO.to_vec(), COST, |_| {});
    let outcome = recovering.outcome.await.unwrap();
    recovering.settled.await.unwrap();
    outcome.map(|recovered| recovered.secret.expose().to_vec())
}

async fn attacked_by(schedule: &[Step], guardians: &mut [Guardian], configuration: &Configuration) -> Attack {
    let mut attack = victim(guardians, configuration).await;
    for step in schedule {
        attack.take(guardians, step).await;
        attack.check(schedule);
    }
    attack.exhaust(guardians).await;
    attack.check(schedule);
    let out = recover(&attack.access, PIN).await;
    let expected = Err(RecoverError::OutOfGuesses { destroyed: N, guardians: N });
    assert_eq!(out, expected, "{schedule:?}");
    attack
}

/// Numbers that nobody chose; the schedule they make is printed, not they.
struct Dice;

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        u64::from_le_bytes(*Secret::<8>::random(&mut allod_node::entropy()).expose()) % end
    }

    fn step(&mut self, up: [bool; N]) -> Step {
        let mut ask = up;
        // Often just as many as a guess takes, which wastes none.
        if self.below(2) == 0 {
            while ask.iter().filter(|asked| **asked).count() > usize::from(T) {
                ask[self.below(N as u64) as usize] = false;
            }
        }
        // From before a request is read until after it was answered.
        let kill = (0..N)
            .filter(|place| ask[*place] && self.below(2) == 0)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|place| (place, self.below(4_000)))
            .collect();
        Step { up, ask, kill }
    }
}

/// Every set of guardians that is enough for a guess.
fn subsets() -> Vec<[bool; N]> {
    (0..1_u32 << N)
        .map(|bits| std::array::from_fn(|place| bits >> place & 1 == 1))
        .filter(|up: &[bool; N]| up.iter().filter(|up| **up).count() >= usize::from(T))
        .collect()
}

/// Attacks in many rounds, each by another schedule of subsets and crashes.
async fn attacked_in_rounds(rounds: usize) {
    let folder = folder();
    let (mut guardians, configuration) = start(folder.path()).await;
    let (mut dice, subsets) = (Dice, subsets());
    let mut reached = 0;
    for round in 0..rounds {
        // Each subset has its turn at the beginning of a round, when guesses
        // are left.
        let turns = (0..8).map(|i| subsets[(round * 5 + i) % subsets.len()]);
        let schedule: Vec<Step> = turns.map(|up| dice.step(up)).collect();
        let attack = attacked_by(&schedule, &mut guardians, &configuration).await;
        reached = reached.max(attack.complete());
    }
    assert!(reached >= 1, "an attack that completes no guess shows nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_at_any_point_give_no_guess_away() {
    attacked_in_rounds(20).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes some minutes; `cargo xtask test --full` runs it"]
async fn crashes_at_any_point_give_no_guess_away_in_a_thousand_rounds() {
    attacked_in_rounds(1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_attack_gets_every_guess_that_there_is_and_none_more() {
    let folder = folder();
    let (mut guardians, configuration) = start(folder.path()).await;
    // Each guardian is asked three times, for five guesses of three.
    let ask = |places: [usize; 3]| Step {
        up: [true; N],
        ask: std::array::from_fn(|place| places.contains(&place)),
        kill: Vec::new(),
    };
    let schedule = [[0, 1, 2], [3, 4, 0], [1, 2, 3], [4, 0, 1], [2, 3, 4]].map(ask);
    let attack = attacked_by(&schedule, &mut guardians, &configuration).await;
    assert_eq!(attack.complete(), GUESSES_MAX);
    assert_eq!(attack.answers, [L; N]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guardian_that_is_killed_after_each_answer_counts_on_where_it_was() {
    let folder = folder();
    let (mut guardians, configuration) = start(folder.path()).await;
    let all = Step { up: [true; N], ask: [true; N], kill: Vec::new() };
    let none = Step { up: [false; N], ask: [false; N], kill: Vec::new() };
    let schedule: Vec<Step> = std::iter::repeat_n([all, none], 5).flatten().collect();
    let attack = attacked_by(&schedule, &mut guardians, &configuration).await;
    assert_eq!(attack.answers, [L; N]);
    assert_eq!(attack.complete(), usize::from(L));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_pin_gives_the_guesses_back_and_a_crash_does_not() {
    let folder = folder();
    let (mut guardians, configuration) = start(folder.path()).await;
    let attack = victim(&mut guardians, &configuration).await;
    let wrong = |guesses_left| Err(RecoverError::WrongPin { guesses_left });
    for _ in 0..3 {
        assert_eq!(recover(&attack.access, b"000000").await, wrong(2));
        for guardian in &mut guardians {
            guardian.kill();
            guardian.run();
        }
        assert_eq!(recover(&attack.access, b"000000").await, wrong(1));
        assert_eq!(recover(&attack.access, PIN).await, Ok(SECRET.to_vec()));
        for guardian in &mut guardians {
            guardian.kill();
            guardian.run();
        }
    }
    // The last guess may be the right one.
    assert_eq!(recover(&attack.access, b"000000").await, wrong(2));
    assert_eq!(recover(&attack.access, b"000000").await, wrong(1));
    assert_eq!(recover(&attack.access, PIN).await, Ok(SECRET.to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_the_right_pin_is_not_locked_out_by_crashes() {
    let folder = folder();
    let (mut guardians, configuration) = start(folder.path()).await;
    let attack = victim(&mut guardians, &configuration).await;
    let mut dice = Dice;
    for _ in 0..8 {
        guardians.iter_mut().for_each(Guardian::run);
        let access = attack.access.clone();
        let recovering = tokio::spawn(async move { recover(&access, PIN).await });
        // Two of five may die at any point; the other three are enough.
        let first = dice.below(N as u64) as usize;
        for place in [first, (first + 1 + dice.below(4) as usize) % N] {
            tokio::time::sleep(Duration::from_micros(dice.below(6_000))).await;
            guardians[place].kill();
        }
        assert_eq!(recovering.await.unwrap(), Ok(SECRET.to_vec()));
        // They come back, and a recovery in peace gives all guesses back.
        guardians.iter_mut().for_each(Guardian::run);
        assert_eq!(recover(&attack.access, PIN).await, Ok(SECRET.to_vec()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_when_the_guesses_have_run_out() {
    let folder = folder();
    let guardians = guardians(folder.path(), N, &Tls::Off);
    let (home, card) = (folder.path().join("home"), folder.path().join("card.txt"));
    let person = At { home: &home, pin: "314159" };
    let mut args = vec!["init", "--guesses", "3", "--card", card.to_str().unwrap(), "--pin-fd", "3"];
    for guardian in &guardians {
        args.extend(["--guardian", guardian.address()]);
    }
    person.run(&args).done();
    std::fs::remove_dir_all(home.join("person")).unwrap();

    let text = std::fs::read_to_string(&card).unwrap();
    let code = text.lines().find(|line| line.starts_with("ALLOD1:")).unwrap();
    let Code { card: stolen, addresses, .. } = Code::from_text(code).unwrap();
    let descriptor = find_descriptor(&CardSource { card: stolen.clone(), addresses }).await.unwrap();
    let configuration = descriptor.in_force.configuration.clone();
    let mut guardians = in_order(guardians, &configuration);
    let access = Access::new(configuration, descriptor.account(&stolen), stolen.recover_key()).unwrap();
    let mut attack = Attack::new(access, descriptor.in_force.version);
    attack.exhaust(&mut guardians).await;
    attack.check(&[]);

    let args = ["recover", "--card", card.to_str().unwrap(), "--pin-fd", "3"];
    let ended = person.run(&args);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains("the guesses ran out") && ended.err.contains("final"), "{ended:?}");
    let told = person.run(&[&["--json"], &args[..]].concat());
    assert_eq!((told.code, &told.json()["guesses_left"]), (4, &0.into()), "{told:?}");
    assert!(!home.join("person/identity").exists());
}

#[test]
fn a_second_guardian_cannot_open_the_same_state() {
    let folder = folder();
    let first = Guardian::start(&folder.path().join("guardian"), Tls::Off);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_allod"))
        .args(["guardian", "run", "--config"])
        .arg(first.config())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Is another guardian using it?"), "{said}");
}

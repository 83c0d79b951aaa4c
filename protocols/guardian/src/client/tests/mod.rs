//! The client's machines against realms in memory: one clock, no chance.

mod bound;
mod configurations;
mod kits;
mod liars;
mod recovery;
mod registration;
mod slow;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use allod_wire::Instant;

use super::*;
use crate::realm::tests::{ACCOUNT, SECRET, Shell, card, configuration, kit, owner, stretched};
use crate::realm::{Answer, Refusal};
use crate::test_rng::Seeded;

/// What becomes of a request that reached a guardian: how long until it is
/// looked at, and what the client gets. `None` never comes.
type Behaviour = Box<dyn FnMut(&mut Shell, Phase, Request) -> Option<Result<Response, Fault>>>;

/// Guardians, how far away each is, and how each behaves.
struct Network {
    shells: Vec<Shell>,
    behaviours: Vec<Behaviour>,
    delays_ms: Vec<u64>,
    /// Registrations are the owner's, recoveries the card's.
    now: Instant,
}

/// What came of a machine's run.
#[derive(Debug, Default)]
struct Run {
    events: Vec<RecoverEvent>,
    accused: Vec<Accused>,
    faults: BTreeMap<usize, Fault>,
    sent: Vec<(usize, Phase)>,
    /// When each event came, in milliseconds from the beginning.
    at_ms: Vec<u64>,
}

enum Arrival {
    Request(usize, Phase, Request),
    Answer(Input),
}

fn outcome(answer: Answer) -> Result<Response, Fault> {
    match answer {
        Answer::Response { response, .. } => Ok(response),
        Answer::Refused { refusal: Refusal::TooMany { retry_in_ms }, .. } => {
            Err(Fault::TooMany { retry_in_ms })
        }
        Answer::Refused { refusal, .. } => Err(Fault::Refused(refusal.to_string())),
        other => panic!("{other:?}"),
    }
}

fn honest() -> Behaviour {
    Box::new(|shell, _, request| Some(outcome(shell.serve(&card(), request))))
}

fn down() -> Behaviour {
    Box::new(|_, _, _| Some(Err(Fault::Unreachable("refused the connection".into()))))
}

/// Does what it should and then answers something else.
fn lying(lie: impl Fn(Response) -> Response + 'static) -> Behaviour {
    Box::new(move |shell, _, request| Some(outcome(shell.serve(&card(), request)).map(&lie)))
}

impl Network {
    fn empty(guardians: u8) -> Self {
        Self {
            shells: (1..=guardians).map(|n| Shell::new(allod_wire::RealmId([n; 16]))).collect(),
            behaviours: (0..guardians).map(|_| honest()).collect(),
            delays_ms: vec![0; guardians.into()],
            now: Instant(1_000_000),
        }
    }

    /// Honest guardians that all hold their part.
    fn holding(kit: &Kit) -> Self {
        let mut network = Self::empty(kit.configuration().guardians().len() as u8);
        for guardian in 0..network.shells.len() {
            network.store(kit, guardian);
        }
        network
    }

    fn store(&mut self, kit: &Kit, guardian: usize) {
        let request = kit.request(guardian).expect("a part for each");
        assert_eq!(self.shells[guardian].response(&owner(), request), Response::Register2);
    }

    fn guesses_left(&self) -> Vec<Option<u16>> {
        self.shells.iter().map(|shell| shell.guesses_left(&ACCOUNT)).collect()
    }

    /// A recovery with this PIN, to its end.
    fn recover(&mut self, configuration: &Configuration, key: Option<[u8; 32]>, pin: &str) -> Run {
        let mut rng = Seeded::new(self.now.0);
        let keys = key.map_or(Keys::Unknown, |key| Keys::Known { usable: vec![key], stale: vec![] });
        let mut machine = Recover::new(configuration.clone(), keys, Patience::default(), self.now);
        let mut run = Run::default();
        let mut on_the_way: BTreeMap<(Instant, u64), Arrival> = BTreeMap::new();
        let begin = self.now;
        let mut number = 0;
        for step in 0.. {
            assert!(step < 10_000, "the machine never ends");
            while let Some(output) = machine.poll() {
                match output {
                    Output::Send { guardian, phase, request } => {
                        run.sent.push((guardian, phase));
                        let at = self.now.plus_ms(self.delays_ms[guardian]);
                        on_the_way.insert(
                            (at, next_number(&mut number)),
                            Arrival::Request(guardian, phase, request),
                        );
                    }
                    Output::Compute(_) => {
                        let stretched = Input::Stretched(stretched(pin));
                        on_the_way.insert((self.now, next_number(&mut number)), Arrival::Answer(stretched));
                    }
                    Output::Event(event) => {
                        run.events.push(event);
                        run.at_ms.push(self.now.ms_since(begin));
                    }
                }
            }
            let next = on_the_way.keys().next().copied();
            let input = match (next, machine.deadline()) {
                (Some((at, _)), deadline) if deadline.is_none_or(|deadline| at <= deadline) => {
                    self.now = self.now.max(at);
                    match on_the_way.pop_first() {
                        Some((_, Arrival::Answer(input))) => input,
                        Some((_, Arrival::Request(guardian, phase, request))) => {
                            let answer =
                                self.behaviours[guardian](&mut self.shells[guardian], phase, request);
                            if let Some(outcome) = answer {
                                let input = Input::Answer { guardian, phase, outcome };
                                let key = (self.now, next_number(&mut number));
                                on_the_way.insert(key, Arrival::Answer(input));
                            }
                            continue;
                        }
                        None => unreachable!("a key was just seen"),
                    }
                }
                (_, Some(deadline)) => {
                    self.now = deadline;
                    Input::Time
                }
                (_, None) => break,
            };
            if let Err(accused) = machine.handle(self.now, &mut rng, input) {
                run.accused.push(accused);
            }
        }
        assert_eq!(
            run.events.iter().filter(|event| matches!(event, RecoverEvent::Settled)).count(),
            1,
            "{run:?}"
        );
        run.faults = machine.faults().map(|(guardian, fault)| (guardian, fault.clone())).collect();
        // Whatever is still on its way comes after all is over, and is harmless.
        for (_, arrival) in on_the_way {
            if let Arrival::Answer(input) = arrival {
                let _ = machine.handle(self.now, &mut rng, input);
            }
        }
        assert!(machine.poll().is_none() && machine.deadline().is_none());
        run
    }
}

/// Things that come at the same time come in the order they were sent.
fn next_number(number: &mut u64) -> u64 {
    *number += 1;
    *number
}

impl Run {
    fn secret(&self) -> Option<&[u8]> {
        self.events.iter().find_map(|event| match event {
            RecoverEvent::Recovered(recovered) => Some(recovered.secret.expose()),
            _ => None,
        })
    }

    fn error(&self) -> Option<&RecoverError> {
        self.events.iter().find_map(|event| match event {
            RecoverEvent::Failed(error) => Some(error),
            _ => None,
        })
    }

    /// The secret came back, once, and nothing failed.
    #[track_caller]
    fn assert_recovered(&self) {
        assert_eq!(self.secret(), Some(SECRET), "{self:?}");
        assert_eq!((self.error(), self.events.len()), (None, 2), "{self:?}");
    }

    #[track_caller]
    /// It failed for want of guardians.
    fn assert_too_few(&self, needed: usize, usable: usize) {
        match self.error() {
            Some(RecoverError::TooFew { needed: n, usable: u, .. }) => {
                assert_eq!((*n, *u), (needed, usable), "{self:?}");
            }
            other => panic!("{other:?} in {self:?}"),
        }
    }

    fn assert_failed(&self, error: &RecoverError) {
        assert_eq!(self.error(), Some(error), "{self:?}");
        assert_eq!((self.secret(), self.events.len()), (None, 2));
    }

    fn asked(&self, phase: Phase) -> usize {
        self.sent.iter().filter(|(_, sent)| *sent == phase).count()
    }
}

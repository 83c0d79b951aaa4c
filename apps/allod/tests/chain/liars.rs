//! Guardians that misbehave while a key is made. Their processes are stopped; what
//! they post is made here, under their keys.

use std::time::Duration;

use allod_crypto::group::{Ristretto255, SecretScalar};
use allod_ledger::Action;
use allod_ledger::shared_key::{Ceremony, Dealt, Phase, terms};
use allod_node::person::ledger::LedgerError;
use allod_threshold::Index;
use allod_threshold::dealing::{Dealing, EncryptionSecret, Terms, lie};

use super::Net;

const PATIENCE: Duration = Duration::from_secs(60);

/// A member of a session that is under way.
pub struct Liar<'a> {
    net: &'a Net,
    key: &'a str,
    guardian: usize,
    session: Ceremony,
    index: Index,
    secret: EncryptionSecret,
}

impl<'a> Liar<'a> {
    /// Takes the place of a guardian that does not run, and announces a key, as an
    /// honest one does.
    pub fn announce(net: &'a Net, key: &'a str, guardian: usize) -> Self {
        let mut session = None;
        net.until("a session", PATIENCE, || {
            session = net.key(1, key).ceremony;
            session.is_some()
        });
        let session = session.unwrap();
        let index = Index::new(session.member(&net.id(guardian)).unwrap().index).unwrap();
        let mut rng = allod_node::entropy();
        let secret = EncryptionSecret::random(&mut rng);
        let proof = secret.prove_possession(session.session.as_bytes(), index, &mut rng);
        let announced = [secret.key().bytes().as_slice(), &proof.encode()].concat();
        let action = Action::Announce { session: session.session, key: announced };
        net.as_guardian(guardian, 1, action).unwrap();
        Self { net, key, guardian, session, index, secret }
    }

    /// Waits until the session has come so far.
    fn wait(&mut self, phase: Phase) -> Terms {
        self.net.until(&format!("{phase:?}"), PATIENCE, || {
            let Some(now) = self.net.key(1, self.key).ceremony else { return false };
            assert_eq!(now.session, self.session.session);
            self.session = now;
            self.session.phase == phase
        });
        terms(&self.session).unwrap()
    }

    fn post(&self, dealing: Vec<u8>) -> Result<(), LedgerError> {
        let action = Action::Deal { session: self.session.session, dealing };
        self.net.as_guardian(self.guardian, 1, action).map(drop)
    }

    /// The first dealing that somebody else posted, and its dealer.
    fn another(&mut self) -> (Index, Vec<u8>) {
        let mut found = None;
        self.net.until("another dealing", PATIENCE, || {
            let session = self.net.key(1, self.key).ceremony.expect("the session goes on");
            found = session.dealt.into_iter().find(|dealer| *dealer != self.index.get());
            found.is_some()
        });
        let dealer = found.unwrap();
        let place = (self.session.session, dealer);
        let Dealt(bytes) = self.net.run(self.net.ledger(1).expect(&place)).unwrap();
        (Index::new(dealer).unwrap(), bytes)
    }

    /// Deals so that nobody but `victim` can see that its share is wrong.
    pub fn deal_a_wrong_share(mut self, victim: usize) {
        let terms = self.wait(Phase::Dealing);
        let victim = Index::new(self.session.member(&self.net.id(victim)).unwrap().index).unwrap();
        let mut rng = allod_node::entropy();
        let secret = SecretScalar::<Ristretto255>::random(&mut rng);
        let dealing = lie::wrong_share(&terms, self.index, &secret, victim, &mut rng).unwrap();
        self.post(dealing.encode()).unwrap();
        self.net.note(&format!("guardian {} dealt a wrong share", self.guardian));
    }

    /// Tries to pass off bytes and another's dealing as its own, deals in the end,
    /// and then complains about a dealing in which nothing is wrong.
    pub fn deal_what_is_not_its_own_and_complain_falsely(mut self) {
        let terms = self.wait(Phase::Dealing);
        for stolen in [vec![7; 500], self.another().1] {
            let refused = self.post(stolen);
            assert!(
                matches!(refused, Err(LedgerError::Refused(_) | LedgerError::Declined { .. })),
                "{refused:?}"
            );
        }
        let mut rng = allod_node::entropy();
        let dealing = Dealing::<Ristretto255>::deal_fresh(&terms, self.index, &mut rng).unwrap();
        self.post(dealing.encode()).unwrap();
        let (dealer, bytes) = self.another();
        let terms = self.wait(Phase::Verifying);
        let honest = Dealing::<Ristretto255>::decode(dealer, &bytes).unwrap();
        let complaint = lie::complaint(&honest, &terms, self.index, &self.secret, &mut rng).unwrap();
        let action = Action::Complain { session: self.session.session, complaint: complaint.encode() };
        let refused = self.net.run(self.net.ledger(1).ask_unsigned(action));
        assert!(
            matches!(refused, Err(LedgerError::Refused(_) | LedgerError::Declined { .. })),
            "{refused:?}"
        );
        self.net.note(&format!("guardian {} was refused three times", self.guardian));
    }
}

//! What a guardian does in a session.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_threshold::Index;
use allod_threshold::dealing::{EncryptionSecret, Terms};
use allod_wire::Instant;

use super::message::{Event, Inconsistent, Output, Post};
use super::posted::Posted;
use super::view::{Phase, Session};
use super::{Keyholder, PATIENCE_MS, algebra};

impl Keyholder {
    /// Does what the session waits for.
    pub(super) fn take_part(
        &mut self,
        now: Instant,
        rng: &mut impl CryptoRng,
        session: &Session,
    ) -> Result<(), Inconsistent> {
        match session.phase {
            Phase::Announcing => self.announce(now, rng, session),
            Phase::Dealing => self.deal(now, rng, session),
            Phase::Verifying => self.verify(now, rng, session),
        }
    }

    fn announce(
        &mut self,
        now: Instant,
        rng: &mut impl CryptoRng,
        session: &Session,
    ) -> Result<(), Inconsistent> {
        let (Some(index), Some(secret), false) = (session.index, &self.record.secret, session.announced)
        else {
            return Ok(());
        };
        if secret.session != session.id {
            return Ok(());
        }
        let secret = secret.decode()?;
        let proof = secret.prove_possession(session.id.as_bytes(), Index::new(index)?, rng);
        let key = [secret.key().bytes().as_slice(), &proof.encode()].concat();
        self.post(now, Posted::Announce(session.id), Post::Announce { session: session.id, key });
        Ok(())
    }

    fn deal(
        &mut self,
        now: Instant,
        rng: &mut impl CryptoRng,
        session: &Session,
    ) -> Result<(), Inconsistent> {
        let posted = Posted::Deal(session.id);
        let (Some(dealer), Some(terms), false) = (session.dealer, &session.terms, session.dealt) else {
            return Ok(());
        };
        if self.was_posted(now, &posted) {
            return Ok(());
        }
        let held = match session.from {
            None => None,
            // Without the share that is to be handed on, the others have to do.
            Some(generation) => match &self.record.share {
                Some(held) if held.generation == generation && held.index == dealer => Some(held),
                _ => return Ok(()),
            },
        };
        let dealing = allod_threshold::in_group!(
            self.group,
            G => algebra::deal::<G>(terms, dealer, held, rng)
        )?;
        self.post(now, posted, Post::Deal { session: session.id, dealing });
        Ok(())
    }

    fn verify(
        &mut self,
        now: Instant,
        rng: &mut impl CryptoRng,
        session: &Session,
    ) -> Result<(), Inconsistent> {
        let (Some(index), Some(terms), Some(secret), false) =
            (session.index, &session.terms, &self.record.secret, session.ready)
        else {
            return Ok(());
        };
        if secret.session != session.id {
            return Ok(());
        }
        let secret = secret.decode()?;
        if !is_of(&secret, terms, index)? {
            return Ok(());
        }
        let mut good = match self.opened.take() {
            Some((opened, good)) if opened == session.id => good,
            _ => BTreeSet::new(),
        };
        let mut complaints = Vec::new();
        for (dealer, dealing) in &session.dealings {
            if good.contains(dealer) {
                continue;
            }
            let complaint = allod_threshold::in_group!(
                self.group,
                G => algebra::open::<G>(terms, *dealer, dealing, index, &secret, rng)
            )?;
            match complaint {
                Some(complaint) => complaints.push((*dealer, complaint)),
                None => {
                    good.insert(*dealer);
                }
            }
        }
        self.opened = Some((session.id, good));
        if complaints.is_empty() {
            self.post(now, Posted::Ready(session.id), Post::Ready { session: session.id });
        }
        for (dealer, complaint) in complaints {
            let posted = Posted::Complain(session.id, dealer);
            if !self.was_posted(now, &posted) {
                self.emit(Output::Event(Event::Accused { dealer }));
            }
            self.post(now, posted, Post::Complain { session: session.id, complaint });
        }
        Ok(())
    }

    fn was_posted(&self, now: Instant, posted: &Posted) -> bool {
        self.posted.iter().any(|(other, at)| other == posted && now.ms_since(*at) < PATIENCE_MS)
    }

    /// Hands something in, unless it was a short while ago.
    fn post(&mut self, now: Instant, posted: Posted, post: Post) {
        if self.was_posted(now, &posted) {
            return;
        }
        self.posted.retain(|(other, _)| *other != posted);
        self.posted.push((posted, now));
        self.emit(Output::Post(post));
    }
}

/// Whether the secret is that of the key which is on the ledger for this index. A
/// guardian whose disk was set back does not have it.
pub(super) fn is_of(secret: &EncryptionSecret, terms: &Terms, index: u16) -> Result<bool, Inconsistent> {
    Ok(terms.key(Index::new(index)?)? == secret.key())
}

//! Where the network stands, as nobody can tell it wrong: its newest signed height
//! and time among what all guardians that are asked show, and its rules.

use std::sync::Arc;

use allod_guardian::client::Fault;
use allod_ledger::record::Record;
use allod_ledger::{Certificate, Chain, Checkpoint, Genesis, Parameters};
use allod_wire::{Instant, Wire};
use tokio::task::JoinSet;

use super::{GLANCE, LOOK, Ledger, LedgerError, Link, escape, named, trust};

/// How far the network's time and this device's clock may be apart, in milliseconds.
const APART_MS: u64 = 2 * 60 * 60 * 1000;

/// How far beyond what the network signed last this device's clock is believed: for
/// what was signed some time ago.
const ALLOWANCE_MS: u64 = 10 * 60 * 1000;

/// How long a network that was asleep, or is new, may take to sign something.
const AWAKENING: std::time::Duration = std::time::Duration::from_secs(20);

/// What the network signed last, and the time that it is now.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The newest checkpoint.
    pub checkpoint: Checkpoint,
    /// The time now: this device's, but not before the checkpoint's, nor minutes after
    /// it.
    pub now: Instant,
}

impl Ledger {
    /// Where the network stands. Every guardian is asked, and the newest that any of
    /// them can prove is taken: who lies can show no more than something old. Waits a
    /// while for the first signature of a new network.
    ///
    /// # Errors
    /// [`LedgerError::Apart`] where the network's time and this device's clock are
    /// hours apart; [`LedgerError::Proof`] where all are bad; [`LedgerError`].
    pub async fn standing(&self) -> Result<Standing, LedgerError> {
        let deadline = tokio::time::Instant::now() + AWAKENING;
        loop {
            let checkpoint = match self.certificate().await {
                Ok(certificate) => certificate.checkpoint,
                // A network that has just made its key has signed nothing with it yet.
                Err(LedgerError::NotCertified { .. }) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                Err(why) => return Err(why),
            };
            let device = crate::now();
            match compare(checkpoint.at, device) {
                Some(now) => return Ok(Standing { checkpoint, now }),
                // A network that slept signs something new as soon as it is awake.
                None if checkpoint.at < device && tokio::time::Instant::now() < deadline => {}
                None => return Err(LedgerError::Apart { network: checkpoint.at, device }),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The newest certificate that any guardian shows, checked.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn certificate(&self) -> Result<Certificate, LedgerError> {
        let key = self.key()?;
        let (mut newest, mut bad, mut silent) = (None::<Certificate>, None, None);
        for (link, answer) in ask_all(&self.links, "/chain/certificate", Certificate::SIZE_MAX).await {
            let certificate = match answer {
                Ok(Some(bytes)) => allod_wire::decode::<Certificate>(&bytes)
                    .map_err(|why| LedgerError::Garbage(why.to_string()))
                    .and_then(|certificate| {
                        key.verify(&self.trust.network, &certificate)?;
                        Ok(certificate)
                    }),
                Ok(None) => continue,
                Err(fault) => {
                    silent = Some(fault);
                    continue;
                }
            };
            match certificate {
                Ok(found) if newest.is_none_or(|known| known.checkpoint.at < found.checkpoint.at) => {
                    newest = Some(found);
                }
                Ok(_) => {}
                Err(why) => {
                    self.accuse(link, &why);
                    bad = Some(why);
                }
            }
        }
        newest.ok_or(match (bad, silent) {
            (Some(why), _) => why,
            (None, Some(fault)) => LedgerError::Unreachable(fault),
            (None, None) if self.links.is_empty() => LedgerError::NoGuardian,
            (None, None) => LedgerError::NotCertified { height: 0 },
        })
    }

    /// The network's rules. Where they are not kept here yet, they are taken from the
    /// genesis, of which the network's id is the hash.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn rules(&self) -> Result<Parameters, LedgerError> {
        if let Some(rules) = self.trust.rules {
            return Ok(rules);
        }
        let mut last = LedgerError::NoGuardian;
        for (place, link) in self.links.iter().enumerate() {
            let found = match link.get("/chain/genesis", Genesis::SIZE_MAX).await {
                Ok(Some(bytes)) => trust::genesis(&bytes).and_then(|genesis| {
                    let ours = genesis.network() == self.trust.network;
                    ours.then_some(genesis.parameters)
                        .ok_or_else(|| LedgerError::Garbage("the genesis of another network".into()))
                }),
                Ok(None) => continue,
                Err(fault) => {
                    last = LedgerError::Unreachable(fault);
                    continue;
                }
            };
            match found {
                Ok(rules) => return Ok(rules),
                Err(why) => {
                    self.accuse(place, &why);
                    last = why;
                }
            }
        }
        Err(last)
    }

    /// A record as each of the guardians tells it, not proven.
    pub(super) async fn told<R: Record>(&self, id: &R::Id) -> Vec<R> {
        told_by(&self.links, id).await.0
    }

    /// The height that the ledger has now, as the guardians of the network tell it: no
    /// more than one of them has that is honest, and no less than what has an outcome
    /// in which more than a third agree, while no more than a third lie.
    ///
    /// # Errors
    /// [`LedgerError::Unreachable`] where too few of them answer; [`LedgerError`].
    pub async fn height(&self) -> Result<u64, LedgerError> {
        let links = self.active().await?;
        let liars = links.len() / 3;
        let links: Vec<_> = links.iter().flatten().cloned().collect();
        let (told, silent) = told_by::<Chain>(&links, &()).await;
        let heights = told.into_iter().map(|chain| chain.height).collect();
        beyond(heights, liars).ok_or_else(|| silent.map_or(LedgerError::NoGuardian, LedgerError::Unreachable))
    }
}

/// The highest of these that is left when as many as may lie are taken away.
fn beyond(mut heights: Vec<u64>, liars: usize) -> Option<u64> {
    heights.sort_unstable_by(|one, other| other.cmp(one));
    heights.get(liars).copied()
}

/// A record as each of these tells it, and the trouble of one that does not.
async fn told_by<R: Record>(links: &[Arc<Link>], id: &R::Id) -> (Vec<R>, Option<Fault>) {
    let path = format!("/chain/record/{}/{}", escape(R::KIND), named(id));
    let (mut told, mut silent) = (Vec::new(), None);
    for (_, answer) in ask_all(links, &path, R::SIZE_MAX).await {
        match answer {
            Ok(Some(bytes)) => told.extend(allod_wire::decode::<R>(&bytes)),
            Ok(None) => {}
            Err(fault) => silent = Some(fault),
        }
    }
    (told, silent)
}

/// What each of these has at `path`, by its place. When one has answered, the others
/// have a moment left.
async fn ask_all(
    links: &[Arc<Link>],
    path: &str,
    size_max: usize,
) -> Vec<(usize, Result<Option<Vec<u8>>, Fault>)> {
    let mut asked = JoinSet::new();
    for (place, link) in links.iter().enumerate() {
        let (link, path) = (Arc::clone(link), path.to_owned());
        asked.spawn(async move { (place, link.get(&path, size_max).await) });
    }
    let (mut answers, mut deadline) = (Vec::new(), None);
    loop {
        let next = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, asked.join_next()).await.unwrap_or(None),
            None => asked.join_next().await,
        };
        match next {
            Some(Ok((place, answer))) => {
                if answer.is_ok() && deadline.is_none() {
                    deadline = Some(tokio::time::Instant::now() + GLANCE);
                }
                answers.push((place, answer));
            }
            Some(Err(_)) => {}
            None => return answers,
        }
    }
}

/// The time now, of what the network signed and what this device's clock says;
/// nothing where they are hours apart.
fn compare(signed: Instant, device: Instant) -> Option<Instant> {
    let apart = signed.ms_since(device).max(device.ms_since(signed));
    (apart <= APART_MS).then(|| device.clamp(signed, signed.plus_ms(ALLOWANCE_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_the_guardians_make_the_height_neither_too_high_nor_too_low() {
        assert_eq!(beyond(vec![9, u64::MAX, 8, 9], 1), Some(9));
        assert_eq!(beyond(vec![9, 0, 8, 9], 1), Some(9));
        assert_eq!(beyond(vec![7], 0), Some(7));
        assert_eq!(beyond(vec![u64::MAX], 1), None);
    }

    #[test]
    fn the_time_is_near_what_the_network_signed_or_nobody_acts() {
        let signed = Instant(1_000_000_000);
        assert_eq!(compare(signed, signed.plus_ms(5_000)), Some(signed.plus_ms(5_000)));
        assert_eq!(compare(signed, Instant(signed.0 - APART_MS)), Some(signed));
        assert_eq!(compare(signed, signed.plus_ms(APART_MS)), Some(signed.plus_ms(ALLOWANCE_MS)));
        assert_eq!(compare(signed, Instant(signed.0 - APART_MS - 1)), None);
        assert_eq!(compare(signed, signed.plus_ms(APART_MS + 1)), None);
        assert_eq!(compare(Instant(u64::MAX), Instant(0)), None);
    }
}

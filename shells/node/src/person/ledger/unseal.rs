//! Having sealed files opened: the network's word for a round of the beacon, and
//! the help of those who hold the key of a file that is sealed to a quorum.

use std::sync::Arc;

use allod_guardian::client::Fault;
use allod_guardian::sealed::{Error, Fault as SealedFault, FileKey, Header, Lock, Refusal, Reply, Unsealing};
use allod_ledger::beacon_message;
use allod_threshold::bls::Signature;
use allod_wire::{Instant, Wire};

use super::evaluate::next;
use super::keyholders::{GuardianFault, Keyholders, Replies, Wrong, ask_one};
use super::{Ledger, LedgerError};
use crate::person::Person;

/// What guardians answer to those who come too early.
const TOO_EARLY: &str = "425:";

/// What the network says about a round of the beacon.
#[derive(Debug)]
pub enum Word {
    /// Its signature.
    Said(Signature),
    /// The round is not due yet.
    TooEarly,
    /// Nobody could tell; what each guardian's trouble was.
    Unknown(Vec<String>),
}

/// What came of an opening at a quorum.
#[derive(Debug)]
pub struct Opened {
    /// The file's key, if enough guardians helped.
    pub key: Option<FileKey>,
    /// How many more were needed.
    pub missing: usize,
    /// Not before this time, where that is why guardians refused.
    pub not_before: Option<Instant>,
    /// Who did not help, and who lied.
    pub faults: Vec<GuardianFault>,
}

impl Ledger {
    /// The network's signature for a round of the beacon, checked.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn beacon(&self, round: u64) -> Result<Word, LedgerError> {
        let (key, path) = (self.key()?, format!("/chain/beacon/{round}"));
        let message = beacon_message(&self.trust.network, round);
        let (mut faults, mut too_early) = (Vec::new(), false);
        for link in &self.links {
            let address = link.address();
            match link.get(&path, Signature::LEN).await {
                Ok(Some(bytes)) => {
                    let signature = Signature::decode(&bytes).ok();
                    let good = signature.filter(|word| key.public_key().verify(&message, word).is_ok());
                    match good {
                        Some(signature) => return Ok(Word::Said(signature)),
                        None => {
                            faults.push(format!("{address}: it lies: this is not the network's signature"))
                        }
                    }
                }
                Ok(None) => faults.push(format!("{address}: too few guardians answer it at present")),
                Err(Fault::Refused(why)) if why.starts_with(TOO_EARLY) => too_early = true,
                Err(fault) => faults.push(format!("{address}: {fault}")),
            }
        }
        Ok(if too_early { Word::TooEarly } else { Word::Unknown(faults) })
    }

    /// Has a file that is sealed to a quorum opened, in the name of `person`.
    ///
    /// # Errors
    /// [`LedgerError`]; [`LedgerError::Refused`] where no honest guardian would help.
    pub async fn open(&self, person: &Person, header: &Header) -> Result<Opened, LedgerError> {
        let Lock::Quorum { key, .. } = &header.lock else { return Err(refused(Error::OtherLock)) };
        // The guardians look this identity up.
        self.anchor(person).await?;
        let holders = self.keyholders(key, 0).await?;
        let (opened, moved_on) = open_with(person, header, holders).await?;
        if !moved_on || opened.key.is_some() {
            return Ok(opened);
        }
        // The key was handed on since the newest checkpoint.
        let holders = self.keyholders(key, self.height().await?).await?;
        Ok(open_with(person, header, holders).await?.0)
    }
}

fn refused(why: Error) -> LedgerError {
    LedgerError::Refused(why.to_string())
}

/// Asks these holders; also tells whether one of them holds another generation.
async fn open_with(
    person: &Person,
    header: &Header,
    holders: Keyholders,
) -> Result<(Opened, bool), LedgerError> {
    let Keyholders { committee, guardians } = holders;
    let did = person.log.state().did();
    let mut unsealing =
        Unsealing::new(header, committee, did, &person.device, crate::now(), &mut crate::entropy())
            .map_err(refused)?;
    let request = Arc::new(allod_wire::encode(unsealing.request()));
    let (mut replies, mut faults) = (Replies::new(), Vec::new());
    for (place, holder) in guardians.iter().enumerate() {
        match &holder.link {
            Some(link) => {
                let (link, request) = (Arc::clone(link), Arc::clone(&request));
                ask_one(&mut replies, place, link, "/chain/unseal", None, request, Reply::SIZE_MAX);
            }
            None => faults.push(holder.fault(Wrong::NotAsked("its address makes no sense"))),
        }
    }
    let (mut not_before, mut moved_on) = (None, false);
    while let Some((place, reply)) = next(&mut replies, unsealing.missing() == 0).await {
        let Some(holder) = guardians.get(place) else { continue };
        let wrong = match reply.map(|bytes| allod_wire::decode::<Reply>(&bytes)) {
            Err(fault) => Wrong::Silent(fault),
            Ok(Err(_)) => Wrong::Lied("what it sent is no reply".into()),
            Ok(Ok(reply)) => match unsealing.accept(&holder.guardian, &reply) {
                Ok(()) => continue,
                Err(SealedFault::Refused(refusal)) => {
                    moved_on |= refusal == Refusal::NoShare;
                    if let Refusal::TooEarly { after, .. } = refusal {
                        not_before = Some(after);
                    }
                    Wrong::Refused(refusal.to_string())
                }
                Err(fault @ SealedFault::OtherGeneration { .. }) => {
                    moved_on = true;
                    Wrong::Refused(fault.to_string())
                }
                Err(fault) => Wrong::Lied(fault.to_string()),
            },
        };
        faults.push(holder.fault(wrong));
    }
    let (key, missing) = (unsealing.file_key(), unsealing.missing());
    Ok((Opened { key, missing, not_before, faults }, moved_on))
}

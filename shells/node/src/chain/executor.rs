//! What final blocks are for: each is applied to the ledger and made durable
//! before the next is taken.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use allod_crypto::sign::VerifyingKey;
use allod_ledger::committee::{Committee as Seats, Seat};
use allod_ledger::guardian::Guardian;
use allod_ledger::{Block, Chain, Claim, Genesis, Operation, Parameters};
use allod_wire::{BlockId, GuardianId, NetworkId, OperationId};
use tokio::sync::{mpsc, watch};

use super::ChainError;
use super::Routes;
use super::ordering::{Address, Application, Applied, Committee, Evidence, FinalBlock, Halt, Kind, Member};
use super::store::{Applying, Store};

/// Operations whose signatures are remembered to be good: as many as may wait.
const CHECKED_MAX: usize = 65_536;

/// Applies final blocks to the ledger on disk.
#[derive(Debug)]
pub struct Executor {
    store: Arc<Store>,
    network: NetworkId,
    rules: Parameters,
    routes: Routes,
    height: watch::Sender<u64>,
    faults: mpsc::UnboundedSender<Evidence>,
    checked: Mutex<Checked>,
}

impl Executor {
    /// Opens the ledger of `genesis`, and begins it where there is none.
    ///
    /// Heights that become durable are told on the first channel, contradictory
    /// votes on the second.
    ///
    /// # Errors
    /// [`ChainError::OtherNetwork`], [`ChainError::Store`], [`ChainError::Ledger`].
    pub fn open(
        store: Arc<Store>,
        genesis: &Genesis,
    ) -> Result<(Self, watch::Receiver<u64>, mpsc::UnboundedReceiver<Evidence>), ChainError> {
        let expected = genesis.network();
        let height = match store.height()? {
            Some(height) => {
                let chain: Chain = store.newest()?.expect(&())?;
                if chain.network != expected {
                    return Err(ChainError::OtherNetwork { found: chain.network, expected });
                }
                height
            }
            None => {
                store.begin(&allod_ledger::begin(genesis)?)?;
                0
            }
        };
        let (height, heights) = watch::channel(height);
        let (faults, accusations) = mpsc::unbounded_channel();
        let (network, rules) = (genesis.network(), genesis.parameters);
        let (routes, checked) = (Routes::default(), Mutex::default());
        Ok((Self { store, network, rules, routes, height, faults, checked }, heights, accusations))
    }

    /// The same with other guardians reached by these routes.
    pub fn by(self, routes: Routes) -> Self {
        Self { routes, ..self }
    }

    fn try_apply(&self, block: &FinalBlock) -> Result<(), ChainError> {
        let before = self.store.newest()?;
        let chain: Chain = before.expect(&())?;
        let operations: Vec<Vec<u8>> =
            block.block().operations().iter().map(|operation| operation.bytes().to_vec()).collect();
        let (height, at, id) = (block.height(), block.time(), BlockId(block.digest().0));
        let block = Block { height, at, id, operations: &operations };
        let is_checked = |id: &OperationId| lock(&self.checked).has(id);
        let applied = allod_ledger::apply_checked(&before, &block, is_checked)?;
        for outcome in &applied.outcomes {
            if let Err(why) = &outcome.result {
                tracing::debug!(operation = %outcome.operation, %why, "an operation was refused");
            }
        }
        drop(before);
        let is_checkpoint = height.is_multiple_of(self.rules.checkpoint_every);
        self.store.apply(&Applying { chain: &chain, height, at, id, applied: &applied, is_checkpoint })?;
        self.height.send_replace(height);
        Ok(())
    }

    fn seats(&self, epoch: u64) -> Result<Option<Committee>, ChainError> {
        let ledger = self.store.newest()?;
        let Some(seats) = ledger.find::<Seats>(&epoch)? else { return Ok(None) };
        let member = |seat: &Seat| -> Result<Member, ChainError> {
            // Who moved since is found where it is now.
            let now = ledger.find::<Guardian>(&seat.guardian)?.map(|guardian| guardian.terms.peers);
            let address = match dialled(&seat.guardian, now.as_deref().unwrap_or(&seat.peers)) {
                Address::Socket(address) => Address::Socket(self.routes.to(address)),
                name => name,
            };
            Ok(Member { key: VerifyingKey(*seat.guardian.as_bytes()), address })
        };
        Ok(Some(Committee {
            members: seats.members.iter().map(member).collect::<Result<_, _>>()?,
            observers: seats.observers.iter().map(member).collect::<Result<_, _>>()?,
        }))
    }
}

/// Operations that were found acceptable when they came, so that their signatures
/// need not be checked again in a block. It forgets the oldest first.
#[derive(Debug, Default)]
struct Checked {
    ids: HashSet<OperationId>,
    order: VecDeque<OperationId>,
}

impl Checked {
    fn has(&self, id: &OperationId) -> bool {
        self.ids.contains(id)
    }

    fn add(&mut self, id: OperationId) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > CHECKED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

/// What a panic left is as good as before: an id is in both or in neither, or is
/// checked once more.
fn lock(checked: &Mutex<Checked>) -> MutexGuard<'_, Checked> {
    checked.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A guardian that cannot be dialled is still a member; it connects by itself.
fn dialled(guardian: &GuardianId, address: &str) -> Address {
    address.parse().unwrap_or_else(|why| {
        tracing::warn!(%guardian, address, %why, "this guardian cannot be dialled");
        Address::NOWHERE
    })
}

impl Application for Executor {
    fn applied(&self) -> Applied {
        let height = *self.height.borrow();
        // Only a ledger that came from others has one, until the next block.
        let certificate = self.store.finality(height).and_then(|bytes| {
            let decoded = bytes.map(|bytes| allod_wire::decode(&bytes).map_err(|why| why.to_string()));
            Ok(decoded.transpose()?)
        });
        let certificate = certificate.unwrap_or_else(|why| {
            tracing::error!(%why, "the votes that the ledger began with could not be read");
            None
        });
        Applied { height, certificate }
    }

    fn admit(&self, operation: &[u8]) -> bool {
        let judged = self.store.newest().and_then(|ledger| Ok(allod_ledger::check(&ledger, operation)?));
        match judged {
            Ok(Ok(())) => {
                lock(&self.checked).add(allod_ledger::id_of(operation));
                true
            }
            Ok(Err(why)) => {
                tracing::debug!(%why, "an operation was not admitted");
                false
            }
            Err(why) => {
                tracing::error!(%why, "an operation could not be judged");
                false
            }
        }
    }

    fn kind(&self, operation: &[u8]) -> Kind {
        match allod_wire::decode::<Operation>(operation) {
            Ok(operation) if operation.body.network != self.network => Kind::Nonsense,
            Ok(operation) if operation.body.claim == Claim::Itself => Kind::Free,
            Ok(_) => Kind::Paid,
            Err(_) => Kind::Nonsense,
        }
    }

    fn apply(&self, block: &FinalBlock) -> Result<(), Halt> {
        self.try_apply(block).map_err(|why| Halt(why.to_string()))
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        self.seats(epoch).unwrap_or_else(|why| {
            tracing::error!(%why, epoch, "the committee could not be read");
            None
        })
    }

    fn accuse(&self, evidence: Evidence) {
        // Nobody listens any more when the guardian ends.
        let _ = self.faults.send(evidence);
    }
}

#[cfg(test)]
mod tests {
    use allod_ledger::committee::{MEMBERS_MAX, OBSERVERS_MAX};

    use super::super::ordering::COMMITTEE_MAX;
    use super::*;

    #[test]
    fn the_ledger_seats_no_more_than_the_ordering_takes() {
        assert_eq!(MEMBERS_MAX, COMMITTEE_MAX);
        assert_eq!(OBSERVERS_MAX, COMMITTEE_MAX);
        assert!(usize::from(crate::chain::founding::local_rules().committee_max) <= MEMBERS_MAX);
    }

    #[test]
    fn what_was_checked_is_remembered_up_to_a_limit_and_the_oldest_is_forgotten_first() {
        let id = |number: usize| {
            let mut id = OperationId([0; 32]);
            id.0[..8].copy_from_slice(&(number as u64).to_be_bytes());
            id
        };
        let mut checked = Checked::default();
        assert!(!checked.has(&id(0)));
        for number in 0..CHECKED_MAX + 2 {
            checked.add(id(number));
            checked.add(id(number));
        }
        assert_eq!((checked.ids.len(), checked.order.len()), (CHECKED_MAX, CHECKED_MAX));
        assert!(!checked.has(&id(1)));
        assert!(checked.has(&id(2)) && checked.has(&id(CHECKED_MAX + 1)));
    }
}

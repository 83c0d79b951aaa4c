//! An application that writes down what it is given. It lives outside the
//! simulation, as a disk does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::chain::ordering::{
    Application, Applied, BlockDigest, Certificate, Committee, Evidence, FinalBlock, Halt, Kind, Operation,
};

/// Who takes part in which epoch.
pub(super) type Committees = Arc<dyn Fn(u64) -> Option<Committee> + Send + Sync>;

/// What was applied at one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) digest: BlockDigest,
    pub(super) time_ms: u64,
    pub(super) operations: Vec<Operation>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) height: u64,
    pub(super) certificate: Option<Certificate>,
    pub(super) entries: BTreeMap<u64, Entry>,
    pub(super) evidence: Vec<Evidence>,
    /// The height at which it fails, if any.
    pub(super) halt_at: Option<u64>,
}

/// The application.
pub(super) struct Ledger {
    state: Mutex<State>,
    committees: Committees,
}

impl Ledger {
    pub(super) fn new(committees: Committees) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), committees })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn height(&self) -> u64 {
        self.state().height
    }

    /// Operations by the height that has them first.
    pub(super) fn has(&self, operation: &[u8]) -> bool {
        self.state().entries.values().flat_map(|entry| &entry.operations).any(|one| one.bytes() == operation)
    }

    /// Takes over another's state, as by a snapshot: its height and certificate.
    pub(super) fn restore(&self, height: u64, certificate: Certificate) {
        let mut state = self.state();
        (state.height, state.certificate) = (height, Some(certificate));
    }

    /// Forgets everything above `height`.
    pub(super) fn set_back(&self, height: u64) {
        let mut state = self.state();
        state.height = height;
        state.entries.retain(|at, _| *at <= height);
    }
}

impl Application for Ledger {
    fn applied(&self) -> Applied {
        let state = self.state();
        Applied { height: state.height, certificate: state.certificate.clone() }
    }

    /// Garbage is what begins with a zero.
    fn admit(&self, operation: &[u8]) -> bool {
        operation.first() != Some(&0)
    }

    /// What begins with a one, anybody could have made.
    fn kind(&self, operation: &[u8]) -> Kind {
        match operation.first() {
            None | Some(0) => Kind::Nonsense,
            Some(1) => Kind::Free,
            Some(_) => Kind::Paid,
        }
    }

    fn apply(&self, block: &FinalBlock) -> Result<(), Halt> {
        let mut state = self.state();
        assert_eq!(block.height(), state.height + 1, "blocks come in order");
        assert_eq!(block.digest(), block.block().digest());
        if let Some(before) = state.entries.get(&state.height) {
            assert_eq!(block.block().header().parent, before.digest, "each block is built on the one before");
            assert!(block.time().0 > before.time_ms, "time goes on");
        }
        if state.halt_at == Some(block.height()) {
            return Err(Halt("told so by the test".into()));
        }
        let entry = Entry {
            digest: block.digest(),
            time_ms: block.time().0,
            operations: block.block().operations().to_vec(),
        };
        state.entries.insert(block.height(), entry);
        state.height = block.height();
        state.certificate = None;
        Ok(())
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        (self.committees)(epoch)
    }

    fn accuse(&self, evidence: Evidence) {
        self.state().evidence.push(evidence);
    }
}

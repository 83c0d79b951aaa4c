//! A guardian that votes twice: it has an honest guardian's key, ledger and place
//! among the others, orders operations as that would, and beside each vote that a
//! block is good it tells half of its peers that another one is.
//!
//! It serves nobody: people who ask that guardian find no one there. No block is
//! behind what it votes for besides, so it can mislead nobody, but each pair of
//! votes is evidence.

mod votes;

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::chain::ordering::simplex::{self, Tuning};
use crate::chain::ordering::{self, Ordering};
use crate::chain::{ChainError, Executor, Kept, Store, guardian_key, read_genesis};
use crate::guardian::{ChainSection, Config, GuardianError};

use votes::TwoVotes;

/// A guardian that votes twice and is up.
pub struct Equivocator {
    listen: SocketAddr,
    ordering: simplex::Simplex,
}

impl std::fmt::Debug for Equivocator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Equivocator").field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl Equivocator {
    /// Takes the place of the guardian of this configuration, which must not run.
    ///
    /// # Errors
    /// [`GuardianError::Chain`].
    pub fn start(config: &Config) -> Result<Self, GuardianError> {
        let section = config.chain.as_ref().ok_or_else(|| {
            ChainError::Ordering("a guardian that has no part in a chain cannot vote twice".into())
        })?;
        Ok(Self::take_place(config, section)?)
    }

    fn take_place(config: &Config, section: &ChainSection) -> Result<Self, ChainError> {
        let genesis = read_genesis(&section.genesis)?;
        let state = config.state.join("chain");
        let key = guardian_key(&state)?;
        let store = Arc::new(Store::open(&state.join("ledger"), Kept::default())?);
        // Nobody listens for what others did wrong.
        let (executor, _, _) = Executor::open(store, &genesis)?;
        let epoch_heights = NonZeroU64::new(genesis.parameters.epoch_heights)
            .ok_or_else(|| ChainError::Ordering("an epoch has no heights".into()))?;
        let network = *genesis.network().as_bytes();
        let engine = simplex::Config {
            parameters: ordering::Parameters { network, genesis: genesis.at, epoch_heights },
            key: key.clone(),
            listen: section.listen,
            folder: state.join("ordering"),
            contacts: Vec::new(),
            tuning: Tuning::default(),
        };
        let ordering = simplex::start_through(
            engine,
            Arc::new(executor.by(section.routes())),
            TwoVotes::new(network, key),
        )
        .map_err(|why| ChainError::Ordering(why.to_string()))?;
        Ok(Self { listen: section.listen, ordering })
    }

    /// Where other guardians reach it.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Resolves when it cannot go on, with the reason.
    pub async fn ended(&self) -> ordering::Ended {
        self.ordering.ended().await
    }

    /// Ends it.
    pub async fn stop(self) {
        self.ordering.stop().await;
    }
}

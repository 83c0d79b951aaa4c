//! The keyholder against a small ledger, through whole lives of a key, by people
//! who crash, are late, fail to write, or lie.

mod catching_up;
mod crashes;
mod late;
mod ledger;
mod liars;
mod life;
mod network;
mod records;
mod writes;

use allod_threshold::Index;

use super::*;
use network::{Fate, Network};

//! Nodes in a simulated network, with a clock, disks and links that one seed
//! decides; the tasks are those that run over TCP.

mod agreement;
mod border;
mod budget;
mod epochs;
mod ledger;
mod liar;
mod recovery;
mod storage;
mod tcp;
mod vectors;
mod world;

//! Tests: carriers that meet, in memory.

mod flow;
mod home;
mod liar;
mod liars;
mod reconcile;
mod thieves;

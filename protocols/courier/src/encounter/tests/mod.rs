//! Tests: carriers that meet, in memory.

mod flow;
mod home;
mod liars;
mod reconcile;

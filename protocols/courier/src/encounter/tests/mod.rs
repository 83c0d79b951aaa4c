//! Tests: carriers that meet, in memory.

mod flow;
mod home;

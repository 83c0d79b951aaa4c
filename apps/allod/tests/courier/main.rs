//! Messages by the command, on processes: between people who never meet, on a network without a
//! way out, in groups.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod codes;
#[path = "../home/mod.rs"]
mod home;
mod life;
mod neighbours;
mod nodes;
#[path = "../process/mod.rs"]
mod process;
mod stick;
#[path = "../story/mod.rs"]
mod story;
mod street;
mod vouch;

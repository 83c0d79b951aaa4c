//! The state machine as its users see it.

mod allowance;
mod authority;
mod ceremony;
mod committees;
mod conservation;
mod deals;
mod evidence;
mod frozen;
mod guardians;
mod holdings;
mod issuers;
mod names;
mod people;
mod recovery;
mod refused;
mod story;
mod world;

use people::*;
use world::*;

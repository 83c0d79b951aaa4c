//! The state machine as its users see it.

mod allowance;
mod authority;
mod committees;
mod deals;
mod evidence;
mod guardians;
mod holdings;
mod issuers;
mod names;
mod people;
mod recovery;
mod refused;
mod world;

use people::*;
use world::*;

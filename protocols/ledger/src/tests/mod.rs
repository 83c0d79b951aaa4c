//! The state machine as its users see it.

mod allowance;
mod authority;
mod people;
mod refused;
mod world;

use people::*;
use world::*;

//! One person's side: what stands in the home folder, how guardians are
//! reached, and what a person does with both.

mod address;
mod awaited;
mod begin;
mod drive;
mod error;
mod establish;
mod guardians;
mod home;
pub mod ledger;
mod link;
mod search;
mod tls;
mod tokens;
mod upkeep;

pub use address::{Address, BadAddress};
pub use awaited::{Awaited, Late};
pub use begin::{NewIdentity, Progress};
pub use drive::{Access, Recovering, Registering, Report};
pub use error::PersonError;
pub use guardians::{Check, GuardianCheck, Heal, Replacement};
pub use home::{Home, Person, Retired};
pub use link::Link;
pub use search::{CardSource, find_descriptor, meet};

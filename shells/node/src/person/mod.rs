//! One person's side: what stands in the home folder, how guardians are
//! reached, and what a person does with both.

mod address;
mod drive;
mod home;
mod identity;
mod link;
mod tls;

pub use address::{Address, BadAddress};
pub use drive::{Access, Recovering, Registering, Report};
pub use home::{Guarded, Home, Person};
pub use identity::{
    CardSource, Check, GuardianCheck, Heal, NewIdentity, PersonError, Progress, Replacement, find_descriptor,
    meet,
};
pub use link::Link;

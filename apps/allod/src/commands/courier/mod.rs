//! Messages: people, groups, what is carried, and the links over which it goes.

pub(crate) mod carry;
mod codes;
pub(crate) mod contact;
mod conversation;
pub(crate) mod group;
pub(crate) mod inbox;
pub(crate) mod links;
mod office;
pub(crate) mod read;
mod records;
pub(crate) mod send;
mod told;
pub(crate) mod vouch;
mod who;

pub(crate) use office::Office;

//! A guardian fetches a ledger over HTTP from others, of which some lie.

mod chains;
mod liars;
mod world;

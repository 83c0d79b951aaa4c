//! `allod testnet`: guardians to be disturbed.

use allod_node::person::Home;

use crate::cli::Testnet;
use crate::failure::Failure;
use crate::screen::Screen;

pub(super) async fn run(_home: &Home, _args: Testnet, _screen: &Screen) -> Result<(), Failure> {
    Err(Failure::usage("not yet"))
}

//! `allod up`: a local network of guardians and the person's own node.

use allod_node::person::Home;

use crate::cli::Up;
use crate::failure::Failure;
use crate::screen::Screen;

pub(super) async fn run(_home: &Home, _args: &Up, _screen: &Screen) -> Result<(), Failure> {
    Err(Failure::usage("not yet"))
}

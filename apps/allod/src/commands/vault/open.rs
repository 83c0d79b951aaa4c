//! Opening the person's vault.

use std::time::Duration;

use allod_disk::{DiskError, Place, PlaceError, Vault};
use allod_node::person::Home;

use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// How often it is tried whether the vault is free.
const TRIED: Duration = Duration::from_millis(100);

/// Where the person's vault lies.
pub(crate) fn place(home: &Home) -> Place {
    Place::new(home.path().join("vault"))
}

/// The person's vault, made if there is none. Waits while another command has it, but not
/// for a mount.
pub(crate) fn open(home: &Home, screen: &Screen) -> Result<Vault, Failure> {
    let place = place(home);
    if place.is_there() {
        return open_existing(home, screen);
    }
    let root = load(home)?.root.derive("vault", 0);
    let vault = wait(screen, || place.create(&root, &mut allod_node::entropy()))?;
    screen.note(&format!("Made your vault: {}. Only this identity opens it.", place.image().display()));
    Ok(vault)
}

/// The person's vault, which must be there.
pub(crate) fn open_existing(home: &Home, screen: &Screen) -> Result<Vault, Failure> {
    let place = place(home);
    let root = load(home)?.root.derive("vault", 0);
    if !place.is_there() {
        return Err(Failure::new(Kind::Failed, "there is no vault here yet")
            .next("`allod put PATH` makes one and puts something into it"));
    }
    wait(screen, || place.open(&root))
}

fn wait(screen: &Screen, open: impl Fn() -> Result<Vault, PlaceError>) -> Result<Vault, Failure> {
    let mut is_told = false;
    loop {
        match open() {
            Err(PlaceError::Disk(DiskError::InUse(_))) => {}
            opened => return Ok(opened?),
        }
        if !is_told {
            screen.note("waiting for another `allod` that is at work on this vault");
            is_told = true;
        }
        std::thread::sleep(TRIED);
    }
}

//! Opening a vault: the person's own, or a folder that is shared.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use allod_crypto::Secret;
use allod_disk::{DiskError, FileBlocks, Handle, Place, PlaceError, Reach, Vault, Zstd};
use allod_node::person::{Home, Person};

use super::spaces::{self, Space};
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

const WAITING: &str = "waiting for another `allod` that is at work on this vault";

/// How often it is tried whether the vault is free.
const TRIED: Duration = Duration::from_millis(100);

/// A home, and which of its vaults a command is about.
#[derive(Clone, Debug)]
pub(crate) struct VaultHome {
    home: Home,
    space: Option<Space>,
    /// Where this process has it mounted.
    mounted: Option<Handle<FileBlocks, Zstd>>,
    /// One at a time goes over all objects.
    turn: Arc<Mutex<()>>,
}

/// A vault that a command is done on.
pub(crate) type VaultReach = Reach<FileBlocks, Zstd>;

impl VaultHome {
    /// The person's own vault.
    pub(crate) fn own(home: &Home) -> Self {
        Self { home: home.clone(), space: None, mounted: None, turn: Arc::default() }
    }

    /// The vault that was named, or the person's own.
    pub(crate) fn choose(home: &Home, name: Option<&str>) -> Result<Self, Failure> {
        let space = name.map(|name| spaces::named(home, name)).transpose()?;
        Ok(Self { home: home.clone(), space, mounted: None, turn: Arc::default() })
    }

    /// The same vault, which this process has mounted.
    pub(crate) fn mounted_as(&self, handle: Handle<FileBlocks, Zstd>) -> Self {
        Self { mounted: Some(handle), ..self.clone() }
    }

    /// Waits until nothing else that goes over all objects is done by the one who has it mounted.
    pub(super) fn turn(&self, screen: &Screen) -> Result<MutexGuard<'_, ()>, Failure> {
        let mut is_told = false;
        loop {
            match self.turn.try_lock() {
                Ok(turn) => return Ok(turn),
                Err(TryLockError::Poisoned(broken)) => return Ok(broken.into_inner()),
                Err(TryLockError::WouldBlock) if !is_told => screen.note(WAITING),
                Err(TryLockError::WouldBlock) => {}
            }
            is_told = true;
            screen.go_on()?;
            std::thread::sleep(TRIED);
        }
    }

    /// Whether this process has it mounted.
    pub(crate) fn is_mounted(&self) -> bool {
        self.mounted.is_some()
    }

    /// This shared folder, or the person's own vault, whether it is here or not.
    pub(crate) fn of(home: &Home, space: Option<Space>) -> Self {
        Self { home: home.clone(), space, mounted: None, turn: Arc::default() }
    }

    /// Which shared folder it is, if it is one.
    pub(crate) fn space(&self) -> Option<&Space> {
        self.space.as_ref()
    }

    /// The key that opens the image.
    pub(crate) fn root(&self, person: &Person) -> Secret<32> {
        match &self.space {
            Some(space) => space.root(person),
            None => person.root.derive("vault", 0),
        }
    }

    fn folder(&self) -> PathBuf {
        match &self.space {
            Some(space) => space.folder(&self.home),
            None => self.home.path().join("vault"),
        }
    }
}

impl Deref for VaultHome {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

/// Where the vault lies.
pub(crate) fn place(home: &VaultHome) -> Place {
    Place::new(home.folder())
}

/// The vault; the person's own is made if there is none. Waits while another command has it, but
/// not for a mount.
pub(crate) fn open(home: &VaultHome, screen: &Screen) -> Result<Vault, Failure> {
    let place = place(home);
    if place.is_there() || home.space.is_some() {
        return open_existing(home, screen);
    }
    let root = home.root(&load(home)?);
    let vault = wait(screen, || place.create(&root, &mut allod_node::entropy()))?;
    screen.note(&format!("Made your vault: {}. Only this identity opens it.", place.image().display()));
    Ok(vault)
}

/// The vault, which must be there.
pub(crate) fn open_existing(home: &VaultHome, screen: &Screen) -> Result<Vault, Failure> {
    let place = place(home);
    let root = home.root(&load(home)?);
    if !place.is_there() {
        return Err(Failure::new(Kind::Failed, "there is no vault here yet")
            .next("`allod put PATH` makes one and puts something into it"));
    }
    wait(screen, || place.open(&root))
}

/// The vault, mounted or not; the person's own is made if there is none.
pub(crate) fn reach_or_make(home: &VaultHome, screen: &Screen) -> Result<VaultReach, Failure> {
    match &home.mounted {
        Some(handle) => Ok(Reach::Mounted(handle.clone())),
        None => Ok(Reach::Alone(Box::new(open(home, screen)?))),
    }
}

/// The vault, which must be there, mounted or not.
pub(crate) fn reach(home: &VaultHome, screen: &Screen) -> Result<VaultReach, Failure> {
    match &home.mounted {
        Some(handle) => Ok(Reach::Mounted(handle.clone())),
        None => Ok(Reach::Alone(Box::new(open_existing(home, screen)?))),
    }
}

fn wait(screen: &Screen, open: impl Fn() -> Result<Vault, PlaceError>) -> Result<Vault, Failure> {
    let mut is_told = false;
    loop {
        match open() {
            Err(PlaceError::Disk(DiskError::InUse(_))) => {}
            opened => return Ok(opened?),
        }
        if !is_told {
            screen.note(WAITING);
            is_told = true;
        }
        std::thread::sleep(TRIED);
    }
}

//! The side that is called: at an address for whoever proves to be let in, or once on standard
//! input and output.

use std::fs::File;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use allod_disk::meeting::{self, Sides};
use allod_disk::{DiskError, PlaceError, Vault};
use allod_node::device_link::{DeviceLink, Door};
use allod_node::person::{Home, Person};
use allod_vault::share::Hello;
use allod_vault::sync::Role;
use serde_json::json;
use tokio::runtime::Handle;

use super::ready::{follow, make_ready};
use super::told::{Told, broken, tell};
use crate::commands::load;
use crate::commands::vault::open::{VaultHome, place};
use crate::commands::vault::spaces::folder_of;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// How long the other side may take to say who it is, and to take the answer.
const MEETS: Duration = Duration::from_secs(30);

/// How long it is waited for a vault that is in use.
const FREE: Duration = Duration::from_secs(20);

/// How often it is tried.
const TRIED: Duration = Duration::from_millis(100);

/// How long what guardians said of the person's devices counts.
const FOLLOWED: Duration = Duration::from_secs(60);

/// Who answers.
pub(super) struct Answering {
    home: Home,
    screen: Screen,
    runtime: Handle,
    /// When it was last found out which devices the person has.
    followed: Mutex<Option<Instant>>,
    /// One after the other.
    turn: Mutex<()>,
}

impl Answering {
    pub(super) fn new(home: &Home, screen: &Screen) -> Self {
        let (runtime, turn) = (Handle::current(), Mutex::new(()));
        Self { home: home.clone(), screen: *screen, runtime, followed: Mutex::new(None), turn }
    }

    /// Answers all who come, and never ends.
    pub(super) fn listen(&self, door: &Door, person: &Person) {
        door.answer(&person.device, |from, link| {
            // Who proves no key is nobody to speak of.
            let Ok(link) = link else { return };
            match self.answer(&link) {
                Ok(Some(told)) => told.say(&self.screen),
                Ok(None) => {
                    let from = from.ip();
                    self.screen.result(
                        &json!({ "joined": from.to_string() }),
                        &format!("Let a device of yours at {from} take up the vault."),
                    );
                }
                Err(why) => {
                    self.screen.warn(&format!("{}: {why}", from.ip()));
                    if self.screen.is_json() {
                        let why = json!({ "failed": why.to_string(), "from": from.ip().to_string() });
                        self.screen.result(&why, "");
                    }
                }
            }
        });
    }

    /// Answers once on standard input and output.
    pub(super) fn on_stdio(&self, person: &Person) -> Result<(), Failure> {
        let failed = |why: io::Error| broken(why);
        let (here, there) = UnixStream::pair().map_err(failed)?;
        let (mut into, mut out) = (there.try_clone().map_err(failed)?, there);
        let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
        let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(failed)?);
        std::thread::spawn(move || {
            let _ = io::copy(&mut stdin, &mut into);
            let _ = into.shutdown(Shutdown::Write);
        });
        let sends = std::thread::spawn(move || {
            let _ = io::copy(&mut out, &mut stdout);
        });
        let link = DeviceLink::accept(here, &person.device).map_err(failed)?;
        let answered = self.answer(&link);
        // What was said last goes out.
        drop(link);
        let _ = sends.join();
        match answered? {
            Some(told) => self.screen.note(&told.text()),
            None => self.screen.note("Let a device of yours take up the vault."),
        }
        Ok(())
    }

    /// Answers one device: with what it came to, or nothing where it took up the vault.
    fn answer(&self, link: &DeviceLink) -> Result<Option<Told>, Failure> {
        link.set_patience(MEETS).map_err(broken)?;
        let proven = link.proven();
        let begun = meeting::hello(&mut &*link, &proven)?;
        self.follow();
        let person = load(&self.home)?;
        let begins = Instant::now();
        let _turn = loop {
            if let Ok(turn) = self.turn.try_lock() {
                break turn;
            }
            if begins.elapsed() > FREE {
                return self.refuse(
                    &begun,
                    &person,
                    "this device syncs with another one; try again when it is done",
                    link,
                );
            }
            std::thread::sleep(TRIED);
        };
        let Some(home) = self.meant(&begun, &person)? else {
            return self.refuse(&begun, &person, "what you ask for is not here", link);
        };
        let mut vault = match open_soon(&home, &person) {
            Ok(vault) => vault,
            Err(PlaceError::Mounted(_)) => {
                return self.refuse(
                    &begun,
                    &person,
                    "the vault is mounted there; end the mount, and try again",
                    link,
                );
            }
            Err(PlaceError::Disk(DiskError::InUse(_))) => {
                return self.refuse(&begun, &person, "the vault is in use there; try again later", link);
            }
            Err(why) => {
                let _ = self.refuse(&begun, &person, "the vault there cannot be opened", link);
                return Err(why.into());
            }
        };
        let rng = &mut allod_node::entropy();
        make_ready(&mut vault, home.space().is_none(), &person, rng)?;
        let sides = Sides { log: &person.log, device: &person.device, proven: &proven };
        let (mut from, mut to) = (link, link);
        match meeting::answer_meeting(&mut vault, &begun, sides, (&mut from, &mut to), rng)? {
            None => Ok(None),
            Some(_) => tell(&mut vault, Role::Answers, &person, &begun, link, &self.screen).map(Some),
        }
    }

    /// Which vault somebody asks for. That there is one of the person's own, nobody else hears.
    fn meant(&self, begun: &Hello, person: &Person) -> Result<Option<VaultHome>, Failure> {
        if let Some(space) = begun.space
            && folder_of(&self.home, &space).join("image").exists()
        {
            return VaultHome::choose(&self.home, Some(&space.to_string())).map(Some);
        }
        let own = VaultHome::own(&self.home);
        let is_own = begun.did() == person.log.state().did() && place(&own).is_there();
        Ok(is_own.then_some(own))
    }

    fn refuse(
        &self,
        begun: &Hello,
        person: &Person,
        why: &str,
        mut link: &DeviceLink,
    ) -> Result<Option<Told>, Failure> {
        let own = Hello::to_join(begun.space, &person.log, &person.device)?;
        meeting::refuse(&own, why, &mut link).map_err(broken)?;
        Err(Failure::new(Kind::Failed, format!("refused {}: {why}", begun.did())))
    }

    /// Asks guardians which devices the person has, unless they said so lately.
    fn follow(&self) {
        let mut followed = self.followed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if followed.is_none_or(|then| then.elapsed() > FOLLOWED) {
            self.runtime.block_on(follow(&self.home, &self.screen));
            *followed = Some(Instant::now());
        }
    }
}

/// Opens a vault, if it is free soon.
fn open_soon(home: &VaultHome, person: &Person) -> Result<Vault, PlaceError> {
    let begun = Instant::now();
    loop {
        match place(home).open(&home.root(person)) {
            Err(PlaceError::Disk(DiskError::InUse(_))) if begun.elapsed() < FREE => std::thread::sleep(TRIED),
            opened => return opened,
        }
    }
}

//! The side that is called: at an address for whoever proves to be let in, or once on standard
//! input and output.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use allod_crypto::sign::VerifyingKey;
use allod_disk::meeting::{self, Sides};
use allod_disk::{DiskError, PlaceError, Use, Vault};
use allod_node::device_link::{DeviceLink, Door};
use allod_node::person::{Home, Person};
use allod_vault::share::{HELLO_MAX, Hello};
use allod_vault::sync::Role;
use serde_json::json;
use tokio::runtime::Handle;

use super::carries::{Carries, PassedOn, pass_on};
use super::ready::{follow, make_ready};
use super::told::{Told, broken, tell};
use crate::commands::load;
use crate::commands::vault::holder;
use crate::commands::vault::open::{VaultHome, place, reach};
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

/// What answering came to.
enum Answered {
    Told(Box<Told>),
    /// The device took up the vault.
    Joined,
    /// The process that has the vault mounted answered, and said so.
    Elsewhere,
}

impl Answered {
    /// Says it, where there is something to say it on.
    fn say(&self, from: Option<IpAddr>, screen: &Screen) {
        match (self, from) {
            (Self::Told(told), Some(_)) => told.say(screen),
            (Self::Told(told), None) => screen.note(&told.text()),
            (Self::Joined, Some(from)) => screen.result(
                &json!({ "joined": from.to_string() }),
                &format!("Let a device of yours at {from} take up the vault."),
            ),
            (Self::Joined, None) => screen.note("Let a device of yours take up the vault."),
            (Self::Elsewhere, _) => {}
        }
    }
}

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
        Self { home: home.clone(), screen: screen.clone(), runtime, followed: Mutex::new(None), turn }
    }

    /// Answers all who come, and never ends.
    pub(super) fn listen(&self, door: &Door, person: &Person) {
        door.answer(&person.device, |from, link| {
            // Who proves no key is nobody to speak of.
            let Ok(link) = link else { return };
            match self.answer(&link, Some(from.ip())) {
                Ok(answered) => answered.say(Some(from.ip()), &self.screen),
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
        let (mut stdin, mut stdout) = self.screen.streams().map_err(failed)?;
        std::thread::spawn(move || {
            let _ = io::copy(&mut stdin, &mut into);
            let _ = into.shutdown(Shutdown::Write);
        });
        let sends = std::thread::spawn(move || {
            let _ = io::copy(&mut out, &mut stdout);
        });
        let link = DeviceLink::accept(here, &person.device).map_err(failed)?;
        let answered = self.answer(&link, None);
        // What was said last goes out.
        drop(link);
        let _ = sends.join();
        answered?.say(None, &self.screen);
        Ok(())
    }

    /// Answers one device.
    fn answer(&self, link: &DeviceLink, from: Option<IpAddr>) -> Result<Answered, Failure> {
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
            Err(PlaceError::Mounted(_)) => match self.pass_on(&home, &begun, from, link)? {
                Some(0) => return Ok(Answered::Elsewhere),
                Some(_) => return Err(Failure::new(Kind::Failed, "the sync came to no end, as said above")),
                None => {
                    return self.refuse(
                        &begun,
                        &person,
                        "the vault is mounted there; end the mount, and try again",
                        link,
                    );
                }
            },
            Err(PlaceError::Disk(DiskError::InUse(_))) => {
                return self.refuse(&begun, &person, "the vault is in use there; try again later", link);
            }
            Err(why) => {
                let _ = self.refuse(&begun, &person, "the vault there cannot be opened", link);
                return Err(why.into());
            }
        };
        let is_own = home.space().is_none();
        meet_and_tell(&mut vault, is_own, &person, (&begun, proven), link, &self.screen)
    }

    /// Has the process that has a vault mounted answer. With its exit code.
    fn pass_on(
        &self,
        home: &VaultHome,
        begun: &Hello,
        from: Option<IpAddr>,
        link: &DeviceLink,
    ) -> Result<Option<u8>, Failure> {
        let (here, there) = UnixStream::pair().map_err(broken)?;
        let preface = Preface { proven: link.proven(), begun: begun.encode(), from };
        let err = io::stderr();
        let out = match from {
            Some(_) => self.screen.streams().map_err(broken)?.1,
            // What is standard output has the link.
            None => File::from(err.as_fd().try_clone_to_owned().map_err(broken)?),
        };
        let mut arguments = vec!["allod", "sync", "--answer"];
        if self.screen.is_json() {
            arguments.insert(1, "--json");
        }
        std::thread::scope(|scope| {
            let asked = scope.spawn(move || {
                let asked = holder::ask(home, &arguments, [&there, &out, &err]);
                // The holder has its own end of it, if there is one.
                let _ = there.shutdown(Shutdown::Both);
                asked
            });
            let _ = preface.send(&here).and_then(|()| pass_on(link, &here));
            let _ = here.shutdown(Shutdown::Both);
            asked.join().unwrap_or(Ok(None))
        })
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
    ) -> Result<Answered, Failure> {
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

/// Meets a device of which the hello came, and syncs with it, unless it joined.
fn meet_and_tell(
    vault: &mut impl Use,
    is_own: bool,
    person: &Person,
    (begun, proven): (&Hello, VerifyingKey),
    link: &dyn Carries,
    screen: &Screen,
) -> Result<Answered, Failure> {
    let rng = &mut allod_node::entropy();
    make_ready(vault, is_own, person, rng)?;
    let sides = Sides { log: &person.log, device: &person.device, proven: &proven };
    let (mut from, mut to) = (link, link);
    match meeting::answer_meeting(&mut *vault, begun, sides, (&mut from, &mut to), rng)? {
        None => Ok(Answered::Joined),
        Some(_) => {
            let told = tell(vault, Role::Answers, person, begun, link, screen)?;
            Ok(Answered::Told(Box::new(told)))
        }
    }
}

/// What the process that has the vault mounted has to know of a device that another one met.
struct Preface {
    /// The key that the device proved to have.
    proven: VerifyingKey,
    /// Its hello.
    begun: Vec<u8>,
    /// Where it called from, if it did.
    from: Option<IpAddr>,
}

impl Preface {
    fn send(&self, mut to: &UnixStream) -> io::Result<()> {
        let from = self.from.map_or_else(String::new, |from| from.to_string());
        let size = (self.begun.len() as u32).to_le_bytes();
        let all = [&self.proven.0[..], &[from.len() as u8], from.as_bytes(), &size, &self.begun].concat();
        to.write_all(&all)
    }

    fn receive(mut from: &UnixStream) -> io::Result<Self> {
        let (mut proven, mut size) = ([0; 32], [0; 1]);
        from.read_exact(&mut proven)?;
        from.read_exact(&mut size)?;
        let mut address = vec![0; size[0].into()];
        from.read_exact(&mut address)?;
        let mut size = [0; 4];
        from.read_exact(&mut size)?;
        let size = u32::from_le_bytes(size) as usize;
        if size > HELLO_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut begun = vec![0; size];
        from.read_exact(&mut begun)?;
        let address = String::from_utf8_lossy(&address).parse().ok();
        Ok(Self { proven: VerifyingKey(proven), begun, from: address })
    }
}

/// Answers a device that another process met, as the one that has the vault mounted.
pub(super) fn passed_on(home: &VaultHome, screen: &Screen) -> Result<(), Failure> {
    if !home.is_mounted() {
        return Err(Failure::usage("this is for processes that answer while the vault is mounted"));
    }
    let person = load(home)?;
    let link = PassedOn(OwnedFd::from(screen.streams().map_err(broken)?.0).into());
    let Preface { proven, begun, from } = Preface::receive(&link.0).map_err(broken)?;
    let begun = Hello::decode(&begun, &proven)?;
    let mut vault = reach(home, screen)?;
    let is_own = home.space().is_none();
    meet_and_tell(&mut vault, is_own, &person, (&begun, proven), &link, screen)?.say(from, screen);
    Ok(())
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

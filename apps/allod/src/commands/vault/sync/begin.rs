//! The side that begins: it goes to another device, meets it, and syncs; or takes up a vault.

use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use allod_disk::meeting::{self, MeetingError, Sides};
use allod_node::device_link::DeviceLink;
use allod_node::person::Person;
use allod_vault::sync::Role;
use serde_json::json;

use super::ready::make_ready;
use super::told::{broken, readable, tell};
use crate::commands::load;
use crate::commands::vault::open::{VaultHome, place, reach};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// How long a connection may take to come about.
const CONNECTS: Duration = Duration::from_secs(10);

/// How long the other side may take to look who this is.
const MEETS: Duration = Duration::from_secs(90);

/// How often there may be more to tell.
const SESSIONS_MAX: usize = 8;

/// Where the other device is.
#[derive(Clone, Debug)]
pub(super) enum Other {
    /// It listens there.
    At(String),
    /// This command's standard input and output lead there.
    Behind(String),
}

/// A link, and the command that it goes through.
struct Way {
    link: DeviceLink,
    command: Option<Child>,
}

impl Other {
    fn reach(&self, person: &Person, screen: &Screen) -> Result<Way, Failure> {
        let (link, command) = match self {
            Self::At(address) => (DeviceLink::connect(connect(address)?, &person.device), None),
            Self::Behind(line) => {
                let failed = |why| Failure::new(Kind::Failed, format!("the command {line:?}: {why}"));
                let (here, there) = UnixStream::pair().map_err(failed)?;
                let other_end = there.try_clone().map_err(failed)?;
                let mut command = Command::new("sh");
                command.arg("-c").arg(line);
                command
                    .stdin(Stdio::from(OwnedFd::from(there)))
                    .stdout(Stdio::from(OwnedFd::from(other_end)));
                if let Some(caller) = screen.caller() {
                    let err = caller.err.try_clone().map_err(failed)?;
                    // Where it asks somebody at a terminal, this program does not stop with it.
                    command.process_group(0);
                    command.current_dir(&caller.directory).env_clear().stderr(err);
                    command.envs(caller.environment.iter().map(|(name, value)| (name, value)));
                }
                let child = command.spawn().map_err(failed)?;
                // The ends that the command has are closed here, so that its end is seen.
                drop(command);
                (DeviceLink::connect(here, &person.device), Some(child))
            }
        };
        let link = link.and_then(|link| link.set_patience(MEETS).map(|()| link));
        match link {
            Ok(link) => Ok(Way { link, command }),
            Err(why) => {
                Err(Failure::new(Kind::Failed, format!("the other side proves no device\'s key: {why}"))
                    .next("look whether `allod sync --listen` or `--stdio` runs there; nothing was changed"))
            }
        }
    }
}

impl Way {
    /// Ends the link, and waits until the command is done.
    fn end(self) {
        drop(self.link);
        if let Some(mut command) = self.command {
            let _ = command.wait();
        }
    }
}

/// Syncs the vault with another device, until there is no more to tell.
pub(super) fn sync(home: &VaultHome, other: &Other, screen: &Screen) -> Result<(), Failure> {
    let person = load(home)?;
    let mut vault = reach(home, screen).map_err(|why| match place(home).is_there() {
        true => why,
        false => Failure::new(Kind::Failed, "there is no vault here yet").next(
            "`allod sync --join HOST:PORT` takes up the one of your other device; `allod put PATH` makes one of its own",
        ),
    })?;
    let rng = &mut allod_node::entropy();
    make_ready(&mut vault, home.space().is_none(), &person, rng)?;
    for _ in 0..SESSIONS_MAX {
        screen.go_on()?;
        let way = other.reach(&person, screen)?;
        let proven = way.link.proven();
        let sides = Sides { log: &person.log, device: &person.device, proven: &proven };
        let (mut from, mut to) = (&way.link, &way.link);
        let (hello, _) = meeting::meet(&mut vault, sides, (&mut from, &mut to), rng)?;
        let told = tell(&mut vault, Role::Begins, &person, &hello, &way.link, screen)?;
        way.end();
        told.say(screen);
        if !told.is_more() {
            break;
        }
    }
    Ok(())
}

/// Takes up the person's own vault from another of their devices, and syncs it.
pub(super) fn join(home: &VaultHome, other: &Other, screen: &Screen) -> Result<(), Failure> {
    let person = load(home)?;
    let place = place(home);
    if place.is_there() {
        let image = place.image();
        return Err(Failure::new(Kind::Failed, "there is a vault here already; nothing was changed").next(format!(
            "if it is the one to sync: `allod sync --with`; to take up another instead, move {} away and keep it",
            image.display()
        )));
    }
    let way = other.reach(&person, screen)?;
    let proven = way.link.proven();
    let sides = Sides { log: &person.log, device: &person.device, proven: &proven };
    let (mut from, mut to) = (&way.link, &way.link);
    let grant = meeting::join(None, sides, (&mut from, &mut to))?;
    let founder = grant.roster.founder();
    if founder != Some(person.log.state().did()) {
        let whose = founder.map_or_else(|| "nobody".into(), |did| did.to_string());
        return Err(Failure::new(
            Kind::Failed,
            format!("what is there is the vault of {whose}, and not yours"),
        )
        .next("nothing was taken; look whether the address is that of a device of yours"));
    }
    way.end();
    let rng = &mut allod_node::entropy();
    let of = (grant.roster.space(), grant.ring.clone());
    let mut vault = place.join(&home.root(&person), of, rng)?;
    vault.join_roster(&grant.roster)?;
    drop(vault);
    screen.note(&format!("Took up your vault: {}. Now its files come.", place.image().display()));
    sync(home, other, screen)
}

fn connect(address: &str) -> Result<TcpStream, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(Kind::Failed, format!("{address}: {why}")).next(
            "look whether `allod sync --listen` runs there, and lets this machine through; nothing was changed",
        )
    };
    let all = address
        .to_socket_addrs()
        .map_err(|why| Failure::usage(format!("{address}: {why}")).next("an address is HOST:PORT"))?;
    let mut why: Option<std::io::Error> = None;
    for one in all {
        match TcpStream::connect_timeout(&one, CONNECTS) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(broken)?;
                return Ok(stream);
            }
            Err(refused) => why = Some(refused),
        }
    }
    Err(why.map_or_else(|| failed(&"nobody is there"), |why| failed(&why)))
}

impl From<MeetingError> for Failure {
    fn from(why: MeetingError) -> Self {
        match why {
            MeetingError::Link(why) => broken(why),
            MeetingError::Here(why) => {
                let failure = Self::new(Kind::Failed, format!("refused here: {why}"));
                failure.next("nothing was told to the other device, and nothing taken from it")
            }
            MeetingError::There(why) => {
                let failure =
                    Self::new(Kind::Failed, format!("the other device refuses: {}", readable(&why)));
                let failure = failure.data(json!({ "refused": readable(&why) }));
                failure.next(
                    "what is here is as it was; the reason is to be mended there or by who leads the folder",
                )
            }
        }
    }
}

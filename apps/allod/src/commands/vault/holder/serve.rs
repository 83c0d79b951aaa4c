//! The holder's side.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io;
use std::net::Shutdown;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use allod_crypto::Secret;
use allod_disk::Place;
use clap::Parser;
use tokio::runtime::Handle;

use super::is_done_by_holders;
use super::message::{Answer, Challenge, Proving, Request, greet, is_of_this_user, socket};
use crate::caller::Caller;
use crate::cli::Cli;
use crate::commands::do_with_vault;
use crate::commands::vault::open::VaultHome;
use crate::screen::Screen;

/// How long a caller may take to say what it wants.
const SAYS: Duration = Duration::from_secs(10);

/// Callers at once.
const CALLERS_MAX: usize = 16;

/// How long work for others may take to stop when the holder ends.
const STOPS: Duration = Duration::from_secs(5);

/// How often it is looked whether it stopped.
const LOOK: Duration = Duration::from_millis(20);

/// Does commands for others, until it is ended.
pub(in crate::commands::vault) struct Holder {
    shared: Arc<Shared>,
    folder: File,
}

struct Shared {
    home: VaultHome,
    proving: Proving,
    runtime: Handle,
    callers: AtomicUsize,
    /// What is to be told when this ends.
    at_work: Mutex<Vec<Weak<AtomicBool>>>,
    is_over: AtomicBool,
}

impl Holder {
    /// Begins, for a vault that this process has mounted. Whatever listened here before is gone,
    /// since the vault was free.
    pub(in crate::commands::vault) fn begin(
        home: &VaultHome,
        place: &Place,
        root: &Secret<32>,
    ) -> io::Result<Self> {
        let folder = File::open(place.folder())?;
        let socket = socket(&folder);
        match fs::remove_file(&socket) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
        let shared = Arc::new(Shared {
            home: home.clone(),
            proving: Proving::new(root),
            runtime: Handle::current(),
            callers: AtomicUsize::new(0),
            at_work: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let accepts = Arc::clone(&shared);
        std::thread::spawn(move || {
            for link in listener.incoming() {
                match link {
                    _ if accepts.is_over.load(Ordering::Relaxed) => return,
                    Ok(link) => accepts.meet(link),
                    // Too many files are open; that passes.
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        Ok(Self { shared, folder })
    }

    /// Takes no more callers, and stops what is done for those who came.
    pub(in crate::commands::vault) fn end(self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // So that whoever accepts sees it.
        let _ = UnixStream::connect(socket(&self.folder));
        let _ = fs::remove_file(socket(&self.folder));
        for stops in self.shared.at_work.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(stops) = stops.upgrade() {
                stops.store(true, Ordering::Relaxed);
            }
        }
        let begun = Instant::now();
        while self.shared.callers.load(Ordering::Relaxed) > 0 && begun.elapsed() < STOPS {
            std::thread::sleep(LOOK);
        }
    }
}

impl Shared {
    /// Somebody came.
    fn meet(self: &Arc<Self>, link: UnixStream) {
        let shared = Arc::clone(self);
        self.callers.fetch_add(1, Ordering::Relaxed);
        let met = Met { shared, link };
        // Where there can be no more threads, the caller sees the end of the link.
        let _ = std::thread::Builder::new().spawn(move || {
            // Whoever went away needs no answer.
            let _ = met.shared.answer(&met.link).send(&met.link);
        });
    }

    fn answer(&self, link: &UnixStream) -> Answer {
        if !is_of_this_user(link) {
            // In the place of a greeting.
            return refused(link, "you are another user");
        }
        if self.callers.load(Ordering::Relaxed) > CALLERS_MAX {
            return refused(link, "it does much for others just now; try again");
        }
        let timed = link.set_read_timeout(Some(SAYS)).and_then(|()| link.set_write_timeout(Some(SAYS)));
        let challenge: Challenge = *Secret::random(&mut allod_node::entropy()).expose();
        let came = timed.and_then(|()| greet(link, &challenge)).and_then(|()| Request::receive(link));
        match came {
            Ok((request, _)) if !self.proving.is_proven(&challenge, &request.proof) => {
                Answer::Refused("you do not show the key that opens this vault".into())
            }
            Ok((request, streams)) => self.carry_out(request, streams, link),
            Err(why) => Answer::Refused(why.to_string()),
        }
    }

    fn carry_out(&self, request: Request, [input, out, err]: [File; 3], link: &UnixStream) -> Answer {
        let string = |bytes: Vec<u8>| OsString::from_vec(bytes);
        let cli = match Cli::try_parse_from(request.arguments.into_iter().map(string)) {
            Ok(cli) if is_done_by_holders(&cli.command) => cli,
            _ => return Answer::Refused("this is not done for others".into()),
        };
        let environment = request.environment.into_iter();
        let caller = Caller {
            input,
            out,
            err,
            directory: PathBuf::from(string(request.directory)),
            environment: environment.map(|(name, value)| (string(name), string(value))).collect(),
            wants_colour: request.wants_colour,
            umask: request.umask,
        };
        let screen = Screen::of(caller, cli.json);
        self.will_stop(&screen, link);
        let done = self.runtime.block_on(do_with_vault(&self.home, cli.command, &screen));
        Answer::Ended(match done {
            Ok(()) => 0,
            Err(failure) => {
                screen.failure(&failure);
                failure.code()
            }
        })
    }

    /// Stops the work when the caller goes away, or this ends.
    fn will_stop(&self, screen: &Screen, link: &UnixStream) {
        let stops = Arc::clone(screen.stops());
        {
            let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
            at_work.retain(|stops| stops.strong_count() > 0);
            at_work.push(Arc::downgrade(&stops));
        }
        let watched = link.set_read_timeout(None).and_then(|()| link.try_clone());
        let Ok(mut watched) = watched else { return };
        std::thread::spawn(move || {
            // It says nothing more, so this is its end. The holder's own end of the link ends
            // this, too.
            let _ = io::copy(&mut watched, &mut io::sink());
            stops.store(true, Ordering::Relaxed);
        });
    }
}

/// A caller, as long as something is done for it.
struct Met {
    shared: Arc<Shared>,
    link: UnixStream,
}

impl Drop for Met {
    fn drop(&mut self) {
        // Also for whoever watches it.
        let _ = self.link.shutdown(Shutdown::Both);
        self.shared.callers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Refuses somebody before the greeting, which is an empty line then.
fn refused(mut link: &UnixStream, why: &str) -> Answer {
    let _ = io::Write::write_all(&mut link, b"\n");
    Answer::Refused(why.into())
}

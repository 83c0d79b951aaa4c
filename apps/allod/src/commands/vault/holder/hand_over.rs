//! The caller's side: a command that finds the vault in use by a holder hands itself over.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use allod_disk::Place;
use rustix::fs::Mode;
use rustix::process::umask;
use tokio::sync::oneshot;

use super::message::{Answer, Proving, Request, VERSION, challenged, greeted, is_of_this_user, socket};
use crate::commands::ending::Ending;
use crate::commands::load;
use crate::commands::vault::open::{VaultHome, place};
use crate::failure::{Failure, Kind};
use crate::screen::{Screen, wants_colour};

/// How long a holder may take to say which version it is.
const GREETS: Duration = Duration::from_secs(10);

/// How long a vault may be mounted before its holder listens.
const BEGINS: Duration = Duration::from_secs(3);

/// How often it is looked whether it does.
const TRIED: Duration = Duration::from_millis(50);

/// Has the holder of this vault do what was typed, if there is one. With the exit code.
pub(in crate::commands) async fn hand_over(
    home: &VaultHome,
    screen: &Screen,
) -> Result<Option<ExitCode>, Failure> {
    let arguments = std::env::args_os().map(OsStringExt::into_vec).collect();
    let Some(link) = ask_on(home, arguments, [&io::stdin(), &io::stdout(), &io::stderr()])? else {
        return Ok(None);
    };
    let mut ending = Ending::new(false)?;
    let link = Arc::new(link);
    let (tells, mut told) = oneshot::channel();
    let waits = Arc::clone(&link);
    std::thread::spawn(move || tells.send(Answer::receive(&waits)));
    let mut is_asked = false;
    loop {
        tokio::select! {
            answer = &mut told => {
                let answer = answer.unwrap_or(Ok(None)).map_err(broken)?;
                return answered(answer).map(|code| Some(code.into()));
            }
            () = ending.wait() => {
                if is_asked {
                    return Ok(Some(ExitCode::from(Kind::Failed as u8)));
                }
                // The holder sees this, and stops when it can.
                let _ = link.shutdown(Shutdown::Write);
                screen.note("stopping");
                is_asked = true;
            }
        }
    }
}

/// Has the holder of this vault do something on these streams, if there is one, and waits for it. With
/// the exit code.
pub(in crate::commands) fn ask(
    home: &VaultHome,
    arguments: &[&str],
    streams: [&dyn AsFd; 3],
) -> Result<Option<u8>, Failure> {
    let arguments = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
    let Some(link) = ask_on(home, arguments, streams)? else { return Ok(None) };
    answered(Answer::receive(&link).map_err(broken)?).map(Some)
}

/// A link on which a holder was asked for something, if there is one.
fn ask_on(
    home: &VaultHome,
    arguments: Vec<Vec<u8>>,
    streams: [&dyn AsFd; 3],
) -> Result<Option<UnixStream>, Failure> {
    let place = place(home);
    let Some(link) = connect(&place) else { return Ok(None) };
    if !is_of_this_user(&link) {
        return Err(Failure::new(Kind::Failed, "another user's program listens in the folder of your vault")
            .next(format!("look at who may write in {}", place.folder().display())));
    }
    link.set_read_timeout(Some(GREETS)).map_err(broken)?;
    let version = greeted(&link).map_err(broken)?;
    if version.is_empty() {
        // Why is in its answer.
        return answered(Answer::receive(&link).map_err(broken)?).map(|_| None);
    }
    if version != VERSION {
        return Err(Failure::new(
            Kind::Failed,
            format!("the vault is mounted by {version:?}, and this is {VERSION:?}; nothing was done"),
        )
        .next(match place.mounted() {
            Some(at) => format!("end that mount, and mount it again: `allod mount --end {}`", at.display()),
            None => "end that program, and try again".into(),
        }));
    }
    let challenge = challenged(&link).map_err(broken)?;
    link.set_read_timeout(None).map_err(broken)?;
    let proof = Proving::new(&home.root(&load(home)?)).prove(&challenge);
    match request(arguments, proof)?.send(&link, streams) {
        // Why the holder takes no more is in its answer.
        Err(why) if why.kind() == ErrorKind::BrokenPipe => {}
        Err(why) if why.kind() == ErrorKind::ArgumentListTooLong => {
            return Err(Failure::usage(why.to_string()));
        }
        sent => sent.map_err(broken)?,
    }
    Ok(Some(link))
}

/// A link to the holder, if there is one. A mount that has just begun is waited for.
fn connect(place: &Place) -> Option<UnixStream> {
    let begun = Instant::now();
    loop {
        let folder = File::open(place.folder()).ok()?;
        if let Ok(link) = UnixStream::connect(socket(&folder)) {
            return Some(link);
        }
        if begun.elapsed() > BEGINS || !place.is_held() {
            return None;
        }
        std::thread::sleep(TRIED);
    }
}

fn request(arguments: Vec<Vec<u8>>, proof: Vec<u8>) -> Result<Request, Failure> {
    let directory = std::env::current_dir()
        .map_err(|why| Failure::new(Kind::Failed, format!("the current directory: {why}")))?;
    Ok(Request {
        arguments,
        directory: directory.as_os_str().as_bytes().to_vec(),
        environment: std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect(),
        wants_colour: wants_colour(),
        umask: umask_here(),
        proof,
    })
}

/// The umask of this process, which can only be seen by setting it.
fn umask_here() -> u32 {
    let mask = umask(Mode::from_raw_mode(0o077));
    umask(mask);
    mask.as_raw_mode()
}

/// The exit code that a holder answered with.
fn answered(answer: Option<Answer>) -> Result<u8, Failure> {
    match answer {
        Some(Answer::Ended(code)) => Ok(code),
        Some(Answer::Refused(why)) => {
            Err(Failure::new(Kind::Failed, format!("the program that has the vault mounted refuses: {why}")))
        }
        None => Err(gone()),
    }
}

fn gone() -> Failure {
    Failure::new(Kind::Failed, "the program that has the vault mounted ended in the middle of this").next(
        "what was committed is kept, and nothing is half done that a program could see; try again, and look with \
         `allod ls` or `allod history` what there is",
    )
}

fn broken(why: io::Error) -> Failure {
    match why.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => gone(),
        _ => Failure::new(
            Kind::Failed,
            format!("the program that has the vault mounted does not answer: {why}"),
        )
        .next("end that mount, if it hangs, and mount the vault again"),
    }
}

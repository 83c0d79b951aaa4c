//! `allod sync`: a vault, or a shared folder, told what other devices did, and telling them.

mod answer;
mod begin;
mod carries;
mod ready;
mod told;

use std::time::Duration;

use allod_node::device_link::Door;
use serde_json::json;
use tokio::sync::oneshot;

use self::answer::Answering;
use self::begin::Other;
use super::open::VaultHome;
use crate::cli::sync::Sync;
use crate::commands::ending::Ending;
use crate::commands::load;
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// How often it is looked whether somebody still waits.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn run(home: &VaultHome, args: Sync, screen: &Screen) -> Result<(), Failure> {
    let is_called = args.listen.is_some() || args.stdio;
    if home.space().is_some() && (is_called || args.join.is_some()) {
        return Err(Failure::usage(
            "--space goes with --with and --command; all others are about all that is here",
        ));
    }
    if args.stdio && screen.is_json() {
        return Err(Failure::usage("--stdio has standard output for the other device; leave --json out"));
    }
    if args.answer {
        return answer::passed_on(home, screen);
    }
    let person = load(home)?;
    let mut ending = Ending::new(false)?;
    let stops = until_stops(screen);
    if is_called {
        let answering = Answering::new(home, screen);
        let Some(address) = args.listen else {
            return until_done(&mut ending, stops, move || answering.on_stdio(&person)).await;
        };
        let failed = |why| Failure::new(Kind::Failed, format!("{address}: {why}"));
        let door = Door::open(&address).map_err(failed)?;
        let at = door.address().map_err(failed)?;
        let text = format!(
            "Answering at {at} your devices, and those of members of shared folders. Ctrl-C ends it."
        );
        screen.result(&json!({ "listening": at.to_string() }), &text);
        std::thread::spawn(move || answering.listen(&door, &person));
        ending.wait().await;
        screen.note("Ended. What was told is kept.");
        return Ok(());
    }
    ready::follow(home, screen).await;
    let (home, screen) = (home.clone(), screen.clone());
    let joins = args.join.is_some();
    let other = args.with.or(args.join).map(Other::At).or(args.command.map(Other::Behind));
    let other = other.ok_or_else(|| Failure::usage("name the other device: --with HOST:PORT"))?;
    let work = move || match joins {
        true => begin::join(&home, &other, &screen),
        false => begin::sync(&home, &other, &screen),
    };
    until_done(&mut ending, stops, work).await
}

/// Does it on a thread that the process does not wait for when it is to end.
async fn until_done(
    ending: &mut Ending,
    stops: impl Future<Output = ()>,
    work: impl FnOnce() -> Result<(), Failure> + Send + 'static,
) -> Result<(), Failure> {
    let (tells, told) = oneshot::channel();
    std::thread::spawn(move || tells.send(work()));
    tokio::select! {
        done = told => done.unwrap_or_else(|_| Err(Failure::new(Kind::Failed, "the sync broke off by a fault of this program"))),
        () = stops => Err(stopped()),
        () = ending.wait() => Err(stopped()),
    }
}

fn stopped() -> Failure {
    Failure::new(Kind::Failed, "stopped")
        .next("what came before is kept; the same command goes on from there")
}

/// Waits until the one whom this is done for goes away; for ever where there is none.
async fn until_stops(screen: &Screen) {
    while screen.caller().is_none() || screen.goes_on() {
        tokio::time::sleep(LOOK).await;
    }
}

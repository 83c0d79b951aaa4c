//! Other nodes of the Bundle Protocol, by TCPCLv4: each gets what may be given once, and what they
//! give is kept where it is the courier's.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use allod_courier::bundle::{Bundle, BundleError, BundleId};
use allod_courier::carry::Refused;
use allod_links::LinkError;
use allod_links::tcpcl::{Connection, Incoming, Listener, Refusal, Sender, Settings};
use allod_post::PostError;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::chosen::Tcpcl;
use super::run::Told;
use super::side::Side;
use crate::commands::courier::carry::{copies, is_given};
use crate::commands::courier::told::printable;

/// How often it is looked what else is to be given.
const LOOK: Duration = Duration::from_millis(500);

/// How long is waited before a node is called again: at first, and at most.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// The most sessions that others began.
const SESSIONS_MAX: usize = 64;

/// Bundles that the other node has, as far as is known.
type Known = Arc<Mutex<BTreeSet<BundleId>>>;

/// Uses the link for as long as this is awaited.
pub(super) async fn serve(node: Tcpcl, side: Side) {
    match node.is_called {
        true => call(node.address, side).await,
        false => listen(node.address, side).await,
    }
}

async fn call(address: SocketAddr, side: Side) {
    let settings = Settings::new(&side.node());
    let (mut wait, mut is_said) = (AGAIN, false);
    loop {
        match Connection::connect(&address.to_string(), &settings).await {
            Ok(connection) => {
                (wait, is_said) = (AGAIN, false);
                session(connection, side.clone()).await;
            }
            Err(why) => {
                if !is_said {
                    side.say(Told::Warning(format!("TCPCL: {why}; it is tried again"))).await;
                    is_said = true;
                }
                wait = (2 * wait).min(AGAIN_MAX);
            }
        }
        sleep(wait).await;
    }
}

async fn listen(address: SocketAddr, side: Side) {
    let mut is_said = false;
    loop {
        match Listener::bind(address, Settings::new(&side.node())).await {
            Ok(listener) => {
                let at = listener.address().unwrap_or(address);
                side.say(Told::Link(format!("TCPCL: listening at {at}"))).await;
                is_said = false;
                answer(listener, &side).await;
            }
            Err(why) if !is_said => {
                side.say(Told::Warning(format!("TCPCL at {address}: {why}; it is tried again"))).await;
                is_said = true;
            }
            Err(_) => {}
        }
        sleep(AGAIN_MAX / 10).await;
    }
}

/// Has sessions with all who connect, until nobody can any more.
async fn answer(mut listener: Listener, side: &Side) {
    let (mut sessions, mut faults) = (JoinSet::new(), 0_u64);
    loop {
        let has_room = sessions.len() < SESSIONS_MAX;
        tokio::select! {
            begun = listener.next(), if has_room => match begun {
                Ok(connection) => drop(sessions.spawn(session(connection, side.clone()))),
                Err(why @ LinkError::Listen { .. }) => {
                    return side.say(Told::Warning(format!("TCPCL: {why}"))).await;
                }
                Err(why) => {
                    faults += 1;
                    // Whoever goes on connecting is not told of each time.
                    if faults.is_power_of_two() {
                        let text = format!("TCPCL: somebody connected: {why} ({faults} times so far)");
                        side.say(Told::Warning(text)).await;
                    }
                }
            },
            Some(_) = sessions.join_next() => {}
        }
    }
}

/// A session, from its beginning to its end.
async fn session(connection: Connection, side: Side) {
    let node = printable(connection.node());
    side.say(Told::Link(format!("TCPCL: {node} is there"))).await;
    let (sender, known) = (connection.sender(), Known::default());
    let ended = tokio::select! {
        ended = give(&side, &sender, &known) => ended,
        ended = take(&side, connection, &known, &node) => ended,
    };
    side.say(match ended {
        Ok(()) => Told::Link(format!("TCPCL: {node} has gone")),
        Err(why) => Told::Warning(format!("TCPCL: {node}: {why}")),
    })
    .await;
}

/// Gives what may be given, each bundle once, until the session ends.
async fn give(side: &Side, sender: &Sender, known: &Known) -> Result<(), PostError> {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = None;
    loop {
        look.tick().await;
        let number = side.number()?;
        if seen == Some(number) {
            continue;
        }
        seen = Some(number);
        let ids: Vec<BundleId> = side.office.desk.bag().with(|bag| {
            let all = bag.store().in_order().into_iter().filter(|(_, carried)| is_given(carried));
            Ok::<_, PostError>(all.map(|(id, _)| id).collect())
        })?;
        for id in ids {
            if !is_new(known, id) {
                continue;
            }
            let Some((bundle, spent)) = load(side, &id)? else { continue };
            match sender.send(bundle.to_full()).await {
                Ok(()) => side.office.desk.bag().with(|bag| {
                    bag.store().gave(&id, spent, false);
                    bag.update(&id)
                })?,
                // They have it, or cannot use it.
                Err(LinkError::Refused(_) | LinkError::TooLarge { .. }) => {}
                Err(_) => return Ok(()),
            }
        }
    }
}

/// A bundle with the copies that go along, and how many fewer stay here.
fn load(side: &Side, id: &BundleId) -> Result<Option<(Bundle, u8)>, PostError> {
    side.office.desk.bag().with(|bag| {
        let Some(carried) = bag.store().get(id).copied().filter(is_given) else { return Ok(None) };
        let Some(mut bundle) = bag.load(id)? else { return Ok(None) };
        let (given, spent) = copies(&carried);
        bundle.terms.copies = given;
        Ok(Some((bundle, spent)))
    })
}

/// Keeps what they give, until the session ends.
async fn take(side: &Side, mut connection: Connection, known: &Known, node: &str) -> Result<(), PostError> {
    let mut foreign = 0_u64;
    while let Some(incoming) = connection.receive().await {
        let Some(why) = keep(side, incoming, known)? else { continue };
        foreign += 1;
        if foreign.is_power_of_two() {
            let text = format!("TCPCL: refused from {node}: {why} ({foreign} so far)");
            side.say(Told::Warning(text)).await;
        }
    }
    Ok(())
}

/// Keeps one, and says so to the other node. Why it is none of the courier's, if it is not.
fn keep(side: &Side, incoming: Incoming, known: &Known) -> Result<Option<BundleError>, PostError> {
    let bundle = match Bundle::from_full(&incoming.bundle) {
        Ok(bundle) => bundle,
        Err(why) => {
            incoming.refuse(Refusal::NotAcceptable);
            side.refuse(why)?;
            return Ok(Some(why));
        }
    };
    is_new(known, bundle.id());
    match side.take(&bundle)? {
        Ok(()) => incoming.accept(),
        Err(Refused::Known | Refused::Delivered) => incoming.refuse(Refusal::Completed),
        Err(Refused::NoRoom | Refused::OverQuota) => incoming.refuse(Refusal::NoRoom),
        Err(Refused::Expired | Refused::Ahead) => incoming.refuse(Refusal::NotAcceptable),
    }
    Ok(None)
}

/// Whether a bundle was not exchanged in this session before; from now on it was.
fn is_new(known: &Known, id: BundleId) -> bool {
    known.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
}

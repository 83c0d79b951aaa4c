//! Meeting: a contact with another carrier, from its first frame to its last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use allod_courier::bundle::BundleId;
use allod_courier::carry::{Origin, PeerId};
use allod_courier::encounter::{Encounter, EncounterError, Event, Here, Input, Output};
use allod_courier::link::Link;
use allod_courier::ratchet::{Tag, Token};
use allod_crypto::sign::SigningKey;
use allod_crypto::{CryptoRng, Secret};
use tokio::sync::{broadcast, mpsc};

use crate::bag::{Bag, Open};
use crate::{PostError, now};

/// How often it is looked whether the other side is silent for too long.
const TICK: Duration = Duration::from_secs(5);

/// Frames that wait for the link, at most, while more are taken from it.
const OUTBOX_MAX: usize = 256;

/// What of a device its contacts share.
pub struct Carrier {
    /// What it carries.
    pub bag: Arc<Mutex<Bag>>,
    /// The key by which it is recognised.
    pub key: SigningKey,
    /// Which covers it asks for.
    pub cover: Secret<32>,
    /// Whether a message with a tag is for this device.
    pub wants: Box<dyn Fn(&Tag) -> bool + Send + Sync>,
    /// What one contact tells all others.
    pub signals: broadcast::Sender<Signal>,
}

/// What contacts tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A bundle is carried that was not before.
    New(BundleId),
    /// Something was delivered.
    Delivered(Token),
    /// Other tags may be wanted than before.
    Wanted,
}

/// Somebody who can be reached now. Frames arrive whole and in order.
#[derive(Debug)]
pub struct Contact {
    /// Who it is, if the link knows.
    pub known: Option<PeerId>,
    /// What the link is like.
    pub link: Link,
    /// Frames to them.
    pub send: mpsc::Sender<Vec<u8>>,
    /// Frames from them.
    pub receive: mpsc::Receiver<Vec<u8>>,
}

/// Something happened on a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A bundle for this device is here.
    Came(BundleId),
    /// A bundle for others is here.
    Took(BundleId),
    /// They have a bundle now.
    Gave(BundleId),
    /// They are known.
    Met(Origin),
    /// All is exchanged for now.
    Settled,
}

/// How a contact was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Bundles for this device that came.
    pub came: u64,
    /// Bundles for others that came.
    pub took: u64,
    /// Bundles that they have now.
    pub gave: u64,
    /// What the other side did that ended it.
    pub fault: Option<EncounterError>,
}

impl Carrier {
    /// The bag, for this thread.
    pub fn bag(&self) -> MutexGuard<'_, Bag> {
        self.bag.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries on a contact until the other side goes, breaks the rules, or `signals` is closed.
///
/// # Errors
/// [`PostError::File`] where this device's own disk fails.
pub async fn meet(
    carrier: &Arc<Carrier>,
    contact: Contact,
    rng: &mut impl CryptoRng,
    mut tell: impl FnMut(Happened),
) -> Result<Met, PostError> {
    let Contact { known, link, send, mut receive } = contact;
    let mut signals = carrier.signals.subscribe();
    let reach = carrier.bag().with(|bag| Ok::<_, PostError>(bag.reach(now())))?;
    let mut met = Met::default();
    let mut encounter = match Encounter::new(Some(&carrier.key), link, known, reach, now(), rng) {
        Ok(encounter) => encounter,
        Err(why) => return Ok(Met { fault: Some(why), ..met }),
    };
    let mut tick = tokio::time::interval(TICK);
    let mut outbox = VecDeque::from(work(carrier, &mut encounter, Vec::new(), &mut met, &mut tell)?);
    while met.fault.is_none() {
        let mut inputs = Vec::new();
        let input = tokio::select! {
            // Frames are taken while others wait to leave, or both sides could wait for ever.
            room = send.reserve(), if !outbox.is_empty() => match room {
                Ok(room) => {
                    if let Some(frame) = outbox.pop_front() {
                        room.send(frame);
                    }
                    if !outbox.is_empty() {
                        continue;
                    }
                    Input::Sent
                }
                Err(_) => Input::Over,
            },
            frame = receive.recv(), if outbox.len() < OUTBOX_MAX => frame.map_or(Input::Over, Input::Frame),
            signal = signals.recv() => match signal {
                Ok(Signal::New(id)) => Input::New(id),
                Ok(Signal::Delivered(token)) => Input::Delivered(token),
                Ok(Signal::Wanted) => Input::Wanted,
                // What was missed is looked for: the other side says no to what it has.
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    inputs = carrier.bag().with(|bag| {
                        Ok::<_, PostError>(bag.store().iter().map(|(id, _)| Input::New(*id)).collect())
                    })?;
                    Input::Wanted
                }
                Err(broadcast::error::RecvError::Closed) => Input::Over,
            },
            _ = tick.tick() => Input::Tick,
        };
        let is_over = input == Input::Over;
        inputs.push(input);
        outbox.extend(work(carrier, &mut encounter, inputs, &mut met, &mut tell)?);
        if is_over {
            break;
        }
    }
    // What came before the end is kept.
    work(carrier, &mut encounter, Vec::new(), &mut met, &mut tell)?;
    carrier.bag().with(|bag| {
        bag.blame(&encounter.faults(), met.fault.is_some());
        Ok::<_, PostError>(())
    })?;
    Ok(met)
}

/// Gives the encounter an input, and does all that it wants, but for frames.
fn work(
    carrier: &Carrier,
    encounter: &mut Encounter,
    mut inputs: Vec<Input>,
    met: &mut Met,
    tell: &mut impl FnMut(Happened),
) -> Result<Vec<Vec<u8>>, PostError> {
    carrier.bag().with(|bag| {
        let mut frames = Vec::new();
        loop {
            for input in inputs.drain(..) {
                let (store, days) = bag.store_and_days();
                let mut here = Here { store, wants: &*carrier.wants, cover: &carrier.cover, days: &days };
                if let Err(why) = encounter.handle(&mut here, now(), input)
                    && why != EncounterError::Over
                {
                    met.fault.get_or_insert(why);
                }
            }
            while let Some(output) = encounter.poll() {
                match output {
                    Output::Send(frame) => frames.push(frame),
                    output => inputs.extend(done(carrier, bag, output, met, tell)?),
                }
            }
            // What was kept is durable before it is said so.
            bag.sync()?;
            if inputs.is_empty() {
                return Ok(frames);
            }
        }
    })
}

fn done(
    carrier: &Carrier,
    bag: &mut Open<'_>,
    output: Output,
    met: &mut Met,
    tell: &mut impl FnMut(Happened),
) -> Result<Option<Input>, PostError> {
    Ok(match output {
        Output::Send(_) => None,
        Output::Load(id) => Some(Input::Loaded(id, bag.load(&id)?)),
        Output::Keep(bundle, _) => {
            let id = bundle.id();
            match bag.keep(&bundle) {
                Ok(()) => Some(Input::Kept(id)),
                // A full disk: what is here stays, and they keep theirs.
                Err(_) => Some(Input::NotKept(id)),
            }
        }
        Output::Update(id, _) => {
            bag.update(&id)?;
            None
        }
        Output::Erase(id) => {
            bag.erase(&[id])?;
            None
        }
        Output::Event(event) => {
            happened(carrier, bag, event, met, tell);
            None
        }
    })
}

fn happened(
    carrier: &Carrier,
    bag: &mut Open<'_>,
    event: Event,
    met: &mut Met,
    tell: &mut impl FnMut(Happened),
) {
    match event {
        Event::Met { peer, .. } => {
            if let Origin::Peer(peer) = peer {
                bag.met(&peer, now());
            }
            tell(Happened::Met(peer));
        }
        Event::Came(id) => {
            met.came += 1;
            tell(Happened::Came(id));
        }
        Event::Took(id) => {
            met.took += 1;
            let _ = carrier.signals.send(Signal::New(id));
            // It may have come to be wanted while it was on its way.
            let tag = bag.store().get(&id).map(|carried| carried.tag);
            let is_wanted = tag.is_some_and(|tag| (carrier.wants)(&tag));
            tell(if is_wanted { Happened::Came(id) } else { Happened::Took(id) });
        }
        Event::Gave { id, .. } => {
            met.gave += 1;
            tell(Happened::Gave(id));
        }
        Event::Delivered(token) => {
            bag.has_tokens();
            let _ = carrier.signals.send(Signal::Delivered(token));
        }
        Event::Declined(..) => {}
        Event::Settled => tell(Happened::Settled),
    }
}

//! Radio modems: what is worth its time in the air is offered, and what comes is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use allod_courier::bundle::{Bundle, BundleId, Priority};
use allod_courier::carry::{Carried, Origin};
use allod_courier::ratchet::Tag;
use allod_links::serial::{BUNDLE_MAX, Order, Port, Radio, Station, drive};
use allod_post::PostError;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::chosen::Serial;
use super::run::Told;
use super::side::Side;
use crate::commands::courier::carry::{copies, is_given};

/// How often it is looked what else is to be offered.
const LOOK: Duration = Duration::from_millis(500);

/// How often it is looked what else is expected, where nothing came or left.
const EXPECT: Duration = Duration::from_secs(10);

/// How long is waited before a device that is not there is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// How often it is said at most that a device is there, or is not.
const SAID: Duration = Duration::from_secs(60);

/// The most bundles that are offered at a time.
const OFFERED_MAX: usize = 512;

/// Messages of each session that are asked for, and the most in all.
const EXPECTED_EACH: usize = 8;
const EXPECTED_MAX: usize = 4096;

/// What a frame takes besides its bytes, as bits: the preamble and the header of LoRa.
const FRAME_BITS: u64 = 264;

/// Bundles that wait to be looked at.
const WAITING: usize = 16;

impl Serial {
    fn radio(&self) -> Radio {
        let frame_us = FRAME_BITS * 1_000_000 / u64::from(self.bits_per_second.max(1));
        Radio {
            bits_per_second: self.bits_per_second,
            frame_us: u32::try_from(frame_us).unwrap_or(u32::MAX),
            duty_per_mille: u16::try_from(self.duty_per_mille).unwrap_or(1000),
        }
    }
}

/// Uses a radio for as long as this is awaited, whenever its device is there.
pub(super) async fn serve(line: Serial, side: Side) {
    let name = line.device.display().to_string();
    // The same one whenever the device comes back, since it knows how long it has sent.
    let mut station = Station::new(line.radio(), side.office.cover(), allod_node::now());
    let mut offered = BTreeMap::new();
    let (mut found, mut missed) = (None, None);
    loop {
        let why = match Port::open(&line.device, line.baud) {
            Ok(mut port) => {
                if is_due(&mut found) {
                    side.say(Told::Link(format!("radio at {name}"))).await;
                }
                let (give, mut orders) = mpsc::channel(WAITING);
                let (arrived, came) = mpsc::channel(WAITING);
                tokio::select! {
                    ended = drive(&mut port, &mut station, &mut orders, &arrived, allod_node::now) => {
                        ended.map_or_else(|why| why.to_string(), |()| "the device was closed".into())
                    }
                    why = order(&side, &mut offered, give) => why.to_string(),
                    why = take(&side, came) => why.to_string(),
                }
            }
            Err(why) => why.to_string(),
        };
        if is_due(&mut missed) {
            side.say(Told::Warning(format!("radio: {why}; it is tried again"))).await;
        }
        sleep(AGAIN).await;
    }
}

/// Whether something is to be said that was said at this time.
fn is_due(said: &mut Option<Instant>) -> bool {
    let is_due = said.is_none_or(|at| at.elapsed() >= SAID);
    if is_due {
        *said = Some(Instant::now());
    }
    is_due
}

/// Keeps what comes, until that fails.
async fn take(side: &Side, mut came: mpsc::Receiver<Bundle>) -> PostError {
    while let Some(bundle) = came.recv().await {
        if let Err(why) = side.take(&bundle) {
            return why;
        }
    }
    std::future::pending().await
}

/// Tells a station what to offer and to ask for, until that fails. What was offered before a
/// device was away is offered again, which changes nothing where the station has it.
async fn order(side: &Side, offered: &mut BTreeMap<BundleId, Tag>, give: mpsc::Sender<Order>) -> PostError {
    let (mut seen, mut expected, mut looked) = (None, Vec::new(), None::<Instant>);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let number = match side.number() {
            Ok(number) => number,
            Err(why) => return why,
        };
        let has_changed = seen != Some(number);
        let mut orders = match has_changed.then(|| offers(side, offered, seen.is_none())) {
            None => Vec::new(),
            Some(Ok(orders)) => orders,
            Some(Err(why)) => return why,
        };
        seen = Some(number);
        if has_changed || looked.is_none_or(|at| at.elapsed() >= EXPECT) {
            looked = Some(Instant::now());
            let tags = side.office.desk.expected_next(EXPECTED_EACH, EXPECTED_MAX);
            if tags != expected {
                orders.push(Order::Expect(tags.clone()));
                expected = tags;
            }
        }
        for order in orders {
            if give.send(order).await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

/// What is to be offered that was not, or where it `is_new` all; and what is not any more.
fn offers(side: &Side, offered: &mut BTreeMap<BundleId, Tag>, is_new: bool) -> Result<Vec<Order>, PostError> {
    side.office.desk.bag().with(|bag| {
        let fit = bag.store().in_order().into_iter().filter(|(_, carried)| is_offered(carried));
        let fit: Vec<_> = fit.take(OFFERED_MAX).collect();
        let (mut here, mut orders) = (BTreeMap::new(), Vec::new());
        for (id, carried) in fit {
            if is_new || !offered.contains_key(&id) {
                let Some(mut bundle) = bag.load(&id)? else { continue };
                // Nobody says who has taken how many, so none are counted.
                (bundle.terms.copies, _) = copies(&carried);
                let is_asked_for = carried.origin != Origin::Own && bundle.terms.copies == 0;
                orders.push(Order::Offer(bundle, is_asked_for));
            }
            here.insert(id, carried.tag);
        }
        let gone = offered.iter().filter(|(id, _)| !here.contains_key(id));
        orders.extend(gone.map(|(_, tag)| Order::Withdraw(*tag)));
        *offered = here;
        Ok(orders)
    })
}

/// Whether a bundle is worth its time in the air.
fn is_offered(carried: &Carried) -> bool {
    let is_whole = carried.part.offset == 0 && carried.part.total == carried.size;
    let is_short = carried.size as usize <= BUNDLE_MAX && carried.terms.priority != Priority::Bulk;
    is_given(carried) && is_whole && is_short
}

//! Tests: KISS, airtime, stations on a channel that loses, doubles, delays and garbles, and a
//! real pseudoterminal.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use allod_courier::bundle::compact::HEADER;
use allod_courier::bundle::{Bundle, PACKET, Priority, Terms, pad};
use allod_courier::contact::{Invitation, InvitationSecret, Own, greet};
use allod_courier::ratchet::OVERHEAD;
use allod_crypto::Secret;
use allod_did::{Log, PublicKey, Root};
use allod_wire::Instant;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use proptest::prelude::*;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use tokio::sync::mpsc;

use super::airtime::Airtime;
use super::frame::{Beacon, CHECK, Content, NAMES_MAX, name};
use super::kiss::{Command, Decoder, FEND, FESC, FRAME_MAX, Frame, TFEND, TFESC, encode};
use super::*;
use crate::narrow_error::NarrowError;
use crate::parcel::tests::{NOW, bundle, token};

const HOUR: u64 = 3_600_000;
/// A radio without a duty cycle, fast.
const QUICK: Radio = Radio { bits_per_second: 50_000, frame_us: 1000, duty_per_mille: 1000 };

fn decode_all(bytes: &[u8]) -> Vec<Frame> {
    let mut decoder = Decoder::default();
    bytes.iter().filter_map(|byte| decoder.push(*byte)).collect()
}

#[test]
fn frames_are_escaped_as_the_paper_has_it() {
    assert_eq!(encode(0, Command::Data, b"TEST"), [FEND, 0, b'T', b'E', b'S', b'T', FEND]);
    assert_eq!(encode(5, Command::Data, b"Hello")[1], 0x50);
    let line = encode(0, Command::Data, &[FEND, FESC]);
    assert_eq!(line, [FEND, 0, FESC, TFEND, FESC, TFESC, FEND]);
    assert_eq!(encode(0, Command::Return, &[]), [FEND, 0xFF, FEND]);
    // The kind is escaped, too.
    let twelve = encode(12, Command::Data, b"x");
    assert_eq!(twelve, [FEND, FESC, TFEND, b'x', FEND]);
    assert_eq!(decode_all(&twelve), [Frame { port: 12, command: 0, data: b"x".to_vec() }]);
}

#[test]
fn frames_that_are_too_long_or_wrongly_escaped_are_dropped_and_the_next_is_read() {
    let good = encode(0, Command::Data, b"good");
    let whole = Frame { port: 0, command: 0, data: b"good".to_vec() };
    let long = encode(0, Command::Data, &vec![1; FRAME_MAX + 1]);
    for bad in [&long[..], &[FEND, 0, 1, FESC, 7, FEND], &[FEND, 0, 1, FESC, FEND], &[7; 5000], &[FEND; 9]] {
        let read = decode_all(&[bad, &[FEND], &good[..]].concat());
        assert_eq!(read.last(), Some(&whole));
        assert!(
            read.iter().all(|frame| frame == &whole || frame.data.iter().all(|byte| *byte == 7)),
            "{read:?}"
        );
    }
    let most = encode(0, Command::Data, &vec![1; FRAME_MAX]);
    assert_eq!(decode_all(&most)[0].data.len(), FRAME_MAX);
}

proptest! {
    #[test]
    fn every_frame_comes_out_as_it_went_in(
        frames in prop::collection::vec((0_u8..15, prop::collection::vec(any::<u8>(), 0..300)), 1..5),
    ) {
        let line: Vec<u8> =
            frames.iter().flat_map(|(port, data)| encode(*port, Command::Data, data)).collect();
        let read = decode_all(&line);
        prop_assert_eq!(read.len(), frames.len());
        for (frame, (port, data)) in read.iter().zip(&frames) {
            prop_assert_eq!((frame.port, frame.command, &frame.data), (*port, 0, data));
        }
    }

    #[test]
    fn noise_panics_nobody(noise in prop::collection::vec(any::<u8>(), 0..600)) {
        decode_all(&noise);
        let mut station = Station::new(QUICK, Secret::from([1; 32]), NOW);
        station.receive(&noise, NOW);
        prop_assert_eq!(station.poll(NOW), None);
    }

    #[test]
    fn no_hour_has_more_than_its_share(
        waits in prop::collection::vec(0_u64..600_000, 1..400),
        sizes in prop::collection::vec(1_usize..235, 400),
        duty_per_mille in prop::sample::select(vec![1_u16, 10]),
    ) {
        let mut airtime = Airtime::new(Radio { duty_per_mille, ..Radio::LORA }, NOW);
        let (mut now, mut sent) = (NOW, Vec::new());
        for (wait, size) in waits.iter().zip(sizes) {
            now = Instant(now.0 + wait);
            while airtime.take(size, now) {
                sent.push((now.0, Radio::LORA.airtime_us(size)));
            }
            prop_assert!(airtime.ready(size, now) > now);
            prop_assert!(airtime.clone().take(size, airtime.ready(size, now)));
        }
        for (from, _) in &sent {
            let hour = sent.iter().filter(|(at, _)| (*from..from + HOUR).contains(at));
            prop_assert!(hour.map(|(_, us)| us).sum::<u64>() <= 3_600_000 * u64::from(duty_per_mille));
        }
    }
}

#[test]
fn beacons_are_what_they_were_and_fit() {
    let names: Vec<_> = (0..60).map(|number| name(&token(number).tag())).collect();
    let beacon = Beacon { has: names[..10].to_vec(), asks: names[10..NAMES_MAX].to_vec() };
    let frame = Content::Beacon(beacon.clone()).encode();
    assert_eq!(frame.len(), CONTENT_MAX + CHECK);
    assert_eq!(Content::decode(&frame), Some(Content::Beacon(beacon)));
    let many = Content::Beacon(Beacon { has: names.clone(), asks: names }).encode();
    assert_eq!(many.len(), CONTENT_MAX + CHECK);
    for bit in 0..frame.len() * 8 {
        let mut changed = frame.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Content::decode(&changed), None, "bit {bit}");
    }
}

/// A bundle whose compact form is one packet.
fn packet(number: u64) -> Bundle {
    bundle(number, PACKET - HEADER)
}

#[test]
fn a_text_of_140_bytes_is_one_frame() {
    let sealed = pad(&[b'x'; 140], OVERHEAD).len() + OVERHEAD;
    let one = bundle(1, sealed - 8);
    assert_eq!(one.to_compact().len(), PACKET);
    let mut station = Station::new(QUICK, Secret::from([1; 32]), NOW);
    assert!(station.offer(one.clone(), false, NOW));
    let Some(Output::Send(frame)) = station.poll(NOW) else { panic!("nothing is sent") };
    assert_eq!(frame.len(), PACKET + CHECK);
    assert_eq!(station.poll(NOW), None);
    let line = decode_all(&encode(0, Command::Data, &frame));
    assert_eq!(line.len(), 1);
    let mut other = Station::new(QUICK, Secret::from([2; 32]), NOW);
    other.receive(&line[0].data, NOW);
    assert_eq!(other.poll(NOW), Some(Output::Arrived(one)));
}

/// Frames that a station sends of one bundle.
fn frames_of(bundle: Bundle) -> usize {
    let mut station = Station::new(QUICK, Secret::from([1; 32]), NOW);
    assert!(station.offer(bundle, false, NOW));
    std::iter::from_fn(|| station.poll(NOW)).count()
}

#[test]
fn a_greeting_is_about_ten_frames() {
    let mut rng = UnwrapErr(SysRng);
    let mut person = || {
        let root = Root::from_bytes(Secret::random(&mut rng));
        let device = allod_crypto::sign::SigningKey::from_seed(&Secret::random(&mut rng));
        let log = Log::create(&root, PublicKey::Ed25519(device.verifying_key()), "laptop", NOW).unwrap();
        Own::new(&log, &device).unwrap()
    };
    let (alice, bob) = (person(), person());
    let secret = InvitationSecret::random(&mut rng);
    let invitation = Invitation::new(&bob, &secret, Instant(NOW.0 + 1), true);
    let (_, greeting) = greet(&alice, &invitation, &[b'x'; 140], NOW, &mut rng).unwrap();
    let terms = packet(0).terms;
    let frames = frames_of(Bundle::new(&greeting, terms).unwrap());
    let airtime = frames as u64 * Radio::LORA.pace_ms(PACKET + CHECK) / 60_000;
    println!("a greeting of {} bytes is {frames} frames, {airtime} minutes by LoRa at 1 %", greeting.len());
    assert!((8..=14).contains(&frames), "{frames}");
}

/// A source of chance that is the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// How bad a channel is, in hundredths of all frames.
#[derive(Clone, Copy, Default)]
struct Bad {
    lost: u64,
    doubled: u64,
    late: u64,
    garbled: u64,
}

const BAD: Bad = Bad { lost: 20, doubled: 10, late: 20, garbled: 5 };

/// Stations that hear each other, and what has come to each.
struct Channel {
    stations: Vec<Station>,
    arrived: Vec<Vec<Bundle>>,
    /// When each sent a frame, and of how many bytes.
    sent: Vec<Vec<(u64, usize)>>,
    flying: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    frames: u64,
    bad: Bad,
    chance: Chance,
    radio: Radio,
}

impl Channel {
    fn new(count: u8, radio: Radio, bad: Bad, seed: u64) -> Self {
        let station = |number| Station::new(radio, Secret::from([number; 32]), NOW);
        Self {
            stations: (0..count).map(station).collect(),
            arrived: vec![Vec::new(); count.into()],
            sent: vec![Vec::new(); count.into()],
            flying: BTreeMap::new(),
            frames: 0,
            bad,
            chance: Chance(seed),
            radio,
        }
    }

    fn fly(&mut self, at: u64, to: usize, frame: Vec<u8>) {
        self.frames += 1;
        self.flying.insert((at, self.frames), (to, frame));
    }

    fn sends(&mut self, from: usize, frame: &[u8], now: u64) {
        self.sent[from].push((now, frame.len()));
        let took = self.radio.airtime_us(frame.len()) / 1000;
        for to in (0..self.stations.len()).filter(|to| *to != from) {
            if self.chance.below(100) < self.bad.lost {
                continue;
            }
            let mut frame = frame.to_vec();
            if self.chance.below(100) < self.bad.garbled {
                let place = self.chance.below(frame.len() as u64) as usize;
                frame[place] ^= 1 << self.chance.below(8);
            }
            let late = if self.chance.below(100) < self.bad.late { self.chance.below(20_000) } else { 0 };
            if self.chance.below(100) < self.bad.doubled {
                self.fly(now + took + late + 500, to, frame.clone());
            }
            self.fly(now + took + late, to, frame);
        }
    }

    /// From one time to another, in milliseconds after the beginning.
    fn run(&mut self, from: u64, to: u64) {
        let mut now = NOW.0 + from;
        let end = NOW.0 + to;
        while now <= end {
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= now) {
                let (to, frame) = entry.remove();
                self.stations[to].receive(&frame, Instant(now));
            }
            for number in 0..self.stations.len() {
                while let Some(output) = self.stations[number].poll(Instant(now)) {
                    match output {
                        Output::Send(frame) => self.sends(number, &frame, now),
                        Output::Arrived(bundle) => self.arrived[number].push(bundle),
                    }
                }
            }
            let deadlines = self.stations.iter().filter_map(|station| station.deadline(Instant(now)));
            let next = deadlines.map(|at| at.0).chain(self.flying.keys().map(|(at, _)| *at)).min();
            now = next.unwrap_or(end).max(now + 1);
        }
    }

    fn has(&self, station: usize, bundle: &Bundle) -> bool {
        self.arrived[station].contains(bundle)
    }
}

#[test]
fn two_stations_on_a_bad_channel_get_all_of_it_once() {
    for seed in 0..10 {
        let mut channel = Channel::new(2, QUICK, BAD, seed);
        let bundles: Vec<_> = (0..20).map(|number| bundle(number, 40 + number as usize * 100)).collect();
        for (number, bundle) in bundles.iter().enumerate() {
            assert!(channel.stations[number % 2].offer(bundle.clone(), false, NOW));
        }
        channel.run(0, 6 * HOUR);
        for (number, bundle) in bundles.iter().enumerate() {
            let times = channel.arrived[1 - number % 2].iter().filter(|other| *other == bundle).count();
            assert_eq!(times, 1, "seed {seed}, bundle {number}");
        }
        // What is garbled never arrives.
        assert!(channel.arrived.iter().flatten().all(|arrived| bundles.contains(arrived)));
    }
}

#[test]
fn what_somebody_has_is_not_sent_again() {
    let mut channel = Channel::new(2, QUICK, Bad::default(), 1);
    (0..5).for_each(|number| assert!(channel.stations[0].offer(packet(number), false, NOW)));
    channel.run(0, 10_000);
    let first = channel.sent[0].len();
    assert_eq!((first, channel.arrived[1].len()), (5, 5));
    // Afterwards there are only beacons, six an hour at most.
    channel.run(10_000, 5 * HOUR);
    assert!(channel.sent[0].len() <= first + 30, "{}", channel.sent[0].len());
    assert!(channel.sent[1].len() <= 32);
}

#[test]
fn nobody_who_hears_nothing_is_sent_to_forever() {
    let mut channel = Channel::new(2, QUICK, Bad { lost: 100, ..Bad::default() }, 1);
    assert!(channel.stations[0].offer(packet(1), false, NOW));
    channel.run(0, 20 * HOUR);
    let sent: Vec<u64> = channel.sent[0].iter().filter(|(_, size)| *size > 200).map(|(at, _)| *at).collect();
    assert_eq!((sent.len(), sent[0]), (ATTEMPTS.into(), NOW.0));
    // Ever longer times lie between.
    let waits: Vec<_> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.windows(2).all(|pair| pair[1] * 2 > pair[0] * 3), "{waits:?}");
    let before = channel.stations[0].airtime_us();
    channel.stations[0].withdraw(&packet(1).tag);
    channel.run(20 * HOUR, 40 * HOUR);
    assert_eq!(channel.stations[0].airtime_us(), before);
}

#[test]
fn three_stations_of_which_one_expects_what_another_keeps_for_whoever_asks() {
    let mut channel = Channel::new(3, QUICK, BAD, 7);
    let kept: Vec<_> = (0..10).map(packet).collect();
    kept.iter().for_each(|bundle| assert!(channel.stations[0].offer(bundle.clone(), true, NOW)));
    channel.run(0, HOUR);
    let covers = channel.arrived.iter().flatten().count();
    assert!(covers <= 8, "{covers} asked for as covers");
    let mine: Vec<_> = kept[3..6].iter().map(|bundle| bundle.tag).collect();
    channel.stations[2].expect(&mine);
    channel.run(HOUR, 4 * HOUR);
    assert!(kept[3..6].iter().all(|bundle| channel.has(2, bundle)));
}

#[test]
fn some_of_what_is_for_others_is_asked_for_and_always_the_same() {
    let asked_by = |secret: u8| {
        let mut station = Station::new(QUICK, Secret::from([secret; 32]), NOW);
        let mut asked = BTreeSet::new();
        for hundred in 0..20 {
            let names: Vec<_> = (0..35).map(|number| name(&token(hundred * 35 + number).tag())).collect();
            station.receive(&Content::Beacon(Beacon { has: names, asks: Vec::new() }).encode(), NOW);
        }
        let mut now = NOW;
        for _ in 0..200 {
            now = station.deadline(now).unwrap().max(Instant(now.0 + 1));
            while let Some(Output::Send(frame)) = station.poll(now) {
                let Some(Content::Beacon(beacon)) = Content::decode(&frame) else { panic!("no beacon") };
                asked.extend(beacon.asks);
            }
        }
        asked
    };
    let (one, other) = (asked_by(1), asked_by(2));
    assert!((8..50).contains(&one.len()), "{}", one.len());
    assert_eq!(one, asked_by(1));
    assert_ne!(one, other);
}

#[test]
fn the_duty_cycle_is_kept_by_each_of_three_over_every_hour() {
    let mut channel = Channel::new(3, Radio::LORA, BAD, 3);
    for number in 0..300 {
        let station = &mut channel.stations[number as usize % 3];
        assert!(station.offer(packet(number), false, NOW));
    }
    let mut before = [0; 3];
    for hour in 0..12 {
        channel.run(hour * HOUR, (hour + 1) * HOUR);
        for (station, before) in channel.stations.iter().zip(&mut before) {
            let used = station.airtime_us() - *before;
            assert!(used <= 36_000_000, "{used} µs in hour {hour}");
            // There is enough to send for three hours at least.
            assert!(used > 20_000_000 || hour > 2, "{used} µs in hour {hour}");
            *before = station.airtime_us();
        }
    }
    // One per cent of an hour at this rate is about 29 packets.
    let came = channel.arrived.iter().map(Vec::len).sum::<usize>();
    assert!(came > 300, "{came}");
}

#[test]
fn what_is_urgent_is_sent_first() {
    let mut station = Station::new(QUICK, Secret::from([1; 32]), NOW);
    let with = |number, priority| {
        let one = packet(number);
        Bundle { terms: Terms { priority, ..one.terms }, ..one }
    };
    let order = [with(1, Priority::Urgent), with(2, Priority::Normal), with(3, Priority::Bulk)];
    order.iter().rev().for_each(|bundle| assert!(station.offer(bundle.clone(), false, NOW)));
    for bundle in order {
        assert_eq!(station.poll(NOW), Some(Output::Send(Content::Bundle(bundle).encode())));
    }
}

#[test]
fn fragments_of_strangers_take_a_bounded_room_and_what_is_large_is_refused() {
    let mut station = Station::new(QUICK, Secret::from([1; 32]), NOW);
    assert!(!station.offer(bundle(1, BUNDLE_MAX + 1), false, NOW));
    assert!(!station.offer(packet(1), false, Instant(packet(1).terms.expires().0 + 1)));
    let whole = bundle(2, BUNDLE_MAX);
    let parts = allod_courier::bundle::fragments(whole, 200).unwrap();
    assert!(!station.offer(parts[0].clone(), false, NOW));
    for number in 0..2000 {
        let part = allod_courier::bundle::fragments(bundle(number, BUNDLE_MAX), 200).unwrap().remove(0);
        station.receive(&Content::Bundle(part).encode(), NOW);
    }
    assert!(station.parts_held() <= 32);
    // Another one is still put together.
    parts.into_iter().for_each(|part| station.receive(&Content::Bundle(part).encode(), NOW));
    assert!(matches!(station.poll(NOW), Some(Output::Arrived(_))));
}

/// Both ends of a pseudoterminal, and the path of the second.
fn terminal() -> (std::os::fd::OwnedFd, PathBuf) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = PathBuf::from(ptsname(&ours, Vec::new()).unwrap().into_string().unwrap());
    // It stays while nobody has opened it.
    drop(ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    (ours, path)
}

#[tokio::test]
async fn two_stations_talk_over_real_terminals() {
    let ((one, one_path), (other, other_path)) = (terminal(), terminal());
    // The radios: what comes out of one terminal goes into the other, or is lost, garbled, doubled
    // or late.
    let (mut ours, mut theirs) =
        (Port::open(&one_path, 9600).unwrap(), Port::open(&other_path, 115_200).unwrap());
    let mut air = (Port::of(one, &one_path).unwrap(), Port::of(other, &other_path).unwrap());
    let radios = async {
        let (mut count, mut late) = (0, None);
        loop {
            tokio::select! {
                frame = air.0.receive() => {
                    count += 1;
                    let mut frame = frame.unwrap();
                    match count % 10 {
                        0 | 5 => continue,
                        3 => frame[40] ^= 1,
                        7 => air.1.send(&frame).await.unwrap(),
                        8 => {
                            late = Some(frame);
                            continue;
                        }
                        _ => {}
                    }
                    air.1.send(&frame).await.unwrap();
                    if let Some(late) = late.take() {
                        air.1.send(&late).await.unwrap();
                    }
                }
                frame = air.1.receive() => air.0.send(&frame.unwrap()).await.unwrap(),
            }
        }
    };
    let begun = std::time::Instant::now();
    let clock = || Instant(NOW.0 + begun.elapsed().as_millis() as u64);
    let mut stations = [1, 2].map(|number| Station::new(QUICK, Secret::from([number; 32]), NOW));
    let [a, b] = &mut stations;
    let ((orders, a_orders), (keep, b_orders)) = (mpsc::channel(20), mpsc::channel(1));
    let ((a_arrived, _a), (b_arrived, mut arrived)) = (mpsc::channel(1), mpsc::channel(20));
    let (mut a_orders, mut b_orders) = (a_orders, b_orders);
    let bundles: Vec<_> = (0..4).map(|number| bundle(number, 100 + 500 * number as usize)).collect();
    let talk = async {
        for bundle in &bundles {
            orders.send(Order::Offer(bundle.clone(), false)).await.unwrap();
        }
        let mut came = Vec::new();
        while came.len() < bundles.len() {
            came.push(arrived.recv().await.unwrap());
        }
        drop(keep);
        came
    };
    let came = tokio::select! {
        () = radios => unreachable!(),
        end = drive(&mut ours, a, &mut a_orders, &a_arrived, clock) => panic!("{end:?}"),
        end = drive(&mut theirs, b, &mut b_orders, &b_arrived, clock) => panic!("{end:?}"),
        came = tokio::time::timeout(Duration::from_secs(60), talk) => came.unwrap(),
    };
    assert!(bundles.iter().all(|bundle| came.contains(bundle)) && came.len() == bundles.len());
}

#[tokio::test]
async fn all_bytes_go_through_a_terminal_unchanged_and_its_end_is_told() {
    let (ours, path) = terminal();
    let mut port = Port::open(&path, 57_600).unwrap();
    let mut air = Port::of(ours, &path).unwrap();
    let all: Vec<u8> = (0..=255).collect();
    air.send(&all).await.unwrap();
    assert_eq!(port.receive().await.unwrap(), all);
    port.send(&all).await.unwrap();
    assert_eq!(air.receive().await.unwrap(), all);
    drop(air);
    assert!(matches!(port.receive().await, Err(NarrowError::Io { .. })));
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(Port::open(file.path(), 9600), Err(NarrowError::Io { .. })));
}

//! Writes what the courier's decoders read into `corpus/`, for the fuzzers to begin from.

use std::error::Error;
use std::fs;
use std::path::Path;

use allod_courier::bundle::{Bundle, Lifetime, Priority, Seconds, Terms, fragments, pad};
use allod_courier::contact::greet;
use allod_courier::group::{Action, Change, GroupId, Listener};
use allod_courier::ratchet::OVERHEAD;
use allod_did::Did;
use allod_fuzz::{
    FIXTURE_TODAY, FixtureCarrier, fixture_asking, fixture_device, fixture_founding, fixture_invitation,
    fixture_log, fixture_met, fixture_own, fixture_pieces, fixture_sender, fixture_who, joined, stream,
};
use rand_core::Rng;

type Done = Result<(), Box<dyn Error>>;

fn put(name: &str, number: usize, bytes: impl AsRef<[u8]>) -> Done {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(format!("seed-{number}")), bytes)?)
}

fn bundles() -> Done {
    let messages = [vec![9; 8], [vec![60; 8], vec![5; 150]].concat(), [vec![1; 8], vec![0; 700]].concat()];
    for (number, message) in messages.iter().enumerate() {
        let terms = Terms {
            created: Seconds::at(FIXTURE_TODAY),
            sequence: 7,
            lifetime: Lifetime::MESSAGE,
            priority: Priority::from_code(number as u8).ok_or("no priority")?,
            copies: 4,
            custody: number > 0,
        };
        let bundle = Bundle::new(message, terms)?;
        put("bundle_compact", number, bundle.to_compact())?;
        put("bundle_full", number, bundle.to_full())?;
        let mut parts = fragments(bundle, 100).ok_or("too many")?;
        parts.reverse();
        let part = parts.first().ok_or("none")?;
        put("bundle_compact", 10 + number, part.to_compact())?;
        put("bundle_full", 10 + number, part.to_full())?;
        let compact: Vec<Vec<u8>> = parts.iter().map(Bundle::to_compact).collect();
        put("bundle_fragments", number, joined(&compact))?;
        put("padding", number, pad(message, OVERHEAD))?;
    }
    Ok(())
}

fn sessions() -> Done {
    let (invitation, rng) = (fixture_invitation(), &mut stream());
    put("invitation", 0, invitation.encode())?;
    let (_, greeting) = greet(&fixture_own(), &invitation, b"hello", FIXTURE_TODAY, rng)?;
    put("greeting", 0, greeting)?;
    let ([first, mut second], mut messages) = fixture_met();
    put("ratchet_open", 0, joined(&messages))?;
    messages.reverse();
    put("ratchet_open", 1, joined(&messages))?;
    put("ratchet_load", 0, first.store().expose())?;
    put("ratchet_load", 1, second.store().expose())?;
    second.open(messages.first().ok_or("no message")?, FIXTURE_TODAY)?;
    put("ratchet_load", 2, second.store().expose())?;
    for number in 0..8 {
        let mut bytes = vec![0; 60];
        rng.fill_bytes(&mut bytes);
        put("ratchet_session", number, bytes)?;
    }
    Ok(())
}

fn groups() -> Done {
    let (founding, rng, did) = (fixture_founding(), &mut stream(), fixture_log().state().did());
    put("group_change", 0, founding.encode())?;
    let other = Did([3; 32]);
    let actions = [
        Action::Add(other),
        Action::Remove(other),
        Action::Appoint(other),
        Action::Leave,
        Action::Rename("band".into()),
    ];
    for (number, action) in (1..).zip(actions) {
        let change = Change::new(vec![founding.id()], did, action, &fixture_device())?;
        put("group_change", number, change.encode())?;
    }
    for number in 0..8 {
        let mut bytes = vec![0; 48];
        rng.fill_bytes(&mut bytes);
        put("group_changes", number, bytes)?;
    }
    let (key, mut messages) = fixture_sender();
    put("group_key", 0, allod_wire::encode(&key))?;
    messages.reverse();
    put("group_open", 0, joined(&messages))?;
    let mut listener = Listener::new(GroupId(founding.id().0), fixture_who(), key);
    listener.open(messages.first().ok_or("no message")?, FIXTURE_TODAY)?;
    put("group_key", 1, allod_wire::encode(&listener))
}

/// What each of two carriers hears of the other.
fn contacts() -> Done {
    let mut carriers = [FixtureCarrier::new(0), FixtureCarrier::new(1)];
    let mut ways = carriers.each_mut().map(FixtureCarrier::outputs);
    ways.reverse();
    let mut heard = [Vec::new(), Vec::new()];
    while ways.iter().any(|way| !way.is_empty()) {
        for at in 0..2 {
            for frame in std::mem::take(&mut ways[at]) {
                let said = carriers[at].frame(&frame).ok_or("the contact broke")?;
                heard[at].push(frame);
                ways[1 - at].extend(said);
            }
        }
    }
    for (number, frames) in heard.iter().enumerate() {
        put("encounter", number, joined(frames))?;
        put("encounter", 10 + number, joined(&frames[..frames.len() / 2]))?;
    }
    Ok(())
}

fn vouchers() -> Done {
    let asking = fixture_asking();
    put("voucher_request", 0, asking.request().encode())?;
    for (number, piece) in fixture_pieces().iter().enumerate() {
        put("voucher_piece", number, piece.encode().expose())?;
        put("voucher_request", 1 + number, piece.release(&asking.request(), &mut stream())?)?;
    }
    Ok(())
}

fn main() -> Done {
    contacts()?;
    vouchers()?;
    bundles()?;
    sessions()?;
    groups()
}

//! Contacts who stand in for a lost card, up to the identity being back.

use std::fs;
use std::path::Path;

use allod_guardian::card::Code;

use crate::life::Life;
use crate::process::At;
use crate::story::{PIN, Story};

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// Everybody's stick is looked at, in this order.
fn carry(stick: &Path, lives: &[&Life]) {
    for life in lives {
        life.does(&["carry", "folder", stick.to_str().unwrap()]).done();
    }
}

#[test]
fn three_of_five_contacts_give_back_a_card_and_with_it_and_the_pin_everything_is_back() {
    let story = Story::begin();
    let folder = story.folder.path().to_owned();
    let alice = Life { home: story.home.clone(), name: "alice" };
    let holders = ["ann", "ben", "cy", "dan", "eve"].map(|name| Life::new(&folder, name));
    let stick = folder.join("stick");
    fs::create_dir(&stick).unwrap();
    let everybody: Vec<&Life> = holders.iter().chain([&alice]).collect();
    for holder in &holders {
        let invitation = alice.invites();
        holder.does(&["contact", "accept", &invitation, "--name", "Alice"]).done();
    }
    carry(&stick, &everybody);
    for holder in &holders {
        alice.does(&["contact", "rename", &holder.did(), holder.name]).done();
    }

    // Nobody has anything yet, and what cannot be is refused.
    assert!(alice.rows(&["vouch", "list"])[0]["own"].is_null());
    alice.does(&["vouch", "deal", "--with", "ann", "ben", "--need", "3"]).failed_with(2, "cannot be needed");
    alice.does(&["vouch", "deal", "--with", "ann", "ann", "--need", "2"]).failed_with(2, "twice");
    let deal = ["vouch", "deal", "--need", "3", "--with", "ann", "ben", "cy", "dan", "eve"];
    alice.does(&deal).done();
    carry(&stick, &[&alice, &holders[4]]);
    // She deals again, and Eve does not hear of it.
    alice.does(&deal).done();
    carry(&stick, &[&alice, &holders[0], &holders[1], &holders[2], &holders[3]]);
    let own = alice.rows(&["vouch", "list"])[0]["own"].clone();
    assert_eq!((own["needed"].as_u64(), own["holders"].as_array().unwrap().len()), (Some(3), 5));
    for holder in &holders {
        let kept = holder.rows(&["vouch", "list"])[0]["kept"].clone();
        assert_eq!(
            (kept.as_array().unwrap().len(), &kept[0]["name"]),
            (1, &"Alice".into()),
            "{}",
            holder.name
        );
    }

    // Alice has lost everything but knows who she is.
    let card = alice.rows(&["card"])[0]["card"]["code"].as_str().unwrap().to_owned();
    let did = alice.did();
    let new = Life { home: folder.join("new"), name: "alice" };
    new.does(&["vouch", "take"]).failed("no pieces are being asked for");
    let request = path(&folder, "me.request");
    let asked = new.rows(&["vouch", "ask", "--did", &did, "--out", &request]);
    let code = asked[0]["code"].as_str().unwrap().to_owned();
    // Asked again, it is the same request.
    assert_eq!(new.rows(&["vouch", "ask", "--did", &did])[0], asked[0]);
    new.does(&["vouch", "ask", "--did", &holders[0].did()]).failed_with(2, "are being asked for");

    let answer = |life: &Life| path(&folder, &format!("{}.answer", life.name));
    let refused = path(&folder, "refused.answer");
    let ann = &holders[0];
    ann.does(&["vouch", "release", &request, "--out", &refused]).failed_with(2, "there is no terminal");
    let other = ["vouch", "release", &request, "--out", &refused, "--code", "12345 12345 12345", "--yes"];
    ann.does(&other).failed("another code");
    let stranger = Life::new(&folder, "mallory");
    let right = ["vouch", "release", &request, "--out", &refused, "--code", &code, "--yes"];
    stranger.does(&right).failed("you keep no piece");
    assert!(!Path::new(&refused).exists());
    for holder in &holders {
        let release = ["vouch", "release", &request, "--out", &answer(holder), "--code", &code, "--yes"];
        holder.does(&release).done();
    }

    // One right one, one of the dealing before, and one that was changed on its way.
    let changed = path(&folder, "changed.answer");
    let text = fs::read_to_string(answer(&holders[3])).unwrap();
    let letter = if text.as_bytes()[2000] == b'A' { "B" } else { "A" };
    fs::write(&changed, format!("{}{letter}{}", &text[..2000], &text[2001..])).unwrap();
    let taken = new.rows(&["vouch", "take", &answer(ann), &answer(&holders[4]), &changed]);
    assert_eq!((taken[0]["have"].as_u64(), taken[0]["needed"].as_u64()), (Some(1), Some(3)), "{taken:?}");
    assert_eq!(taken[0]["wrong"][0]["answer"], changed.as_str());
    assert_eq!(taken[0]["wrong"].as_array().unwrap().len(), 1);
    // The same one is no further one.
    let taken = new.rows(&["vouch", "take", &answer(ann), &answer(&holders[1])]);
    assert_eq!(taken[0]["have"].as_u64(), Some(2), "{taken:?}");
    let written = path(&folder, "written card.txt");
    let taken = new.rows(&["vouch", "take", &answer(&holders[2]), "--card", &written]);
    assert_eq!(taken[0]["card"], written.as_str(), "{taken:?}");
    // Whose piece was an old one is named.
    assert_eq!(taken[0]["left_out"], serde_json::json!([holders[4].did()]));
    let (there, here) = (Code::from_text(&card).unwrap(), fs::read_to_string(&written).unwrap());
    let here = Code::from_text(&here).unwrap();
    assert_eq!((here.card, here.did.to_string()), (there.card, did.clone()));
    // Nothing that opens answers is left.
    assert!(!new.home.join("asking").exists());

    let recovered = At { home: &new.home, pin: PIN };
    let args = ["--json", "recover", "--card", &written, "--guesses", "4", "--pin-fd", "3"];
    assert_eq!(recovered.run(&args).done().json()["did"], did.as_str());
}

//! A parcel that is shown as codes and filmed.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{Winsize, tcsetwinsize};

use crate::home;
use crate::life::Life;

fn pictures(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_parcel_comes_by_pictures_of_which_a_third_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| Life::new(folder.path(), name));
    let invitation = alice.invites();
    bob.does(&["contact", "accept", &invitation, "--name", "Alice", "--text", "filmed"]).done();
    let (parcel, film) = (folder.path().join("today.parcel"), folder.path().join("film"));
    let (parcel, shown) = (parcel.to_str().unwrap(), film.to_str().unwrap());
    let out = bob.rows(&["carry", "out", parcel, "--qr", shown]);
    let all = pictures(&film);
    assert_eq!(out[0]["codes"].as_u64(), Some(all.len() as u64));
    // Not into a folder where other codes are.
    bob.does(&["carry", "out", parcel, "--qr", shown]).failed_with(2, "has something in it already");

    // A few are not enough, which is said; any two thirds are, in any order.
    let few = folder.path().join("few");
    fs::create_dir(&few).unwrap();
    for file in all.iter().step_by(3) {
        fs::rename(file, few.join(file.file_name().unwrap())).unwrap();
    }
    fs::write(few.join("no picture.png"), b"nothing").unwrap();
    alice.does(&["carry", "in", few.to_str().unwrap(), "--qr"]).failed("are not enough");
    let taken = alice.rows(&["carry", "in", shown, "--qr"]);
    assert!(taken[0]["for_you"].as_u64() >= Some(1), "{taken:?}");
    assert_eq!(alice.reads(), ["filmed"]);
    assert_eq!(alice.rows(&["carry", "in", shown, "--qr"])[0]["for_you"].as_u64(), Some(0));
}

#[test]
fn codes_are_shown_on_a_terminal_until_it_is_ended_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| Life::new(folder.path(), name));
    let invitation = alice.invites();
    bob.does(&["contact", "accept", &invitation, "--name", "Alice", "--text", "seen"]).done();
    let parcel = folder.path().join("today.parcel");
    let args = ["carry", "out", parcel.to_str().unwrap(), "--screen"];
    bob.does(&args).failed_with(2, "only be shown on a terminal");
    assert!(!parcel.exists());

    let begin = |rows: u16, columns: u16| {
        let air =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        rustix::pty::grantpt(&air).unwrap();
        rustix::pty::unlockpt(&air).unwrap();
        let name = rustix::pty::ptsname(&air, Vec::new()).unwrap();
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&air, size).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal: OwnedFd = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
        let mut command = home::command(&bob.home, folder.path(), &args);
        command.stdout(Stdio::from(terminal));
        (command.spawn().unwrap(), fs::File::from(air))
    };
    let (small, _air) = begin(20, 40);
    home::ended(small).failed_with(2, "no place on a terminal of 40 columns and 20 rows");

    let (shown, mut air) = begin(60, 120);
    let (mut seen, mut bytes, began) = (Vec::new(), [0; 4096], Instant::now());
    let has_seen = |seen: &[u8], words: &str| String::from_utf8_lossy(seen).contains(words);
    while !has_seen(&seen, "code 4;") {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", String::from_utf8_lossy(&seen));
        let count = air.read(&mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..count]);
    }
    assert!(has_seen(&seen, "█") && has_seen(&seen, "code 1;"));
    let process = rustix::process::Pid::from_child(&shown);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    // What it still says is read, or it would wait.
    std::thread::spawn(move || std::io::copy(&mut air, &mut std::io::sink()));
    home::ended(shown).done();
}

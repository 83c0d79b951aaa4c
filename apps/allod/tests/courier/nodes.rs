//! Links other than networks: a radio, whose air is the test, and TCPCL; and what the desktop is told.

use std::fs;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use allod_courier::bundle::{Bundle, Lifetime, Priority, Seconds, Terms};
use allod_links::LinkError;
use allod_links::tcpcl::{Connection, Refusal, Settings};
use hardy_bpv7::builder::Builder;
use hardy_bpv7::creation_timestamp::CreationTimestamp;
use hardy_bpv7::dtn_time::DtnTime;
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::home::{self, until};
use crate::life::Life;
use crate::street::Running;

const PATIENCE: Duration = Duration::from_secs(60);

/// Two people in a folder who use no link but those that a test chooses.
fn two(folder: &std::path::Path) -> [Life; 2] {
    let lives = ["alice", "bob"].map(|name| Life::new(folder, name));
    for life in &lives {
        life.does(&["links", "lan", "off"]).done();
        life.does(&["links", "listen"]).done();
    }
    lives
}

/// Bob answers Alice's invitation, she reads it and answers, and both see that it came.
fn write_to_each_other([alice, bob]: &[Life; 2], runs: &[Running; 2]) {
    let invitation = alice.invites();
    bob.does(&["contact", "accept", &invitation, "--name", "Alice", "--text", "hello over there"]).done();
    runs[0].said("hello over there", PATIENCE);
    assert_eq!(alice.reads(), ["hello over there"]);
    let bobs = alice.rows(&["contact", "list"])[0]["did"].as_str().unwrap().to_owned();
    alice.does(&["send", &bobs, "hello yourself"]).done();
    runs[1].said("hello yourself", PATIENCE);
    assert_eq!(bob.reads(), ["hello yourself"]);
    until("Alice knows that hers was read", || alice.states(&bobs) == ["read"]);
}

#[test]
fn two_who_are_joined_by_tcpcl_write_to_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let lives = two(folder.path());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    lives[0].does(&["links", "tcpcl", &address]).done();
    lives[1].does(&["links", "tcpcl", &address, "--to"]).done();
    let chosen = lives[1].rows(&["links"]);
    assert!(chosen.iter().any(|row| row["kind"] == "tcpcl" && row["what"] == format!("to {address}")));
    let runs = [0, 1].map(|at| Running::begin(&mut lives[at].using_links()));
    runs[1].said("is there", PATIENCE);
    write_to_each_other(&lives, &runs);
    // Nobody else uses them meanwhile.
    lives[0].does(&["links", "run"]).failed("another process uses the links");
}

/// A bundle of another program, for an endpoint of its own.
fn foreign() -> Vec<u8> {
    let time = CreationTimestamp::from_parts(Some(DtnTime::new(allod_node::now().0 - 946_684_800_000)), 1);
    let builder = Builder::new("ipn:7.1".parse().unwrap(), "ipn:9.1".parse().unwrap())
        .with_lifetime(Duration::from_hours(1))
        .with_payload(b"for somebody else".into());
    builder.build(time).unwrap().1.into_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_gives_is_taken_once_if_it_is_the_couriers_and_else_refused_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let lives = two(folder.path());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    lives[0].does(&["links", "tcpcl", &address]).done();
    let run = Running::begin(&mut lives[0].using_links());
    run.said("TCPCL: listening", PATIENCE);
    let node = Connection::connect(&address, &Settings::new("dtn://another/")).await.unwrap();
    assert!(node.node().starts_with("dtn://allod-node-"));
    run.said("dtn://another/ is there", PATIENCE);

    let not_ours = Err(Refusal::NotAcceptable);
    let give = async |bytes: Vec<u8>| match node.send(bytes).await {
        Ok(()) => Ok(()),
        Err(LinkError::Refused(why)) => Err(why),
        Err(why) => panic!("{why}"),
    };
    assert_eq!(give(foreign()).await, not_ours);
    run.said("refused from dtn://another/: a bundle for another kind of endpoint (1 so far)", PATIENCE);
    assert_eq!(give(b"no bundle".to_vec()).await, not_ours);
    run.said("refused from dtn://another/: not a bundle, or not whole (2 so far)", PATIENCE);
    let (created, lifetime) = (Seconds::at(allod_node::now()), Lifetime::at_least(3600));
    let terms = |sequence| Terms {
        created,
        sequence,
        lifetime,
        priority: Priority::Normal,
        copies: 4,
        custody: false,
    };
    let bundle = Bundle::new(&[5; 300], terms(1)).unwrap();
    assert_eq!(give(bundle.to_full()).await, Ok(()));
    assert_eq!(give(bundle.to_full()).await, Err(Refusal::Completed));
    let old = Bundle::new(&[6; 300], Terms { created: Seconds(1), ..terms(2) }).unwrap();
    assert_eq!(give(old.to_full()).await, not_ours);
    let carried = lives[0].rows(&["carry"])[0].clone();
    assert_eq!(carried["of_others"]["bundles"].as_u64(), Some(1));
    let refused = |why: &str| carried["refused"][why].as_u64();
    assert_eq!(
        ["for another kind of endpoint", "no bundle", "known already", "expired"].map(refused),
        [Some(1); 4],
        "{carried}"
    );
    drop(node);
    run.said("dtn://another/ has gone", PATIENCE);

    // Whoever comes next is given it, with half of its copies, and once.
    let mut next = Connection::connect(&address, &Settings::new("dtn://next/")).await.unwrap();
    let given = tokio::time::timeout(PATIENCE, next.receive()).await.unwrap().unwrap();
    let given_bundle = Bundle::from_full(&given.bundle).unwrap();
    assert_eq!((given_bundle.id(), given_bundle.terms.copies), (bundle.id(), 2));
    given.accept();
    let again = tokio::time::timeout(Duration::from_secs(2), next.receive()).await;
    assert!(again.is_err(), "it is given once");
}

#[test]
fn the_network_and_node_of_up_use_the_links_as_well_unless_told_not_to() {
    let folder = tempfile::tempdir().unwrap();
    let lives = two(folder.path());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    lives[0].does(&["links", "tcpcl", &address]).done();
    lives[1].does(&["links", "tcpcl", &address, "--to"]).done();
    let up = |more: &[&str]| {
        let args = [&["up", "--plain", "--port-base", "0"], more].concat();
        home::command(&lives[0].home, folder.path(), &args)
    };
    let alice = Running::begin(&mut up(&[]));
    alice.said("TCPCL: listening", PATIENCE);
    let bob = Running::begin(&mut lives[1].using_links());
    let invitation = lives[0].invites();
    lives[1].does(&["contact", "accept", &invitation, "--name", "Alice", "--text", "hello network"]).done();
    alice.said("hello network", PATIENCE);
    lives[0].does(&["links", "run"]).failed("another process uses the links");
    drop(alice);

    let alice = Running::begin(&mut up(&["--no-links"]));
    alice.said("end  ", PATIENCE);
    let links = Running::begin(&mut lives[0].using_links());
    links.said("TCPCL: listening", PATIENCE);
    assert!(!alice.all().iter().any(|line| line.contains("TCPCL")));
    drop(bob);
}

/// A pseudoterminal: what a program opens as its device, and the other end.
struct Pair {
    device: PathBuf,
    air: OwnedFd,
    /// Kept open, so that the other end does not see it close while no program has it.
    _held: OwnedFd,
}

impl Pair {
    fn open() -> Self {
        let air =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        rustix::pty::grantpt(&air).unwrap();
        rustix::pty::unlockpt(&air).unwrap();
        let name = rustix::pty::ptsname(&air, Vec::new()).unwrap();
        let device = PathBuf::from(name.to_str().unwrap());
        let held = rustix::fs::open(&device, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
            .unwrap();
        let mut modes = tcgetattr(&held).unwrap();
        modes.make_raw();
        tcsetattr(&held, OptionalActions::Now, &modes).unwrap();
        Self { device, air, _held: held }
    }
}

/// Brings bytes from one end to another, for as long as the test lasts, unless the air is disturbed.
fn relay(
    from: &OwnedFd,
    to: &OwnedFd,
    is_disturbed: &Arc<AtomicBool>,
    heard: &Arc<AtomicUsize>,
) -> JoinHandle<()> {
    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let (is_disturbed, heard) = (Arc::clone(is_disturbed), Arc::clone(heard));
    std::thread::spawn(move || {
        let mut bytes = [0; 512];
        while let Ok(count @ 1..) = rustix::io::read(&from, &mut bytes) {
            if is_disturbed.load(Ordering::Relaxed) {
                continue;
            }
            heard.fetch_add(count, Ordering::Relaxed);
            let mut rest = &bytes[..count];
            while let Ok(written @ 1..) = rustix::io::write(to.as_fd(), rest) {
                rest = &rest[written..];
                if rest.is_empty() {
                    break;
                }
            }
        }
    })
}

#[test]
fn two_who_are_joined_by_a_radio_write_to_each_other_also_after_nothing_was_heard_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let lives = two(folder.path());
    let pairs = [Pair::open(), Pair::open()];
    let (is_disturbed, heard) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    // They end with the test's process.
    let _there = relay(&pairs[0].air, &pairs[1].air, &is_disturbed, &heard);
    let _back = relay(&pairs[1].air, &pairs[0].air, &is_disturbed, &heard);
    for (life, pair) in lives.iter().zip(&pairs) {
        let device = pair.device.to_str().unwrap();
        life.does(&["links", "serial", device, "--rate", "100000", "--duty", "1000"]).done();
    }
    let runs = [0, 1].map(|at| Running::begin(&mut lives[at].using_links()));
    for run in &runs {
        run.said("radio at", PATIENCE);
    }
    let air = Arc::clone(&is_disturbed);
    let calm = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(3));
        air.store(false, Ordering::Relaxed);
    });
    write_to_each_other(&lives, &runs);
    calm.join().unwrap();
    println!("{} bytes were in the air", heard.load(Ordering::Relaxed));
    // A file's parts are not worth it.
    let file = folder.path().join("film.bin");
    fs::write(&file, vec![7; 300_000]).unwrap();
    let before = heard.load(Ordering::Relaxed);
    lives[1].does(&["send", "Alice", "the film", "--file", file.to_str().unwrap()]).done();
    runs[0].said("film.bin", PATIENCE);
    std::thread::sleep(Duration::from_secs(2));
    assert!(heard.load(Ordering::Relaxed) - before < 20_000);
}

#[test]
fn a_device_that_is_pulled_out_is_used_again_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let lives = two(folder.path());
    let device = folder.path().join("radio");
    lives[0].does(&["links", "serial", device.to_str().unwrap()]).done();
    let run = Running::begin(&mut lives[0].using_links());
    run.said("it is tried again", PATIENCE);
    let pair = Pair::open();
    std::os::unix::fs::symlink(&pair.device, &device).unwrap();
    run.said("radio at", PATIENCE);
}

#[test]
fn the_desktop_is_told_that_something_came_and_what_it_says_only_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let lives = two(folder.path());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    lives[0].does(&["links", "tcpcl", &address]).done();
    lives[1].does(&["links", "tcpcl", &address, "--to"]).done();
    // A desktop of which all that is known is what its program is told.
    let (programs, told) = (folder.path().join("programs"), folder.path().join("told"));
    fs::create_dir(&programs).unwrap();
    let program = programs.join("notify-send");
    fs::write(&program, format!("#!/bin/sh\nprintf '%s|' \"$@\" >> {0}\necho >> {0}\n", told.display()))
        .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let with_desktop = |life: &Life, has_bus: bool| {
        let mut command = life.using_links();
        let path = std::env::join_paths(
            std::iter::once(programs.clone())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        command.env("PATH", path.unwrap());
        if has_bus {
            command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
        }
        Running::begin(&mut command)
    };
    let lines =
        || fs::read_to_string(&told).unwrap_or_default().lines().map(ToOwned::to_owned).collect::<Vec<_>>();
    let bob = Running::begin(&mut lives[1].using_links());
    let alice = with_desktop(&lives[0], true);
    let invitation = lives[0].invites();
    lives[1].does(&["contact", "accept", &invitation, "--name", "Alice", "--text", "first secret"]).done();
    alice.said("first secret", PATIENCE);
    until("it was told", || lines().len() == 1);
    // Several at once are told at once, and not before some seconds have passed.
    for number in 0..3 {
        lives[1].does(&["send", "Alice", &format!("secret {number}")]).done();
        alice.said(&format!("secret {number}"), PATIENCE);
    }
    until("they were told", || lines().len() >= 2);
    assert!(lines().len() <= 3, "{:?}", lines());
    assert!(!lines().concat().contains("secret"), "{:?}", lines());
    drop(alice);

    lives[0].does(&["links", "notify", "text"]).done();
    let before = lines().len();
    let alice = with_desktop(&lives[0], true);
    lives[1].does(&["send", "Alice", "<b>in the open</b>"]).done();
    alice.said("in the open", PATIENCE);
    until("it was told with its text", || lines().len() > before);
    assert!(lines()[before].contains("&lt;b&gt;in the open"), "{:?}", lines());
    drop(alice);

    // Without a bus nothing is told, nor where it was switched off.
    let before = lines().len();
    for (what, has_bus) in [("text", false), ("off", true)] {
        lives[0].does(&["links", "notify", what]).done();
        let alice = with_desktop(&lives[0], has_bus);
        lives[1].does(&["send", "Alice", what]).done();
        alice.said(what, PATIENCE);
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(lines().len(), before);
    }
    drop(bob);
}

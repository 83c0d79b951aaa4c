//! Devices on one cable, which has no router, no name server and no way out: each in a network
//! namespace of its own, with an address that it gave itself. It needs root.

mod device;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Within this, devices have found each other.
const FOUND: Duration = Duration::from_secs(5);
/// Within this, a frame went there and back.
const FRAME_MS: u64 = 1000;
/// Within this, it is known that somebody has gone who could not say so.
const LOST: Duration = Duration::from_secs(25);

/// Set in the environment of a process that is one device.
const IS_DEVICE: &str = "ALLOD_LINKS_TEST_DEVICE";

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("`ip {arguments}`: {}", said.trim())) }
}

/// A cable to which devices are connected: a bridge in a namespace, from which pairs of
/// interfaces lead to the devices.
struct Cable(String);

impl Cable {
    fn lay(name: &str) -> Result<Self, String> {
        let name = format!("allodl{}{name}", std::process::id());
        ip(&format!("netns add {name}"))?;
        let cable = Self(name.clone());
        ip(&format!("-n {name} link add bridge type bridge"))?;
        ip(&format!("-n {name} link set bridge up"))?;
        Ok(cable)
    }

    fn device(&self, number: u8) -> String {
        format!("{}-{number}", self.0)
    }

    /// A place for a device, which has no address yet.
    fn place(&self, number: u8) -> Result<(), String> {
        let (cable, device) = (&self.0, self.device(number));
        ip(&format!("netns add {device}"))?;
        ip(&format!("-n {cable} link add d{number} type veth peer name eth0 netns {device}"))?;
        ip(&format!("-n {cable} link set d{number} master bridge up"))?;
        ip(&format!("-n {device} link set lo up"))
    }

    /// Connects a device: it gives itself an address (RFC 3927).
    fn plug(&self, number: u8) -> Result<(), String> {
        let device = self.device(number);
        ip(&format!("-n {device} link set eth0 up"))?;
        ip(&format!("-n {device} addr add 169.254.7.{number}/16 dev eth0"))
    }

    fn cut(&self, number: u8) -> Result<(), String> {
        ip(&format!("-n {} link set d{number} down", self.0))
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for number in 1..=3 {
            let _ = ip(&format!("netns del {}", self.device(number)));
        }
        let _ = ip(&format!("netns del {}", self.0));
    }
}

/// A device that runs, and the lines that it says.
struct Device {
    child: Child,
    _stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Device {
    fn start(place: &str) -> Self {
        let mut child = Command::new("ip")
            .args(["netns", "exec", place])
            .arg(std::env::current_exe().expect("a test has a path"))
            .args(["--exact", "a_device_says_where_it_can_be_reached", "--nocapture"])
            .env(IS_DEVICE, "yes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`ip` runs");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (say, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        Self { child, _stdin: stdin, lines }
    }

    /// The next line with this in it.
    fn says(&self, words: &str, within: Duration) -> String {
        let began = Instant::now();
        let mut all = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(within.saturating_sub(began.elapsed())) {
            all.push(line);
            if all.last().unwrap().contains(words) {
                return all.pop().unwrap();
            }
        }
        panic!("no `{words}` within {within:?}; only: {all:#?}");
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The milliseconds that a line says a frame took.
fn frame_ms(line: &str) -> u64 {
    let (_, rest) = line.split_once("back in ").unwrap();
    rest.trim_end_matches(" ms").parse().unwrap()
}

/// A cable with places for three devices; none, with words, where this machine makes none.
fn cable(name: &str) -> Option<Cable> {
    let laid = Cable::lay(name).and_then(|cable| {
        (1..=3).try_for_each(|number| cable.place(number))?;
        Ok(cable)
    });
    match laid {
        Ok(cable) => Some(cable),
        Err(why) => {
            eprintln!("SKIPPED: devices on a cable, since there are no network namespaces: {why}");
            None
        }
    }
}

/// Waits until a frame went there and back between two; only one of them sends it.
fn frame_between(one: &Device, other: &Device) -> u64 {
    let began = Instant::now();
    let mut all = Vec::new();
    while began.elapsed() < FOUND {
        for device in [one, other] {
            if let Ok(line) = device.lines.recv_timeout(Duration::from_millis(5)) {
                if line.contains("went there and back") {
                    return frame_ms(&line);
                }
                all.push(line);
            }
        }
    }
    panic!("no frame within {FOUND:?}; only: {all:#?}");
}

/// Also what the processes run that are devices in the other tests.
#[test]
fn a_device_says_where_it_can_be_reached() {
    if std::env::var_os(IS_DEVICE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(device::run());
    }
    let Some(cable) = cable("r") else { return };
    cable.plug(1).unwrap();
    let device = Device::start(&cable.device(1));
    // In whichever order.
    let places = [0, 1].map(|_| device.says("can be reached at /ip4/169.254.7.1/", FOUND));
    for kind in ["/tcp/", "/quic-v1/"] {
        assert!(
            places.iter().any(|place| place.contains(kind) && place.contains("/p2p/12D3KooW")),
            "{places:?}"
        );
    }
}

#[test]
fn devices_on_a_cable_without_a_router_find_each_other_within_five_seconds() {
    let Some(cable) = cable("f") else { return };
    for number in [1, 2] {
        cable.plug(number).unwrap();
    }
    let first = Device::start(&cable.device(1));
    first.says("can be reached at", FOUND);
    let began = Instant::now();
    let second = Device::start(&cable.device(2));
    second.says("found", FOUND);
    let found = began.elapsed();
    second.says(" met ", FOUND.saturating_sub(found));
    let met = began.elapsed();
    first.says(" met ", FOUND);
    let frame = frame_between(&first, &second);
    println!("found after {found:?}, met after {met:?}, a frame there and back in {frame} ms");
    assert!(frame < FRAME_MS, "{frame} ms");

    // Somebody who runs already is connected to the cable later.
    let third = Device::start(&cable.device(3));
    third.says("can be reached at", FOUND);
    let began = Instant::now();
    cable.plug(3).unwrap();
    third.says(" met ", FOUND);
    third.says(" met ", FOUND.saturating_sub(began.elapsed()));
    println!("somebody who came later has met both after {:?}", began.elapsed());
}

#[test]
fn a_device_whose_cable_is_cut_is_lost_and_is_met_again() {
    let Some(cable) = cable("c") else { return };
    for number in [1, 2] {
        cable.plug(number).unwrap();
    }
    let (first, second) = (Device::start(&cable.device(1)), Device::start(&cable.device(2)));
    first.says(" met ", FOUND);
    second.says(" met ", FOUND);
    let began = Instant::now();
    cable.cut(2).unwrap();
    first.says(" lost ", LOST);
    println!("it was noticed after {:?}", began.elapsed());
    second.says(" lost ", LOST);
    ip(&format!("-n {} link set d2 up", cable.0)).unwrap();
    let began = Instant::now();
    first.says(" met ", LOST);
    println!("they met again after {:?}", began.elapsed());
}

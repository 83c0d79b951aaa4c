//! Network namespaces: each guardian has a network of its own in the kernel, an
//! address of its own, and a cable (a veth pair) to one bridge. This machine, as
//! the outside, stands at the bridge as well.
//!
//! ```text
//! 198.18.B.254  the bridge, this machine    bridge allod18-B
//! 198.18.B.N    guardian N                  namespace allod18-B-N, its eth0
//! ```
//!
//! The addresses are those set aside for tests of networks (RFC 2544, appendix
//! C.2.2; RFC 6890). A cut link is a permanent neighbour entry with a hardware
//! address that nobody has, so packets leave and nobody takes them: TCP tries
//! again, as on a broken cable. A delay is the kernel's netem at the sender.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use allod_crypto::CryptoRng;
use data_encoding::HEXLOWER;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::super::{NetworkError, Place};
use super::Rules;

/// The port of each guardian at its address.
const PORT: u16 = 7800;

/// Guardians that have room in a subnet, below the bridge.
pub(in super::super) const GUARDIANS_MAX: u8 = 253;

/// Subnets that are tried, until one is free.
const TRIES: usize = 64;

/// A hardware address that is made up and that nobody has.
const NOBODY: &str = "02:00:00:00:00:00";

/// A /24 of 198.18.0.0/15, by the middle of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Subnet([u8; 2]);

impl Subnet {
    /// The subnet of a guardian's address, with the guardian's number.
    pub(in super::super) fn of(address: SocketAddr) -> Option<(Self, usize)> {
        match address.ip() {
            IpAddr::V4(ip) => match ip.octets() {
                [198, second @ (18 | 19), third, number] => Some((Self([second, third]), number.into())),
                _ => None,
            },
            IpAddr::V6(_) => None,
        }
    }

    /// One that no network on this machine uses.
    pub(in super::super) fn free(rng: &mut impl CryptoRng) -> Result<Self, NetworkError> {
        let tried = (0..TRIES).map(|_| {
            let mut bytes = [0; 2];
            rng.fill_bytes(&mut bytes);
            Self([18 + bytes[0] % 2, bytes[1]])
        });
        let mut tried = tried;
        tried
            .find(|subnet| !Path::new("/sys/class/net").join(subnet.bridge()).exists())
            .ok_or_else(|| NetworkError::Refused("no subnet of 198.18.0.0/15 is free".into()))
    }

    /// Where a guardian listens.
    pub(in super::super) fn listen(self, guardian: usize) -> SocketAddr {
        (self.address(Place::Guardian(guardian)), PORT).into()
    }

    fn address(self, place: Place) -> Ipv4Addr {
        let last = match place {
            Place::Outside => 254,
            // There are at most `GUARDIANS_MAX`.
            Place::Guardian(number) => u8::try_from(number).unwrap_or(u8::MAX),
        };
        Ipv4Addr::new(198, self.0[0], self.0[1], last)
    }

    fn bridge(self) -> String {
        format!("allod{}-{}", self.0[0], self.0[1])
    }

    /// A guardian's namespace, and the bridge's end of its cable.
    fn namespace(self, guardian: usize) -> String {
        format!("{}-{guardian}", self.bridge())
    }
}

/// The namespaces of a network.
#[derive(Debug)]
pub(in super::super) struct Namespaces {
    subnet: Subnet,
    guardians: usize,
}

impl Namespaces {
    /// Makes the namespaces of the network in `folder`. What a crash left of
    /// them is taken away first.
    pub(in super::super) async fn lay(
        folder: &Path,
        subnet: Subnet,
        guardians: usize,
    ) -> Result<Self, NetworkError> {
        let owner = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let owner: String =
            owner.display().to_string().chars().filter(char::is_ascii_graphic).take(200).collect();
        let namespaces = Self { subnet, guardians };
        let bridge = subnet.bridge();
        let alias = Path::new("/sys/class/net").join(&bridge).join("ifalias");
        if let Ok(other) = std::fs::read_to_string(alias) {
            if other.trim() != owner {
                let why = format!("the bridge {bridge} belongs to the network in {}", other.trim());
                return Err(NetworkError::Refused(why));
            }
            namespaces.take_away().await;
        }
        let made = namespaces.make(&owner).await;
        if let Err(why) = made {
            namespaces.take_away().await;
            return Err(NetworkError::Refused(format!("the network namespaces could not be made: {why}")));
        }
        Ok(namespaces)
    }

    async fn make(&self, owner: &str) -> Result<(), String> {
        let bridge = self.subnet.bridge();
        ip(&["link", "add", &bridge, "type", "bridge"]).await?;
        ip(&["link", "set", &bridge, "alias", owner]).await?;
        let address = format!("{}/24", self.subnet.address(Place::Outside));
        ip(&["addr", "add", &address, "dev", &bridge]).await?;
        ip(&["link", "set", &bridge, "up"]).await?;
        for guardian in 1..=self.guardians {
            let name = self.subnet.namespace(guardian);
            ip(&["netns", "add", &name]).await?;
            ip(&["link", "add", &name, "type", "veth", "peer", "name", "eth0", "netns", &name]).await?;
            ip(&["link", "set", &name, "master", &bridge, "up"]).await?;
            let address = self.subnet.address(Place::Guardian(guardian));
            let inside = format!("addr add {address}/24 dev eth0\nlink set eth0 up\nlink set lo up\n");
            batch("ip", &["-n", &name, "-batch", "-"], &inside).await?;
        }
        Ok(())
    }

    /// What is put before a program that is to run as a guardian.
    pub(in super::super) fn prefix(&self, guardian: usize) -> Vec<OsString> {
        ["ip".into(), "netns".into(), "exec".into(), self.subnet.namespace(guardian).into()].into()
    }

    /// Puts rules into force in place of others.
    pub(in super::super) async fn enforce(&self, before: &Rules, now: &Rules) -> Result<(), String> {
        let places = Place::all(self.guardians);
        for from in places.clone() {
            let others = places.clone().filter(|to| *to != from);
            let (device, namespace) = match from {
                Place::Outside => (self.subnet.bridge(), None),
                Place::Guardian(number) => ("eth0".to_owned(), Some(self.subnet.namespace(number))),
            };
            let mut neighbours = String::new();
            let (mut slow_before, mut slow) = (Vec::new(), Vec::new());
            for to in others {
                let address = self.subnet.address(to);
                let (then, next) = (before.between(from, to), now.between(from, to));
                match (then.cut, next.cut) {
                    (false, true) => {
                        neighbours +=
                            &format!("neigh replace {address} lladdr {NOBODY} nud permanent dev {device}\n");
                    }
                    (true, false) => neighbours += &format!("neigh del {address} dev {device}\n"),
                    _ => {}
                }
                slow_before.extend((then.delay_ms > 0).then_some((address, then.delay_ms, then.jitter_ms)));
                slow.extend((next.delay_ms > 0).then_some((address, next.delay_ms, next.jitter_ms)));
            }
            let inside = |flag| match &namespace {
                Some(name) => vec!["-n", name, flag, "-"],
                None => vec![flag, "-"],
            };
            if !neighbours.is_empty() {
                batch("ip", &inside("-batch"), &neighbours).await?;
            }
            if slow != slow_before {
                // What is not there need not be deleted.
                let _ = batch("tc", &inside("-batch"), &format!("qdisc del dev {device} root\n")).await;
                if !slow.is_empty() {
                    batch("tc", &inside("-batch"), &queues(&device, &slow)).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes the namespaces away, as far as they are there.
    pub(in super::super) async fn take_away(&self) {
        let bridge = self.subnet.bridge();
        let mine = |folder: &str| {
            let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let names = found.filter_map(|entry| entry.file_name().into_string().ok());
            let of_guardian =
                |name: &String| name.strip_prefix(&bridge).is_some_and(|rest| rest.starts_with('-'));
            names.filter(of_guardian).collect::<Vec<_>>()
        };
        // A process that is about to end keeps its namespace, and so its cable.
        for name in mine("/sys/class/net") {
            let _ = ip(&["link", "del", &name]).await;
        }
        for name in mine("/run/netns") {
            let _ = ip(&["netns", "del", &name]).await;
        }
        let _ = ip(&["link", "del", &bridge]).await;
    }
}

/// The commands of `tc` that delay what a device sends to some addresses, each
/// with its delay and jitter in milliseconds.
fn queues(device: &str, slow: &[(Ipv4Addr, u64, u64)]) -> String {
    // Everything else passes by class 1:1. Numbers of classes are hexadecimal.
    let class = |minor: usize| {
        format!("class add dev {device} parent 1: classid 1:{minor:x} htb rate 32gbit quantum 60000\n")
    };
    let mut commands = format!("qdisc add dev {device} root handle 1: htb default 1\n");
    commands += &class(1);
    for (place, (address, delay_ms, jitter_ms)) in slow.iter().enumerate() {
        let minor = place + 2;
        commands += &class(minor);
        commands += &format!(
            "qdisc add dev {device} parent 1:{minor:x} handle {minor:x}: netem limit 100000 delay {delay_ms}ms"
        );
        if *jitter_ms > 0 {
            commands += &format!(" {jitter_ms}ms");
        }
        commands += &format!(
            "\nfilter add dev {device} parent 1: protocol ip u32 match ip dst {address}/32 flowid 1:{minor:x}\n"
        );
    }
    commands
}

/// What this machine lacks for namespaces, and for delays in them; in words.
pub(in super::super) async fn lacks(delays: bool, rng: &mut impl CryptoRng) -> Vec<String> {
    if !rustix::process::geteuid().is_root() {
        return vec!["network namespaces need root; without it there is the relay (--relay)".into()];
    }
    let missing =
        |program: &str| format!("the program `{program}` is not there; it comes with the package iproute2");
    if run("ip", &["-Version"], None).await.is_err() {
        return vec![missing("ip")];
    }
    let mut bytes = [0; 3];
    rng.fill_bytes(&mut bytes);
    let name = format!("allodp{}", HEXLOWER.encode(&bytes));
    let tried = async {
        ip(&["netns", "add", &name]).await?;
        ip(&["link", "add", &name, "type", "bridge"]).await?;
        ip(&["-n", &name, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"]).await
    };
    let mut lacks = Vec::new();
    if let Err(why) = tried.await {
        lacks.push(format!("this machine makes no network namespaces with bridges and cables: {why}"));
    } else if delays {
        if run("tc", &["-Version"], None).await.is_err() {
            lacks.push(missing("tc"));
        } else if let Err(why) =
            run("tc", &["-n", &name, "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "1ms"], None)
                .await
        {
            lacks.push(format!(
                "this kernel delays no packets ({why}): it lacks netem, which is the module sch_netem; the relay (--relay) delays without it"
            ));
        }
    }
    let _ = ip(&["netns", "del", &name]).await;
    let _ = ip(&["link", "del", &name]).await;
    lacks
}

async fn ip(arguments: &[&str]) -> Result<(), String> {
    run("ip", arguments, None).await
}

async fn batch(program: &str, arguments: &[&str], commands: &str) -> Result<(), String> {
    run(program, arguments, Some(commands)).await
}

/// Runs a program to its end, with this on its standard input.
async fn run(program: &str, arguments: &[&str], input: Option<&str>) -> Result<(), String> {
    let words = |e: std::io::Error| format!("`{program}`: {e}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(words)?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        stdin.write_all(input.as_bytes()).await.map_err(words)?;
    }
    let output = child.wait_with_output().await.map_err(words)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{program} {}`: {}", arguments.join(" "), said.trim().replace('\n', "; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slow_way_has_a_class_a_queue_and_a_filter() {
        let addresses = [1, 11].map(|last| Ipv4Addr::new(198, 18, 7, last));
        let slow: Vec<_> =
            addresses.into_iter().zip([(200, 50), (1000, 0)]).map(|(a, (d, j))| (a, d, j)).collect();
        assert_eq!(
            queues("eth0", &slow),
            "qdisc add dev eth0 root handle 1: htb default 1\n\
             class add dev eth0 parent 1: classid 1:1 htb rate 32gbit quantum 60000\n\
             class add dev eth0 parent 1: classid 1:2 htb rate 32gbit quantum 60000\n\
             qdisc add dev eth0 parent 1:2 handle 2: netem limit 100000 delay 200ms 50ms\n\
             filter add dev eth0 parent 1: protocol ip u32 match ip dst 198.18.7.1/32 flowid 1:2\n\
             class add dev eth0 parent 1: classid 1:3 htb rate 32gbit quantum 60000\n\
             qdisc add dev eth0 parent 1:3 handle 3: netem limit 100000 delay 1000ms\n\
             filter add dev eth0 parent 1: protocol ip u32 match ip dst 198.18.7.11/32 flowid 1:3\n"
        );
    }
}

//! A street without a way out: two bridges that a cable joins, and houses on them, each a network
//! namespace of its own with no route but to its neighbours. It needs root.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::home::ALLOD;

/// A street with so many houses on each side.
pub struct Street {
    name: String,
    houses: usize,
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output().map_err(|why| why.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("`ip {arguments}`: {}", said.trim())) }
}

impl Street {
    /// Lays it out; nothing, with words, where this machine makes no namespaces. The houses that
    /// `is_there` says are on the second bridge.
    pub fn lay(name: &str, houses: usize, is_there: impl Fn(usize) -> bool) -> Option<Self> {
        let street = Self { name: format!("allods{}{name}", std::process::id()), houses };
        match street.build(is_there) {
            Ok(()) => Some(street),
            Err(why) => {
                eprintln!("SKIPPED: this machine makes no network namespaces: {why}");
                None
            }
        }
    }

    fn build(&self, is_there: impl Fn(usize) -> bool) -> Result<(), String> {
        let street = &self.name;
        ip(&format!("netns add {street}"))?;
        for bridge in ["here", "there"] {
            ip(&format!("-n {street} link add {bridge} type bridge"))?;
            ip(&format!("-n {street} link set {bridge} up"))?;
        }
        ip(&format!("-n {street} link add joint type veth peer name joint2"))?;
        ip(&format!("-n {street} link set joint master here up"))?;
        ip(&format!("-n {street} link set joint2 master there up"))?;
        for house in 0..self.houses {
            let (place, bridge) = (self.house(house), if is_there(house) { "there" } else { "here" });
            ip(&format!("netns add {place}"))?;
            ip(&format!("-n {street} link add d{house} type veth peer name eth0 netns {place}"))?;
            ip(&format!("-n {street} link set d{house} master {bridge} up"))?;
            ip(&format!("-n {place} link set lo up"))?;
            ip(&format!("-n {place} link set eth0 up"))?;
            ip(&format!("-n {place} addr add 169.254.8.{}/16 dev eth0", house + 1))?;
        }
        Ok(())
    }

    fn house(&self, house: usize) -> String {
        format!("{}-{house}", self.name)
    }

    /// Cuts the cable between the two bridges, or joins them again.
    pub fn cut(&self, is_cut: bool) {
        let state = if is_cut { "down" } else { "up" };
        ip(&format!("-n {} link set joint {state}", self.name)).unwrap();
    }

    /// Uses the links of a home in a house.
    pub fn run(&self, house: usize, home: &Path) -> Running {
        let place = self.house(house);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &place, ALLOD, "--home"]).arg(home);
        Running::begin(command.args(["links", "run", "--until-stdin-closes"]))
    }
}

impl Running {
    /// Begins a process that uses links.
    pub fn begin(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                heard.lock().unwrap().push((Instant::now(), line));
            }
        });
        Self { child, began: Instant::now(), lines }
    }
}

impl Drop for Street {
    fn drop(&mut self) {
        for house in 0..self.houses {
            let _ = ip(&format!("netns del {}", self.house(house)));
        }
        let _ = ip(&format!("netns del {}", self.name));
    }
}

/// A process that uses links, and what it says.
pub struct Running {
    child: Child,
    pub began: Instant,
    lines: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Running {
    /// When it first said a line with this in it; waits for it.
    #[track_caller]
    pub fn said(&self, words: &str, within: Duration) -> Instant {
        let until = Instant::now() + within;
        loop {
            let found =
                self.lines.lock().unwrap().iter().find(|(_, line)| line.contains(words)).map(|(at, _)| *at);
            if let Some(at) = found {
                return at;
            }
            assert!(
                Instant::now() < until,
                "no {words:?} within {within:?}, only {:#?}",
                self.lines.lock().unwrap()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything that it said.
    pub fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

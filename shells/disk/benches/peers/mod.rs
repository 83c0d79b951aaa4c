//! Programs that are measured, as processes: how long they take, and how much memory they have
//! at their peak.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a program took.
#[allow(dead_code, reason = "not every program runs others to their end")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// From its start to its end.
    pub(crate) seconds: f64,
    /// Memory at its peak, in bytes; up to ten milliseconds before its end.
    pub(crate) memory: f64,
}

impl Cost {
    /// One after the other.
    #[allow(dead_code, reason = "not every program adds costs")]
    pub(crate) fn and(self, other: Self) -> Self {
        Self { seconds: self.seconds + other.seconds, memory: self.memory.max(other.memory) }
    }
}

#[allow(dead_code, reason = "not every program runs others to their end")]
/// Runs a program to its end, which has to be a good one.
pub(crate) fn run(command: &mut Command) -> Cost {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let mut cost = Cost::default();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let id = child.id();
    // Looked at beside, so that the end is not seen late.
    let watcher = std::thread::spawn(move || {
        let mut most = 0.0_f64;
        loop {
            most = most.max(peak(id));
            if ended.recv_timeout(Duration::from_millis(10))
                != Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                return most;
            }
        }
    });
    let status = child.wait().unwrap();
    cost.seconds = begun.elapsed().as_secs_f64();
    drop(done);
    cost.memory = watcher.join().unwrap();
    assert!(status.success(), "{command:?}: {status}");
    cost
}

/// The most memory that a process has had so far, in bytes; nothing where it ended.
pub(crate) fn peak(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or_default() * 1024.0
}

/// Whether a program can be started.
pub(crate) fn is_installed(program: &str) -> bool {
    let probe = Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    probe.is_ok()
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Waits until something happens, and a minute at most.
#[allow(dead_code, reason = "not every program waits for others")]
pub(crate) fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not happen in a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends with its process, however that goes.
#[allow(dead_code, reason = "not every program holds others")]
pub(crate) struct Held(pub(crate) Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether something is mounted at a directory.
#[allow(dead_code, reason = "not every program mounts")]
pub(crate) fn is_mounted(point: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    point.parent().is_some_and(|parent| device(point).is_some() && device(point) != device(parent))
}

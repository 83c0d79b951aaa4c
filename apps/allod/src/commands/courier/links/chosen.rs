//! Which links were chosen.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::notify::Notify;
use crate::failure::{Failure, Kind};

/// The links of this device.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    /// Where to listen; any port where nothing was chosen.
    pub(super) listen: Option<Vec<String>>,
    #[serde(default)]
    pub(super) dial: Vec<String>,
    pub(super) lan: bool,
    pub(super) relay: bool,
    pub(super) directory: bool,
    #[serde(default)]
    pub(super) folders: Vec<PathBuf>,
    #[serde(default)]
    pub(super) serial: Vec<Serial>,
    #[serde(default)]
    pub(super) tcpcl: Vec<Tcpcl>,
    /// What is shown on the desktop.
    #[serde(default)]
    pub(super) notify: Notify,
}

/// A radio modem.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Serial {
    pub(super) device: PathBuf,
    pub(super) baud: u32,
    pub(super) bits_per_second: u32,
    pub(super) duty_per_mille: u32,
}

/// Another node of the Bundle Protocol.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Tcpcl {
    pub(super) address: SocketAddr,
    pub(super) is_called: bool,
}

impl Default for Chosen {
    fn default() -> Self {
        Self {
            listen: None,
            dial: Vec::new(),
            lan: true,
            relay: false,
            directory: false,
            folders: Vec::new(),
            serial: Vec::new(),
            tcpcl: Vec::new(),
            notify: Notify::default(),
        }
    }
}

impl Chosen {
    pub(super) fn load(folder: &Path) -> Result<Self, Failure> {
        let path = file(folder);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|why| failed(&path, &why)),
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(why) => Err(failed(&path, &why)),
        }
    }

    pub(super) fn save(&self, folder: &Path) -> Result<(), Failure> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|why| failed(folder, &why))?;
        allod_node::replace(&file(folder), &bytes).map_err(|why| failed(folder, &why))
    }

    /// A line for each; those that can be removed have a number.
    pub(super) fn rows(&self) -> Vec<(Option<usize>, &'static str, String)> {
        let on = |is_on: bool| if is_on { "on".to_owned() } else { "off".to_owned() };
        let listen = match &self.listen {
            None => "any port, UDP and TCP".into(),
            Some(addresses) if addresses.is_empty() => "nowhere".into(),
            Some(addresses) => addresses.join(", "),
        };
        let notify = match self.notify {
            Notify::Off => "off",
            Notify::On => "on, without what messages say",
            Notify::Text => "on, with what messages say",
        };
        let mut rows = vec![
            (None, "listen", listen),
            (None, "lan", on(self.lan)),
            (None, "relay", on(self.relay)),
            (None, "directory", on(self.directory)),
            (None, "notify", notify.into()),
        ];
        let dial = self.dial.iter().map(|address| ("dial", address.clone()));
        let folders = self.folders.iter().map(|path| ("folder", path.display().to_string()));
        let serial = self.serial.iter().map(|serial| {
            let Serial { device, baud, bits_per_second, duty_per_mille } = serial;
            (
                "serial",
                format!(
                    "{} at {baud}, {bits_per_second} bit/s, {duty_per_mille} ‰ of the time",
                    device.display()
                ),
            )
        });
        let tcpcl = self.tcpcl.iter().map(|tcpcl| {
            ("tcpcl", format!("{} {}", if tcpcl.is_called { "to" } else { "at" }, tcpcl.address))
        });
        let all = dial.chain(folders).chain(serial).chain(tcpcl).enumerate();
        rows.extend(all.map(|(at, (kind, what))| (Some(at + 1), kind, what)));
        rows
    }

    /// Uses a link no longer. Whether there was one with this number.
    pub(super) fn remove(&mut self, number: usize) -> bool {
        let Some(mut at) = number.checked_sub(1) else { return false };
        macro_rules! from {
            ($list:expr) => {
                if at < $list.len() {
                    $list.remove(at);
                    return true;
                }
                at -= $list.len();
            };
        }
        from!(self.dial);
        from!(self.folders);
        from!(self.serial);
        if at < self.tcpcl.len() {
            self.tcpcl.remove(at);
            return true;
        }
        false
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("links")
}

fn failed(path: &Path, why: &impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Failed, format!("{}: {why}", path.display()))
}

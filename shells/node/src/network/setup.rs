//! A network's folder: made once, and the same from then on.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use allod_crypto::CryptoRng;

use super::folders::guardian_folder;
use super::founding::{GENESIS, found};
use super::links::{GUARDIANS_MAX, Subnet};
use super::{Description, Links, NetworkError};
use crate::chain::founding::{brisk_rules, local_rules};
use crate::files::{self, at};
use crate::guardian::{Config, GuardianError, Tls};
use crate::storage::StorageConfig;

/// Which network to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its folder.
    pub folder: PathBuf,
    /// How many guardians; those that are there, or five.
    pub guardians: Option<u8>,
    /// How many are needed; as before, or one more than half.
    pub threshold: Option<u8>,
    /// The port that the first guardian tries first; 0 for any free ones.
    pub port_base: u16,
    /// The program that is run as `PROGRAM guardian run`.
    pub program: PathBuf,
    /// Whether its ledger, where it is founded now, goes by rules that suit tests.
    pub brisk: bool,
}

/// Where guardians listen to each other, in namespaces.
const PEERS_PORT: u16 = 7900;

/// Ports that are tried where the usual ones are taken: below those that Linux
/// gives to outgoing connections, so that they are free at the next start too.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// How many of them are tried.
const TRIES: usize = 64;

/// Takes the folder for this process, for as long as the file is held.
pub(super) fn lock(folder: &Path) -> Result<File, NetworkError> {
    files::private_folder(folder)?;
    let path = folder.join("lock");
    let file = files::private_file(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(NetworkError::Running(folder.to_owned())),
        Err(std::fs::TryLockError::Error(e)) => Err(at(&path)(e).into()),
    }
}

/// How many guardians there are, and how many are needed.
pub(super) fn size(plan: &Plan, known: Option<&Description>) -> Result<(u8, u8), NetworkError> {
    if let Some(known) = known {
        let guardians = known.guardians.len();
        let same_count = plan.guardians.is_none_or(|wanted| usize::from(wanted) == guardians);
        let same_threshold = plan.threshold.is_none_or(|wanted| wanted == known.threshold);
        let count = u8::try_from(guardians).ok().filter(|_| same_count && same_threshold);
        return count.map(|count| (count, known.threshold)).ok_or_else(|| NetworkError::Differs {
            folder: plan.folder.clone(),
            guardians,
            threshold: known.threshold,
        });
    }
    let guardians = plan.guardians.unwrap_or(5);
    let threshold = plan.threshold.unwrap_or(guardians / 2 + 1);
    if threshold <= guardians / 2 || threshold > guardians {
        return Err(NetworkError::Threshold { guardians, threshold });
    }
    Ok((guardians, threshold))
}

/// Writes the configurations that are not there yet, and returns all of them.
pub(super) fn configurations(plan: &Plan, guardians: u8, links: Links) -> Result<Vec<Config>, NetworkError> {
    let namespaces = links == Links::Namespaces;
    if namespaces && guardians > GUARDIANS_MAX {
        return Err(NetworkError::TooMany { max: GUARDIANS_MAX });
    }
    let mut subnet = None;
    // Held until all are chosen, so that no port is chosen twice.
    let mut held = Vec::new();
    let mut configurations = Vec::new();
    for number in 1..=usize::from(guardians) {
        let folder = guardian_folder(&plan.folder, number);
        files::private_folder(&folder)?;
        let path = folder.join("guardian.toml");
        if !path.exists() {
            let preferred = match plan.port_base {
                0 => None,
                base => u16::try_from(number - 1).ok().and_then(|offset| base.checked_add(offset)),
            };
            let address = if namespaces {
                let subnet = match subnet {
                    Some(known) => known,
                    None => *subnet.insert(Subnet::free(&mut crate::entropy())?),
                };
                subnet.listen(number)
            } else {
                let (listener, address) = free(preferred, &mut crate::entropy())?;
                held.push(listener);
                address
            };
            let mut config = Config::new(address, "state".into(), Tls::SelfSigned);
            // A backup can be tried out here as everything else can.
            config.storage = Some(StorageConfig::default());
            config.write(&path)?;
        }
        let config = Config::read(&path)?;
        let found = Subnet::of(config.listen);
        // All of one network are in one subnet, or none of them is in any.
        let fits = match found {
            None => !namespaces,
            Some((found, place)) => namespaces && place == number && *subnet.get_or_insert(found) == found,
        };
        if !fits {
            return Err(NetworkError::OtherLinks {
                folder: plan.folder.clone(),
                namespaces: found.is_some(),
            });
        }
        configurations.push(config);
    }
    if !plan.folder.join(GENESIS).exists() {
        let mut peers = Vec::new();
        for config in &configurations {
            // In a namespace of its own, every port is free.
            peers.push(if namespaces {
                SocketAddr::new(config.listen.ip(), PEERS_PORT)
            } else {
                let (listener, address) = free(None, &mut crate::entropy())?;
                held.push(listener);
                address
            });
        }
        let threshold = plan.threshold.unwrap_or(guardians / 2 + 1);
        let rules = if plan.brisk { brisk_rules() } else { local_rules() };
        found(&plan.folder, &mut configurations, &peers, threshold, rules)?;
    }
    Ok(configurations)
}

/// A guardian's configuration as it is written into its folder, from where its
/// paths begin.
pub(super) fn as_written(config: &Config) -> Config {
    let mut written = config.clone();
    written.state = "state".into();
    if let Some(chain) = &mut written.chain {
        chain.genesis = Path::new("..").join(GENESIS);
    }
    written
}

/// A place on loopback that nobody listens at.
fn free(
    preferred: Option<u16>,
    rng: &mut impl CryptoRng,
) -> Result<(TcpListener, SocketAddr), GuardianError> {
    let others = (0..TRIES).map(|_| {
        let mut bytes = [0; 2];
        rng.fill_bytes(&mut bytes);
        PORTS.start + u16::from_le_bytes(bytes) % (PORTS.end - PORTS.start)
    });
    let mut last = None;
    for port in preferred.into_iter().chain(others).chain([0]) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match TcpListener::bind(address).and_then(|listener| {
            let local = listener.local_addr()?;
            Ok((listener, local))
        }) {
            Ok(found) => return Ok(found),
            Err(source) => last = Some(GuardianError::Listen { address, source }),
        }
    }
    Err(last.unwrap_or_else(|| GuardianError::Tls("no port was tried".into())))
}

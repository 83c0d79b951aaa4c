//! A local network's chain: founded once, when its folder is made.

use std::collections::BTreeMap;
use std::path::Path;

use allod_ledger::Parameters;

use super::NetworkError;
use super::folders::guardian_folder;
use crate::chain::founding::{Place, genesis};
use crate::chain::operator::Operator;
use crate::chain::{ChainError, guardian_key};
use crate::files;
use crate::guardian::{ChainSection, Config, load_identity};

/// The genesis' name in a network's folder.
pub(super) const GENESIS: &str = "genesis";

/// Founds the chain of these guardians, unless it is founded already: makes their
/// keys and operators, writes the genesis, and names it in each configuration.
/// `peers` are where they are to listen to each other.
pub(super) fn found(
    folder: &Path,
    configurations: &mut [Config],
    peers: &[std::net::SocketAddr],
    threshold: u8,
    rules: Parameters,
) -> Result<(), NetworkError> {
    let path = folder.join(GENESIS);
    if path.exists() {
        return Ok(());
    }
    let now = crate::now();
    let mut places = Vec::new();
    for (number, (config, listen)) in (1..).zip(configurations.iter().zip(peers)) {
        let key = guardian_key(&config.state.join("chain"))?;
        let identity = load_identity(&config.tls, &config.state)?;
        let service = match identity.and_then(|identity| identity.pin) {
            Some(pin) => format!("https://{}#{pin}", config.listen),
            None => format!("http://{}", config.listen),
        };
        let operator = Operator::load(&guardian_folder(folder, number), now)?;
        let state = operator.log().state();
        let identity = operator.log().operations().first().cloned();
        places.push(Place {
            guardian: allod_wire::GuardianId(key.verifying_key().0),
            terms: allod_ledger::guardian::Terms {
                peers: listen.to_string(),
                service,
                operator: format!("operator {number}"),
                jurisdiction: format!("jurisdiction {}", number % 3 + 1),
            },
            operator: state.did(),
            identity: identity.ok_or_else(|| ChainError::Store("an operator without a log".into()))?,
        });
    }
    let genesis = genesis("local", now, rules, &places, u16::from(threshold));
    // The configurations first: a genesis that is there is founded.
    for (number, (config, listen)) in (1..).zip(configurations.iter_mut().zip(peers)) {
        let file = guardian_folder(folder, number).join("guardian.toml");
        let mut written = Config::read(&file)?;
        written.state = "state".into();
        let section = |genesis| ChainSection {
            genesis,
            listen: *listen,
            network_key: None,
            fetch_ahead: None,
            routes: BTreeMap::new(),
        };
        written.chain = Some(section(Path::new("..").join(GENESIS)));
        written.write(&file)?;
        config.chain = Some(section(path.clone()));
    }
    files::replace(&path, &allod_wire::encode(&genesis))?;
    Ok(())
}

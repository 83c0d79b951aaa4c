//! Which network a person's device believes in: the one that more than two thirds
//! of its guardians say they are, kept from then on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use allod_guardian::client::Fault;
use allod_ledger::{Genesis, NETWORK_KEY_LEN, Parameters};
use allod_wire::{Instant, NetworkId, Wire};
use minicbor::{Decode, Encode};
use tokio::task::JoinSet;

use super::LedgerError;
use crate::files;
use crate::person::Link;

/// The file's name in a home folder.
const FILE: &str = "network-key";

/// A network, and the one key with which its proofs are checked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Trust {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// Its public key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub key: [u8; NETWORK_KEY_LEN],
    /// What people call it.
    #[n(2)]
    pub name: String,
    /// When it began.
    #[n(3)]
    pub genesis: Instant,
    /// Milliseconds between the beacon's rounds.
    #[n(4)]
    pub beacon_period_ms: u64,
    /// The network's rules, which its id covers and which never change. A file of an
    /// earlier version lacks them.
    #[n(5)]
    pub rules: Option<Parameters>,
}

impl Wire for Trust {
    const SIZE_MAX: usize = 512;
}

impl Trust {
    /// The first round of the beacon that is not due before `at`, as
    /// [`allod_ledger::beacon::round_at`] has it.
    pub fn round_at(&self, at: Instant) -> u64 {
        at.ms_since(self.genesis).div_ceil(self.beacon_period_ms.max(1))
    }

    /// When a round of the beacon is due.
    pub fn due(&self, round: u64) -> Instant {
        self.genesis.plus_ms(round.saturating_mul(self.beacon_period_ms))
    }

    /// What a home folder keeps.
    ///
    /// # Errors
    /// [`LedgerError::File`]; [`LedgerError::Garbage`] for a file that is none.
    pub fn load(folder: &Path) -> Result<Option<Self>, LedgerError> {
        let bytes = files::read_if_there(&folder.join(FILE))?;
        bytes
            .map(|bytes| allod_wire::decode(&bytes))
            .transpose()
            .map_err(|why| LedgerError::Garbage(format!("the file {FILE}: {why}")))
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`LedgerError::File`].
    pub fn save(&self, folder: &Path) -> Result<(), LedgerError> {
        files::private_folder(folder)?;
        Ok(files::replace(&folder.join(FILE), &allod_wire::encode(self))?)
    }

    /// Asks all of these guardians which network they are, and believes what more
    /// than two thirds of them say. Who is silent counts among them: or whoever keeps
    /// some of them from being reached would have fewer to bring to lie.
    ///
    /// # Errors
    /// [`LedgerError::TooSilent`] where those that are silent could still make enough
    /// say the same, [`LedgerError::Disagree`] where they could not;
    /// [`LedgerError::Unreachable`], [`LedgerError::NoKey`], [`LedgerError::NoGuardian`].
    pub async fn meet(links: &[Arc<Link>]) -> Result<Self, LedgerError> {
        let mut answers = JoinSet::new();
        for link in links {
            let link = Arc::clone(link);
            answers.spawn(async move { (link.address().to_string(), Self::ask(&link).await) });
        }
        judge(answers.join_all().await)
    }

    /// What one guardian says.
    async fn ask(link: &Link) -> Result<Option<Self>, LedgerError> {
        let found = link.get("/chain/genesis", Genesis::SIZE_MAX).await.map_err(LedgerError::Unreachable)?;
        let Some(bytes) = found else { return Err(LedgerError::NoGuardian) };
        let genesis = genesis(&bytes)?;
        let key = link.get("/chain/key", NETWORK_KEY_LEN).await.map_err(LedgerError::Unreachable)?;
        let Some(key) = key else { return Ok(None) };
        let key = key.try_into().map_err(|_| LedgerError::Garbage("a key of another length".into()))?;
        Ok(Some(Self {
            network: genesis.network(),
            key,
            name: genesis.name,
            genesis: genesis.at,
            beacon_period_ms: genesis.parameters.beacon_period_ms,
            rules: Some(genesis.parameters),
        }))
    }
}

/// What is to be believed of what guardians said, each by its address.
fn judge(answers: Vec<(String, Result<Option<Trust>, LedgerError>)>) -> Result<Trust, LedgerError> {
    let asked = answers.len();
    let needed = asked * 2 / 3 + 1;
    let mut said: BTreeMap<Vec<u8>, (usize, Trust)> = BTreeMap::new();
    let mut keyless = 0;
    let mut silent = Vec::new();
    for (address, answer) in answers {
        match answer {
            Ok(Some(trust)) => said.entry(allod_wire::encode(&trust)).or_insert((0, trust)).0 += 1,
            Ok(None) => keyless += 1,
            Err(LedgerError::Unreachable(fault)) if !matches!(fault, Fault::Lied(_)) => {
                silent.push((address, fault));
            }
            Err(_) => {}
        }
    }
    silent.sort_by(|one, other| one.0.cmp(&other.0));
    match said.into_values().max_by_key(|(count, _)| *count) {
        Some((count, trust)) if count >= needed => Ok(trust),
        _ if keyless > 0 => Err(LedgerError::NoKey),
        Some((agreeing, _)) if !silent.is_empty() && agreeing + silent.len() >= needed => {
            Err(LedgerError::TooSilent { agreeing, asked, needed, silent })
        }
        Some((agreeing, _)) => Err(LedgerError::Disagree { agreeing, asked, needed }),
        None => {
            Err(silent.pop().map_or(LedgerError::NoGuardian, |(_, fault)| LedgerError::Unreachable(fault)))
        }
    }
}

/// A genesis whose rules nobody stumbles over.
pub(super) fn genesis(bytes: &[u8]) -> Result<Genesis, LedgerError> {
    let genesis: Genesis = allod_wire::decode(bytes).map_err(|why| LedgerError::Garbage(why.to_string()))?;
    genesis.check()?;
    Ok(genesis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::founding::local_rules;

    fn network(number: u8) -> Trust {
        let rules = local_rules();
        Trust {
            network: NetworkId([number; 32]),
            key: [7; NETWORK_KEY_LEN],
            name: "local".into(),
            genesis: Instant(1_000_000),
            beacon_period_ms: rules.beacon_period_ms,
            rules: Some(rules),
        }
    }

    /// What comes of answers: a number for a network, nothing for silence.
    fn judged(answers: &[Option<u8>]) -> Result<Trust, LedgerError> {
        let answer = |(place, number): (usize, &Option<u8>)| {
            let answer = number.map(|number| Some(network(number)));
            (format!("https://{place}.example"), answer.ok_or(LedgerError::Unreachable(Fault::Slow)))
        };
        judge(answers.iter().enumerate().map(answer).collect())
    }

    #[test]
    fn more_than_two_thirds_of_all_that_are_named_have_to_say_the_same() {
        assert_eq!(judged(&[Some(1); 5]).unwrap(), network(1));
        assert_eq!(judged(&[Some(1), Some(1), Some(2), Some(1), Some(1)]).unwrap(), network(1));
        assert_eq!(judged(&[Some(1), None, Some(1), Some(1), Some(1)]).unwrap(), network(1));
        assert_eq!(judged(&[Some(1)]).unwrap(), network(1));
        assert!(judged(&[]).is_err());
    }

    #[test]
    fn silence_is_no_disagreement_and_no_agreement() {
        match judged(&[Some(1), None, Some(1), None, Some(1)]) {
            Err(LedgerError::TooSilent { agreeing: 3, asked: 5, needed: 4, silent }) => {
                let silent: Vec<_> = silent.into_iter().map(|(address, _)| address).collect();
                assert_eq!(silent, ["https://1.example", "https://3.example"]);
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(judged(&[None; 3]), Err(LedgerError::Unreachable(_))));
    }

    #[test]
    fn who_disagrees_is_not_taken_for_silent() {
        // Even with the silent one, no four would say the same.
        let torn = judged(&[Some(1), Some(1), Some(2), Some(2), None]);
        assert!(matches!(torn, Err(LedgerError::Disagree { agreeing: 2, asked: 5, needed: 4 })), "{torn:?}");
        let torn = judged(&[Some(1), Some(2), Some(1), Some(2)]);
        assert!(matches!(torn, Err(LedgerError::Disagree { .. })), "{torn:?}");
    }

    #[test]
    fn what_an_earlier_version_kept_is_read_without_the_rules() {
        let rules = local_rules();
        let known = Trust {
            network: NetworkId([1; 32]),
            key: [7; NETWORK_KEY_LEN],
            name: "local".into(),
            genesis: Instant(1_000_000),
            beacon_period_ms: rules.beacon_period_ms,
            rules: None,
        };
        let bytes = allod_wire::encode(&known);
        assert_eq!(bytes[0], 0x85, "an array of five");
        assert_eq!(allod_wire::decode::<Trust>(&bytes).unwrap(), known);
        let full = Trust { rules: Some(rules), ..known };
        let bytes = allod_wire::encode(&full);
        assert_eq!(allod_wire::decode::<Trust>(&bytes).unwrap(), full);
    }

    #[test]
    fn rounds_are_due_as_the_ledger_has_it() {
        let rules = local_rules();
        let trust = Trust {
            network: NetworkId([1; 32]),
            key: [0; NETWORK_KEY_LEN],
            name: "local".into(),
            genesis: Instant(1_000_000),
            beacon_period_ms: rules.beacon_period_ms,
            rules: Some(rules),
        };
        for at in [0, 999_999, 1_000_000, 1_000_001, 1_003_000, 1_003_001, 7_654_321] {
            let at = Instant(at);
            let round = trust.round_at(at);
            assert_eq!(round, allod_ledger::beacon::round_at(trust.genesis, &rules, at));
            assert_eq!(trust.due(round), allod_ledger::beacon::due(trust.genesis, &rules, round));
            assert!(trust.due(round) >= at);
        }
    }
}

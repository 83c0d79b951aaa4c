//! A guardian's configuration file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use allod_crypto::SecretBytes;
use allod_crypto::sign::VerifyingKey;
use allod_guardian::answering;
use allod_guardian::realm::{Limits, Rate};
use allod_guardian::token::{SELF_TENANT, TenantKey, Tenants};
use allod_ledger::NETWORK_KEY_LEN;
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Serialize};

use super::GuardianError;
use crate::chain::Routes;
use crate::files;
use crate::storage::StorageConfig;

/// What a guardian's file says, in TOML.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the operator's own listener stands, in plain HTTP: health and
    /// counters, nothing else. Without it the counters are public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
    /// The folder that holds the guardian's state. A relative path starts at
    /// the configuration file's folder.
    pub state: PathBuf,
    /// How connections are protected.
    #[serde(default)]
    pub tls: Tls,
    /// How many accounts the guardian takes.
    #[serde(default = "accounts_max")]
    pub accounts_max: u64,
    /// Whether it takes new accounts at all. Those it has are served either way.
    #[serde(default = "yes")]
    pub new_accounts: bool,
    /// How often may be asked.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Operators whose users this guardian serves. Self-authenticating accounts
    /// are always served.
    #[serde(default, rename = "tenant", skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantConfig>,
    /// The network that the guardian takes part in. Without it, it serves
    /// recoveries and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainSection>,
    /// How much room the guardian gives for people's backups. Without it, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageConfig>,
}

/// How a guardian takes part in a network.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSection {
    /// The file with the network's genesis.
    pub genesis: PathBuf,
    /// Where other guardians connect.
    pub listen: SocketAddr,
    /// The network's public key, in hexadecimal. Without it, a guardian that fetches
    /// the ledger from others believes what more than two thirds of the genesis'
    /// guardians say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_key: Option<String>,
    /// How many heights the others must be ahead for their ledger to be fetched
    /// instead of all the blocks. Without it, as many as they keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch_ahead: Option<u64>,
    /// Addresses on the ledger that other ones are dialled for from here. The ledger
    /// says where guardians are for all; this is for one that reaches some of them
    /// another way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<SocketAddr, SocketAddr>,
}

impl ChainSection {
    /// How other guardians are reached.
    pub fn routes(&self) -> Routes {
        Routes::new(self.routes.clone())
    }

    /// The network's public key, if it is given.
    ///
    /// # Errors
    /// [`GuardianError::Config`] for text that is no key.
    pub fn network_key(&self) -> Result<Option<[u8; NETWORK_KEY_LEN]>, GuardianError> {
        let decode = |text: &String| {
            let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?;
            bytes.try_into().ok()
        };
        let wrong = || GuardianError::Config {
            path: "chain.network_key".into(),
            why: format!("a key of {NETWORK_KEY_LEN} bytes in hexadecimal is expected"),
        };
        self.network_key.as_ref().map(|text| decode(text).ok_or_else(wrong)).transpose()
    }
}

/// How connections are protected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "mode", deny_unknown_fields)]
pub enum Tls {
    /// A certificate that the guardian makes for itself and keeps. Clients pin
    /// it: its hash is part of the guardian's address.
    #[default]
    SelfSigned,
    /// A certificate from files in PEM.
    Files {
        /// The chain, the guardian's own first.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// None. For loopback, or behind a proxy that ends TLS.
    Off,
}

/// How often may be asked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// For all accounts of a tenant together.
    pub tenant: RateConfig,
    /// For one account.
    pub account: RateConfig,
    /// For one network address; for IPv6, one /64.
    #[serde(default = "address_rate")]
    pub address: RateConfig,
    /// For everybody's evaluations together, where the guardian holds a key for them.
    #[serde(default = "evaluation_rate")]
    pub evaluations: RateConfig,
}

/// A steady rate with bursts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// Requests that may come at once.
    pub burst: u32,
    /// Requests a second that may come for ever.
    pub per_second: u32,
}

/// One operator's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantConfig {
    /// The tenant's name: letters and digits.
    pub name: String,
    /// The key's version.
    pub version: u64,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// A file with the key in hexadecimal: the shared secret, or the 32 bytes
    /// of an Ed25519 public key.
    pub key_file: PathBuf,
}

/// A token's signature algorithm, named as in JSON Web Tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC-SHA-256.
    HS256,
    /// Ed25519.
    EdDSA,
}

fn yes() -> bool {
    true
}

fn accounts_max() -> u64 {
    100_000
}

/// What some hundred people behind one address need, each recovering now and
/// then, and far less than a tenant's whole allowance.
fn address_rate() -> RateConfig {
    RateConfig { burst: 600, per_second: 50 }
}

fn evaluation_rate() -> RateConfig {
    answering::Limits::default().overall.into()
}

impl From<Rate> for RateConfig {
    fn from(Rate { burst, per_second }: Rate) -> Self {
        Self { burst, per_second }
    }
}

impl From<RateConfig> for Rate {
    fn from(config: RateConfig) -> Self {
        Self { burst: config.burst, per_second: config.per_second }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let Limits { tenant, account } = Limits::default();
        Self {
            tenant: tenant.into(),
            account: account.into(),
            address: address_rate(),
            evaluations: evaluation_rate(),
        }
    }
}

impl From<LimitsConfig> for Limits {
    fn from(config: LimitsConfig) -> Self {
        Self { tenant: config.tenant.into(), account: config.account.into() }
    }
}

impl From<LimitsConfig> for answering::Limits {
    fn from(config: LimitsConfig) -> Self {
        Self { overall: config.evaluations.into(), ..Self::default() }
    }
}

impl Config {
    /// A guardian that listens here and keeps its state there; the rest as it
    /// comes.
    pub fn new(listen: SocketAddr, state: PathBuf, tls: Tls) -> Self {
        Self {
            listen,
            admin: None,
            state,
            tls,
            accounts_max: accounts_max(),
            new_accounts: true,
            limits: LimitsConfig::default(),
            tenants: Vec::new(),
            chain: None,
            storage: None,
        }
    }

    /// Reads a configuration file. Relative paths in it start at its folder.
    ///
    /// # Errors
    /// [`GuardianError::File`], [`GuardianError::Config`].
    pub fn read(path: &Path) -> Result<Self, GuardianError> {
        let text = std::fs::read_to_string(path).map_err(files::at(path))?;
        let wrong = |why: String| GuardianError::Config { path: path.display().to_string(), why };
        let mut config: Self = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        config.state = folder.join(&config.state);
        if let Some(chain) = &mut config.chain {
            chain.genesis = folder.join(&chain.genesis);
        }
        if let Tls::Files { certificate, key } = &mut config.tls {
            *certificate = folder.join(&*certificate);
            *key = folder.join(&*key);
        }
        for tenant in &mut config.tenants {
            tenant.key_file = folder.join(&tenant.key_file);
            let name = tenant.name.strip_prefix("test-").unwrap_or(&tenant.name);
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(wrong(format!("tenant name {:?}: letters and digits only", tenant.name)));
            }
            if tenant.name == SELF_TENANT {
                return Err(wrong(format!(
                    "the tenant {SELF_TENANT:?} is every account's own and has no key"
                )));
            }
        }
        Ok(config)
    }

    /// Writes the configuration as a file.
    ///
    /// # Errors
    /// [`GuardianError::File`].
    pub fn write(&self, path: &Path) -> Result<(), GuardianError> {
        let text = toml::to_string(self)
            .map_err(|e| GuardianError::Config { path: path.display().to_string(), why: e.to_string() })?;
        Ok(files::replace(path, text.as_bytes())?)
    }

    /// Reads the tenants' keys.
    pub(super) fn tenant_keys(&self) -> Result<Tenants, GuardianError> {
        let mut tenants = Tenants::new();
        for tenant in &self.tenants {
            let path = &tenant.key_file;
            let wrong =
                |why: &str| GuardianError::Config { path: path.display().to_string(), why: why.into() };
            let text = std::fs::read_to_string(path).map_err(files::at(path))?;
            let bytes = HEXLOWER_PERMISSIVE
                .decode(text.trim().as_bytes())
                .map_err(|_| wrong("a key in hexadecimal is expected"))?;
            let key = match tenant.algorithm {
                Algorithm::HS256 if bytes.len() < 16 => {
                    return Err(wrong("a shared key has at least 16 bytes"));
                }
                Algorithm::HS256 => TenantKey::Hs256(SecretBytes::from(bytes)),
                Algorithm::EdDSA => TenantKey::EdDsa(VerifyingKey(
                    bytes.try_into().map_err(|_| wrong("an Ed25519 public key has 32 bytes"))?,
                )),
            };
            tenants.insert((tenant.name.clone(), tenant.version), key);
        }
        Ok(tenants)
    }
}

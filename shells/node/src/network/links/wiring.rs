//! How the guardians of one running network are wired, whichever way it is.

use std::ffi::OsString;
use std::path::Path;

use tokio::sync::watch;

use super::super::folders::guardian_folder;
use super::super::{NetworkError, Order};
use super::namespaces::{Namespaces, Subnet};
use super::relay::{self, Relay};
use super::{Links, Rules, own, ports, tell_peers};
use crate::guardian::Config;

/// The wiring of a running network.
pub(in super::super) enum Wiring {
    Direct,
    Relay(Relay),
    Namespaces(Namespaces),
}

impl Wiring {
    /// Lays it for guardians with these configurations, in order of their
    /// numbers, and tells each guardian where it finds the others.
    pub(in super::super) async fn lay(
        links: Links,
        folder: &Path,
        configs: &[Config],
        rules: &watch::Receiver<Rules>,
    ) -> Result<Self, NetworkError> {
        for guardian in 1..=configs.len() {
            let mut peers = Vec::new();
            for (place, config) in configs.iter().enumerate().filter(|(place, _)| place + 1 != guardian) {
                let seen = match links {
                    Links::Relay => relay::seen(guardian, place + 1, config)?,
                    Links::Direct | Links::Namespaces => ports(config),
                };
                peers.push((place + 1, seen));
            }
            tell_peers(&guardian_folder(folder, guardian), guardian, &peers)?;
        }
        Ok(match links {
            Links::Direct => Self::Direct,
            Links::Relay => Self::Relay(Relay::start(configs, rules).await?),
            Links::Namespaces => {
                let subnet = configs.first().and_then(|config| Subnet::of(config.listen));
                let (subnet, _) = subnet.ok_or_else(|| {
                    NetworkError::Refused("the guardians have no addresses for namespaces".into())
                })?;
                Self::Namespaces(Namespaces::lay(folder, subnet, configs.len()).await?)
            }
        })
    }

    /// The configuration that a guardian is started with, of those that have these
    /// configurations: the file's name, and what it says.
    pub(in super::super) fn configuration(
        &self,
        guardian: usize,
        configs: &[Config],
    ) -> Result<(&'static str, Config), NetworkError> {
        match self {
            Self::Relay(_) => Ok(("relayed.toml", relay::moved(guardian, configs)?)),
            Self::Direct | Self::Namespaces(_) => Ok(("guardian.toml", own(guardian, configs)?.clone())),
        }
    }

    /// What is put before a program that is to run as a guardian.
    pub(in super::super) fn prefix(&self, guardian: usize) -> Vec<OsString> {
        match self {
            Self::Namespaces(namespaces) => namespaces.prefix(guardian),
            Self::Direct | Self::Relay(_) => Vec::new(),
        }
    }

    /// Carries out an order about connections.
    pub(in super::super) async fn obey(
        &self,
        order: &Order,
        rules: &watch::Sender<Rules>,
    ) -> Result<(), String> {
        let before = rules.borrow().clone();
        let mut now = before.clone();
        now.obey(order);
        match (self, order) {
            (Self::Direct, _) => {
                return Err("these guardians are connected directly; start the network with --relay or \
                            --namespaces to part, delay or cut them"
                    .into());
            }
            (Self::Relay(relay), Order::Cut { guardian }) => relay.cut(*guardian),
            (Self::Namespaces(_), Order::Cut { .. }) => return Err(NO_CUTS.into()),
            (Self::Relay(_), _) => {}
            (Self::Namespaces(namespaces), _) => {
                if let Err(why) = namespaces.enforce(&before, &now).await {
                    // Half of it must not stay.
                    let _ = namespaces.enforce(&now, &before).await;
                    return Err(why);
                }
            }
        }
        rules.send_replace(now);
        Ok(())
    }

    /// Takes the wiring away, once nothing uses it any more.
    pub(in super::super) async fn take_away(self) {
        if let Self::Namespaces(namespaces) = self {
            namespaces.take_away().await;
        }
    }
}

/// What namespaces cannot do.
pub(in super::super) const NO_CUTS: &str =
    "connections between namespaces cannot be reset; the relay (--relay) can";

//! The same session with `frost-ristretto255`.

use std::collections::BTreeMap;
use std::hint::black_box;

use frost_ristretto255::Identifier;
use frost_ristretto255::keys::dkg::{self, round1, round2};
use frost_ristretto255::keys::{KeyPackage, PublicKeyPackage, refresh};
use rand_core_06::OsRng;

use crate::session::Kind;

/// A session as its first node sees it: what the others sent.
pub(crate) struct Session {
    n: u16,
    t: u16,
    me: Identifier,
    round1: BTreeMap<Identifier, round1::Package>,
    /// What belongs to the packages of the second round.
    own: round1::SecretPackage,
    round2: BTreeMap<Identifier, round2::Package>,
    /// The key that is refreshed.
    old: Option<(KeyPackage, PublicKeyPackage)>,
}

impl Session {
    pub(crate) fn new(kind: Kind, n: u16, t: u16) -> Self {
        let made = Self::lay_out(Kind::Fresh, n, t);
        match kind {
            Kind::Fresh => made,
            Kind::PassedOn => {
                let (secret, _) = dkg::part2(made.own.clone(), &made.round1).expect("honest");
                let old = dkg::part3(&secret, &made.round1, &made.round2).expect("honest");
                Self { old: Some(old), ..Self::lay_out(kind, n, t) }
            }
        }
    }

    fn lay_out(kind: Kind, n: u16, t: u16) -> Self {
        let ids = (1..=n).map(|i| Identifier::try_from(i).expect("not zero")).collect::<Vec<_>>();
        let me = ids[0];
        let mut secrets = BTreeMap::new();
        let mut packages = BTreeMap::new();
        for id in &ids {
            let (secret, package) = match kind {
                Kind::Fresh => dkg::part1(*id, n, t, OsRng),
                Kind::PassedOn => refresh::refresh_dkg_part1(*id, n, t, OsRng),
            }
            .expect("in range");
            secrets.insert(*id, secret);
            packages.insert(*id, package);
        }
        let own = secrets.remove(&me).expect("mine");
        let mut round2 = BTreeMap::new();
        for (id, secret) in secrets {
            let mut others = packages.clone();
            others.remove(&id);
            let (_, mut sent) = match kind {
                Kind::Fresh => dkg::part2(secret, &others),
                Kind::PassedOn => refresh::refresh_dkg_part2(secret, &others),
            }
            .expect("honest");
            round2.insert(id, sent.remove(&me).expect("mine"));
        }
        packages.remove(&me);
        Self { n, t, me, round1: packages, own, round2, old: None }
    }

    /// Everything that the node does.
    pub(crate) fn node(&self) {
        match &self.old {
            None => {
                black_box(dkg::part1(self.me, self.n, self.t, OsRng).expect("in range"));
                let (secret, packages) = dkg::part2(self.own.clone(), &self.round1).expect("honest");
                black_box(packages);
                black_box(dkg::part3(&secret, &self.round1, &self.round2).expect("honest"));
            }
            Some((key, public)) => {
                black_box(refresh::refresh_dkg_part1(self.me, self.n, self.t, OsRng).expect("in range"));
                let (secret, packages) =
                    refresh::refresh_dkg_part2(self.own.clone(), &self.round1).expect("honest");
                black_box(packages);
                let refreshed = refresh::refresh_dkg_shares(
                    &secret,
                    &self.round1,
                    &self.round2,
                    public.clone(),
                    key.clone(),
                );
                black_box(refreshed.expect("honest"));
            }
        }
    }
}

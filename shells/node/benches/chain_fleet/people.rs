//! People who are in the genesis: one half gives units of the first asset to the
//! other half.

use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_did::{DeviceId, Did, Log, PublicKey, Root};
use allod_ledger::asset::first_asset;
use allod_ledger::holding::{Balance, Holding, Units};
use allod_ledger::record::{Identifier, Record};
use allod_ledger::{Action, Body, Claim, Endowment, Genesis};
use allod_wire::{AssetId, Instant, NetworkId, OperationId};
use data_encoding::HEXLOWER;

/// What each giver begins with, in units.
const FORTUNE: u64 = 1_000_000;

/// How long an operation has effect, in milliseconds.
const LIFE_MS: u64 = 10 * 60 * 1000;

/// Some who give and as many to whom is given.
pub(crate) struct People {
    givers: Vec<Giver>,
    takers: Vec<Did>,
    endowments: Vec<Endowment>,
    network: NetworkId,
    asset: AssetId,
}

struct Giver {
    did: Did,
    device: DeviceId,
    key: SigningKey,
    /// The number of the last operation.
    nonce: u64,
}

/// A signed operation that gives one unit to somebody.
pub(crate) struct Transfer {
    pub(crate) id: OperationId,
    pub(crate) bytes: Vec<u8>,
}

impl People {
    /// So many who give, and as many to whom is given.
    pub(crate) fn new(givers: usize) -> Self {
        let now = allod_node::now();
        let mut endowments = Vec::new();
        let mut person = |amount: u64| {
            let mut rng = allod_node::entropy();
            let root = Root::random(&mut rng);
            let key = SigningKey::from_seed(&Secret::random(&mut rng));
            let log = Log::create(&root, key.verifying_key().into(), "device", now).expect("an identity");
            endowments.push(Endowment { identity: log.operations()[0].clone(), amount });
            (log.state().did(), key)
        };
        let takers = (0..givers).map(|_| person(0).0).collect();
        let givers = (0..givers)
            .map(|_| {
                let (did, key) = person(FORTUNE);
                let device = PublicKey::from(key.verifying_key()).device_id();
                Giver { did, device, key, nonce: 0 }
            })
            .collect();
        Self { givers, takers, endowments, network: NetworkId([0; 32]), asset: AssetId([0; 32]) }
    }

    /// What the genesis says of them.
    pub(super) fn endowments(&self) -> Vec<Endowment> {
        self.endowments.clone()
    }

    /// They are of this network from here on.
    pub(super) fn belong_to(&mut self, genesis: &Genesis) {
        self.network = genesis.network();
        self.asset = first_asset(&self.network);
        self.givers.iter_mut().for_each(|giver| giver.nonce = 0);
    }

    /// The next operation of the giver at `place`, for the taker `to` places on.
    pub(crate) fn transfer(&mut self, place: usize, to: usize, now: Instant) -> Transfer {
        let giver = &mut self.givers[place];
        giver.nonce += 1;
        let body = Body {
            network: self.network,
            until: now.plus_ms(LIFE_MS),
            claim: Claim::Device { did: giver.did, device: giver.device, nonce: giver.nonce },
            action: Action::Transfer {
                what: Holding::Units(Units { asset: self.asset, amount: 1 }),
                to: self.takers[(place + to) % self.takers.len()],
            },
        };
        let bytes = allod_wire::encode(&body.sign(&giver.key));
        Transfer { id: allod_ledger::id_of(&bytes), bytes }
    }

    /// `each` operations of every giver, all first ones first.
    pub(crate) fn transfers(&mut self, each: usize) -> Vec<Transfer> {
        let now = allod_node::now();
        let mut transfers = Vec::with_capacity(each * self.givers.len());
        for round in 0..each {
            for place in 0..self.givers.len() {
                transfers.push(self.transfer(place, round * 7, now));
            }
        }
        transfers
    }

    /// Where guardians show what each taker holds.
    pub(crate) fn balances(&self) -> impl Iterator<Item = String> {
        self.takers.iter().map(|taker| {
            format!("/chain/record/{}/{}", Balance::KIND, HEXLOWER.encode(&(self.asset, *taker).bytes()))
        })
    }
}

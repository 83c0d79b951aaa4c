//! Somebody who keeps to the form of a contact and lies in all else: about bundles that they do
//! not have, about their bytes, about the time.

use std::collections::{BTreeMap, VecDeque};

use allod_courier::bundle::{Bundle, BundleId};
use allod_courier::carry::{Origin, PeerId, Store};
use allod_courier::encounter::{Encounter, Event, Here, Input, Output};
use allod_courier::link::Link;
use allod_crypto::Secret;
use allod_crypto::sign::SigningKey;
use allod_wire::Instant;
use tokio::sync::mpsc;

use super::world::{LARGE, rng};

pub struct Liar {
    key: SigningKey,
    store: Store,
    bytes: BTreeMap<BundleId, Bundle>,
    /// What their clock says.
    pub clock: Instant,
    /// Whether what they give is something else than what they show.
    pub is_corrupt: bool,
}

impl Liar {
    pub fn new(bundles: impl IntoIterator<Item = Bundle>, clock: Instant) -> Self {
        Self::with(&Secret::random(&mut rng()), bundles, clock)
    }

    pub fn with(seed: &Secret<32>, bundles: impl IntoIterator<Item = Bundle>, clock: Instant) -> Self {
        let key = SigningKey::from_seed(seed);
        let (mut store, mut bytes) = (Store::new(LARGE), BTreeMap::new());
        for bundle in bundles {
            store.take(&bundle, Origin::Own, 0, clock).unwrap();
            bytes.insert(bundle.id(), bundle);
        }
        Self { key, store, bytes, clock, is_corrupt: false }
    }

    /// Meets somebody, until they end it or all is said.
    pub async fn meet(
        &mut self,
        known: Option<PeerId>,
        link: Link,
        send: mpsc::Sender<Vec<u8>>,
        mut receive: mpsc::Receiver<Vec<u8>>,
    ) {
        let mut encounter = Encounter::new(Some(&self.key), link, known, 7, self.clock, &mut rng()).unwrap();
        let mut inputs = VecDeque::new();
        loop {
            let mut frames = Vec::new();
            while let Some(output) = encounter.poll() {
                match output {
                    Output::Send(frame) => frames.push(frame),
                    Output::Load(id) => {
                        let mut bundle = self.bytes.get(&id).cloned();
                        if let Some(bundle) = bundle.as_mut().filter(|_| self.is_corrupt) {
                            bundle.payload[0] ^= 1;
                        }
                        inputs.push_back(Input::Loaded(id, bundle));
                    }
                    Output::Keep(bundle, _) => inputs.push_back(Input::Kept(bundle.id())),
                    Output::Event(Event::Settled) => return,
                    Output::Update(..) | Output::Erase(_) | Output::Event(_) => {}
                }
            }
            let is_said = !frames.is_empty();
            for frame in frames {
                if send.send(frame).await.is_err() {
                    return;
                }
            }
            if is_said {
                inputs.push_back(Input::Sent);
            }
            let input = match inputs.pop_front() {
                Some(input) => input,
                None => match receive.recv().await {
                    Some(frame) => Input::Frame(frame),
                    None => return,
                },
            };
            let cover = Secret::from([9; 32]);
            let mut here = Here { store: &mut self.store, wants: &|_| false, cover: &cover, days: &|_| 0 };
            if encounter.handle(&mut here, self.clock, input).is_err() {
                return;
            }
        }
    }
}

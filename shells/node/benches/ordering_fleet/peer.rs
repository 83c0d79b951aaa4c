//! A guardian that agrees on hashes of nothing in particular, set up as the
//! program `commonware-log` 2026.10.0 does it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use commonware_actor::Feedback;
use commonware_consensus::simplex::elector::RoundRobin;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{Activity, Context};
use commonware_consensus::simplex::{self, Floor, ForwardPolicy, Plan, SkipBudget, SkipPolicy};
use commonware_consensus::types::{Epoch, ViewDelta};
use commonware_consensus::{Automaton, CertifiableAutomaton, Relay, Reporter};
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_cryptography::sha256::{Digest, Sha256};
use commonware_cryptography::{ChaCha20Poly1305, Hasher as _, Signer as _};
use commonware_p2p::authenticated::discovery;
use commonware_p2p::{Manager as _, max_message_size};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Quota, Runner as _, Supervisor as _, tokio as engine};
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::channel::oneshot;
use commonware_utils::ordered::Set;
use commonware_utils::{NZDuration, NZU16, NZUsize};

use super::{Seat, answer};

/// Proposes hashes, and finds every hash good.
#[derive(Clone)]
struct Log;

impl Automaton for Log {
    type Context = Context<Digest, PublicKey>;
    type Digest = Digest;

    async fn propose(&mut self, _: Self::Context) -> oneshot::Receiver<Digest> {
        let (answer, receiver) = oneshot::channel();
        let mut message = [0; 16];
        getrandom::fill(&mut message).expect("entropy");
        let _ = answer.send(Sha256::hash(&[&message]));
        receiver
    }

    async fn verify(&mut self, _: Self::Context, _: Digest) -> oneshot::Receiver<bool> {
        let (answer, receiver) = oneshot::channel();
        let _ = answer.send(true);
        receiver
    }
}

impl CertifiableAutomaton for Log {}

impl Relay for Log {
    type Digest = Digest;
    type PublicKey = PublicKey;
    type Plan = Plan<PublicKey>;

    fn broadcast(&mut self, _: Digest, _: Self::Plan) -> Feedback {
        Feedback::Ok
    }
}

/// Counts final views.
#[derive(Clone)]
struct Views(Arc<AtomicU64>);

impl Reporter for Views {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        if let Activity::Finalization(_) = activity {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Feedback::Ok
    }
}

pub(super) fn run(seat: &Seat) {
    let key = |index: usize| PrivateKey::from_seed(index as u64);
    let signer = key(seat.index);
    let members = Set::from_iter_dedup((0..seat.addresses.len()).map(|index| key(index).public_key()));
    let listen: SocketAddr = seat.addresses[seat.index];
    let first = (key(0).public_key(), seat.addresses[0].into());
    let bootstrappers = if seat.index == 0 { Vec::new() } else { vec![first] };
    let size = simplex::max_payload_size::<Scheme, Digest>(members.len() as u32);
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake {
            signer: signer.clone(),
            synchrony_bound: Duration::from_secs(5),
            max_handshake_age: Duration::from_secs(10),
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let links = discovery::Config::local(
        handshake,
        b"allod bench links",
        listen,
        listen,
        bootstrappers,
        NZUsize!(members.len()),
        max_message_size(&[size]),
        NZUsize!(1_000),
    );
    let views = Views(Arc::default());
    let counted = views.0.clone();
    let runner = engine::Runner::new(engine::Config::new().with_storage_directory(&seat.folder));
    runner.start(async |context| {
        let (mut network, mut oracle) = discovery::Network::new(context.child("network"), links);
        let _ = oracle.track(0, members.clone());
        // 10 a second there; as many as ours here.
        let rate = Quota::per_second(NonZeroU32::new(512).expect("not zero"))
            .allow_burst(NonZeroU32::new(32).expect("not zero"));
        let votes = network.register(0, rate);
        let certificates = network.register(1, rate);
        let questions = network.register(2, rate);
        let config = simplex::Config {
            scheme: Scheme::signer(b"allod bench votes", members, signer).expect("a member's key"),
            elector: RoundRobin::<Sha256>::default(),
            blocker: oracle,
            automaton: Log,
            relay: Log,
            reporter: views,
            partition: String::from("log"),
            mailbox_size: NZUsize!(1024),
            epoch: Epoch::zero(),
            floor: Floor::Genesis(Sha256::hash(&[b"a beginning"])),
            replay_buffer: NZUsize!(1024 * 1024),
            write_buffer: NZUsize!(1024 * 1024),
            leader_timeout: Duration::from_secs(1),
            certification_timeout: Duration::from_secs(2),
            timeout_retry: Duration::from_secs(10),
            fetch_timeout: NZDuration!(Duration::from_secs(1)),
            fetch_retry_delay: Duration::from_millis(100),
            view_retention: ViewDelta::new(10),
            skip: SkipPolicy::Enabled { timeout: Duration::from_secs(11), budget: SkipBudget::Participants },
            page_cache: CacheRef::new(NZU16!(16_384), NZUsize!(10_000)),
            strategy: Sequential,
            forward: ForwardPolicy::Disabled,
            track_historical_votes: false,
        };
        let engine = simplex::Engine::new(context.child("engine"), config);
        network.start();
        engine.start(votes, certificates, questions);
        let orders = std::thread::spawn(move || {
            answer(|order, _| match order {
                "ready" => {
                    while counted.load(Ordering::Relaxed) < 20 {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    String::new()
                }
                "height" => counted.load(Ordering::Relaxed).to_string(),
                _ => panic!("no order: {order}"),
            });
        });
        while !orders.is_finished() {
            commonware_runtime::Clock::sleep(&context, Duration::from_millis(50)).await;
        }
    });
}

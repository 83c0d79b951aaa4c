//! Taking out of the bag what is for this device.

use std::collections::{BTreeMap, BTreeSet};

use allod_courier::bundle::{Bundle, BundleId, Reassembly};
use allod_courier::carry::{Carried, Origin};
use allod_courier::messenger::{Messenger, News, Part, Received, Reference};
use allod_courier::ratchet::{Tag, Token};
use allod_crypto::CryptoRng;
use allod_did::Did;
use allod_vault::Compress;
use allod_wire::Instant;
use data_encoding::HEXLOWER;

use super::{Desk, Records};
use crate::bag::Open;
use crate::meet::Signal;
use crate::{PostError, now};

/// What was in the bag for this device.
#[derive(Debug, Default)]
pub struct Swept {
    /// What people may want to know.
    pub news: Vec<News>,
    /// Parts of files that came.
    pub parts: u64,
    /// Bundles that were for this device as far as anybody can tell, and did not open.
    pub false_ones: u64,
    /// What contacts are to be told.
    pub signals: Vec<Signal>,
    /// Why something that was to be said of it has not left yet, if so. It leaves later.
    pub not_left: Option<PostError>,
}

/// What is to become of bundles, once what they said is durable.
#[derive(Default)]
struct Done {
    taken: Vec<Taken>,
    refused: BTreeSet<BundleId>,
    /// Tags that nothing more is expected with.
    spent: Vec<Tag>,
}

/// A message that was taken out.
struct Taken {
    ids: Vec<BundleId>,
    /// What is to be told to carriers, and until when it is remembered.
    token: Option<(Token, Instant)>,
}

/// What a file's parts are kept under.
pub fn name_of(from: &Did, reference: &Reference) -> String {
    format!("{}-{}", HEXLOWER.encode(&from.0[..8]), HEXLOWER.encode(&reference.short()))
}

impl<R: Records> Desk<R> {
    /// Takes out of the bag all that is for this device, until nothing more is, and tells authors
    /// that it came.
    ///
    /// # Errors
    /// [`PostError`].
    pub fn sweep(&self, compress: &impl Compress, rng: &mut impl CryptoRng) -> Result<Swept, PostError> {
        let now = now();
        let brought = self.bag().with(|bag| Ok::<_, PostError>(brought(bag)))?;
        let mut swept = Swept::default();
        let (is_any, waits, over) = self.look(|messenger| {
            let over =
                |(_, carried): &&(BundleId, Carried)| carried.is_wanted && !messenger.wants(&carried.tag);
            let over: Vec<BundleId> = brought.iter().filter(over).map(|(id, _)| *id).collect();
            let is_any = brought.iter().any(|(_, carried)| messenger.wants(&carried.tag));
            (is_any, messenger.outgoing().next().is_some(), over)
        })?;
        // What has come of it is in the records already, and only telling that was left out.
        self.bag().with(|bag| over.iter().try_for_each(|id| bag.pass_on(id)))?;
        if !is_any && !waits {
            return Ok(swept);
        }
        let tags: BTreeSet<Tag> = brought.iter().map(|(_, carried)| carried.tag).collect();
        let mut done = Done::default();
        let ((), not_left) = self.transact(rng, |messenger, rng| {
            let mut left: BTreeSet<Tag> = tags;
            loop {
                let wanted: Vec<Tag> = left.iter().filter(|tag| messenger.wants(tag)).copied().collect();
                if wanted.is_empty() {
                    break;
                }
                for tag in wanted {
                    left.remove(&tag);
                    self.open(messenger, tag, now, compress, rng, &mut swept, &mut done)?;
                }
            }
            messenger.acknowledge(now, rng)?;
            Ok(())
        })?;
        swept.not_left = not_left;
        // All of it is durable: now carriers may be told.
        self.bag().with(|bag| {
            for Taken { ids, token } in &done.taken {
                match token {
                    Some((token, until)) => {
                        bag.tell(*token, *until, now)?;
                        bag.erase(ids)?;
                        swept.signals.push(Signal::Delivered(*token));
                    }
                    // What is for many is carried on for the others.
                    None => ids.iter().try_for_each(|id| bag.pass_on(id))?,
                }
            }
            // What else has the tag came another way, or somebody made it up.
            for tag in &done.spent {
                for id in bag.store().with_tag(tag).to_vec() {
                    if bag.store().get(&id).is_some_and(|carried| carried.is_wanted) {
                        bag.erase(&[id])?;
                    }
                }
            }
            bag.forged(done.refused.len() as u64);
            bag.erase(&done.refused.iter().copied().collect::<Vec<_>>())
        })?;
        swept.false_ones = done.refused.len() as u64;
        Ok(swept)
    }

    #[expect(clippy::too_many_arguments, reason = "what goes in, and the two that come out")]
    fn open(
        &self,
        messenger: &mut Messenger,
        tag: Tag,
        now: Instant,
        compress: &impl Compress,
        rng: &mut impl CryptoRng,
        swept: &mut Swept,
        done: &mut Done,
    ) -> Result<(), PostError> {
        let (whole, fragments) = self.bundles(&tag)?;
        // With the tag of an invitation for many there may be several that open.
        for bundle in whole {
            if !messenger.wants(&tag) {
                break;
            }
            match self.receive(messenger, &bundle, now, compress, rng, swept)? {
                Some(token) => done.taken.push(Taken { ids: vec![bundle.id()], token }),
                None => drop(done.refused.insert(bundle.id())),
            }
        }
        let mut groups: BTreeMap<_, Vec<Bundle>> = BTreeMap::new();
        for fragment in fragments {
            groups.entry(fragment.whole_id()).or_default().push(fragment);
        }
        for fragments in groups.into_values() {
            let Some((first, rest)) = fragments.split_first() else { continue };
            let mut reassembly = Reassembly::new(first);
            for fragment in rest {
                let _ = reassembly.add(fragment);
            }
            for bundle in reassembly.whole() {
                if !messenger.wants(&tag) {
                    break;
                }
                if let Some(token) = self.receive(messenger, &bundle, now, compress, rng, swept)? {
                    let ids = fragments.iter().map(Bundle::id).collect();
                    done.taken.push(Taken { ids, token });
                    break;
                }
            }
        }
        if !messenger.wants(&tag) {
            done.spent.push(tag);
        }
        Ok(())
    }

    /// What is in the bag with a tag: whole bundles, and fragments.
    fn bundles(&self, tag: &Tag) -> Result<(Vec<Bundle>, Vec<Bundle>), PostError> {
        self.bag().with(|bag| {
            let ids = bag.store().with_tag(tag).to_vec();
            let mut bundles = Vec::new();
            for id in ids {
                bundles.extend(bag.load(&id)?);
            }
            Ok(bundles.into_iter().partition(Bundle::is_whole))
        })
    }

    /// Gives the messenger a bundle. `None` where it is not what its tag says; else what carriers
    /// are to be told, if anything.
    #[expect(clippy::option_option, reason = "whether it is one, and whether that is told")]
    fn receive(
        &self,
        messenger: &mut Messenger,
        bundle: &Bundle,
        now: Instant,
        compress: &impl Compress,
        rng: &mut impl CryptoRng,
        swept: &mut Swept,
    ) -> Result<Option<Option<(Token, Instant)>>, PostError> {
        let Ok(Received { token, news, part }) = messenger.receive(bundle, now, rng) else { return Ok(None) };
        let token = match part {
            Some(part) => match self.keep_part(messenger, &part, compress)? {
                Some(token) => token,
                None => return Ok(None),
            },
            None => token,
        };
        swept.parts += u64::from(news.is_empty() && token.is_some());
        swept.news.extend(news);
        Ok(Some(token.map(|token| (token, bundle.terms.expires()))))
    }

    #[expect(clippy::option_option, reason = "whether it is one, and whether that is told")]
    fn keep_part(
        &self,
        messenger: &mut Messenger,
        part: &Part,
        compress: &impl Compress,
    ) -> Result<Option<Option<Token>>, PostError> {
        let Some(reference) = messenger.reference(&part.from, &part.id) else { return Ok(None) };
        let name = name_of(&part.from, reference);
        let is_kept = self.parts.keep(&name, reference, part.number, &part.bytes, compress)?;
        Ok(is_kept.then(|| messenger.part_is_here(part)))
    }
}

/// What others brought.
fn brought(bag: &mut Open<'_>) -> Vec<(BundleId, Carried)> {
    let brought = bag.store().iter().filter(|(_, carried)| carried.origin != Origin::Own);
    brought.map(|(id, carried)| (*id, *carried)).collect()
}

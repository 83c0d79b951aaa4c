//! Taking out of the bag what is for this device.

use std::collections::{BTreeMap, BTreeSet};

use allod_courier::bundle::{Bundle, BundleId, Reassembly};
use allod_courier::carry::Origin;
use allod_courier::messenger::{Messenger, News, Part, Received, Reference};
use allod_courier::ratchet::{Tag, Token};
use allod_crypto::CryptoRng;
use allod_did::Did;
use allod_vault::Compress;
use allod_wire::Instant;
use data_encoding::HEXLOWER;

use super::{Desk, Records};
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
        let tags = self.bag().with(|bag| Ok::<_, PostError>(tags(bag)))?;
        let mut swept = Swept::default();
        let is_any = self.look(|messenger| {
            messenger.outgoing().next().is_some() || tags.iter().any(|tag| messenger.wants(tag))
        })?;
        if !is_any {
            return Ok(swept);
        }
        let (mut taken, mut refused) = (Vec::new(), BTreeSet::new());
        let over = self.transact(rng, |messenger, rng| {
            let (mut left, mut opened): (BTreeSet<Tag>, Vec<Tag>) = (tags, Vec::new());
            loop {
                let wanted: Vec<Tag> = left.iter().filter(|tag| messenger.wants(tag)).copied().collect();
                if wanted.is_empty() {
                    break;
                }
                opened.extend(wanted.iter().copied());
                for tag in wanted {
                    left.remove(&tag);
                    self.open(messenger, tag, now, compress, rng, &mut swept, &mut taken, &mut refused)?;
                }
            }
            messenger.acknowledge(now, rng)?;
            opened.retain(|tag| !messenger.wants(tag));
            Ok(opened)
        })?;
        // All of it is durable: now carriers may be told.
        self.bag().with(|bag| {
            for Taken { ids, token } in &taken {
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
            for tag in &over {
                // What else is said to be of it is not.
                for id in bag.store().with_tag(tag).to_vec() {
                    if bag.store().get(&id).is_some_and(|carried| carried.is_wanted) {
                        bag.erase(&[id])?;
                    }
                }
            }
            let refused: Vec<BundleId> = refused.iter().copied().collect();
            bag.erase(&refused)
        })?;
        swept.false_ones = refused.len() as u64;
        Ok(swept)
    }

    #[expect(clippy::too_many_arguments, reason = "what goes in, and the three that come out")]
    fn open(
        &self,
        messenger: &mut Messenger,
        tag: Tag,
        now: Instant,
        compress: &impl Compress,
        rng: &mut impl CryptoRng,
        swept: &mut Swept,
        taken: &mut Vec<Taken>,
        refused: &mut BTreeSet<BundleId>,
    ) -> Result<(), PostError> {
        let (whole, fragments) = self.bundles(&tag)?;
        for bundle in whole {
            let ids = vec![bundle.id()];
            match self.receive(messenger, &bundle, now, compress, rng, swept)? {
                // There may be more: all who answer one invitation for many have its tag.
                Some(token) => taken.push(Taken { ids, token }),
                None => refused.extend(ids),
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
                if let Some(token) = self.receive(messenger, &bundle, now, compress, rng, swept)? {
                    let ids = fragments.iter().map(Bundle::id).collect();
                    taken.push(Taken { ids, token });
                    break;
                }
            }
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

/// Tags of what others brought.
fn tags(bag: &mut crate::bag::Open<'_>) -> BTreeSet<Tag> {
    let brought = bag.store().iter().filter(|(_, carried)| carried.origin != Origin::Own);
    brought.map(|(_, carried)| carried.tag).collect()
}

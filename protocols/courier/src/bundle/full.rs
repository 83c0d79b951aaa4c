//! A bundle as RFC 9171 has it.
//!
//! The destination is `dtn://allod-TAG/`, the source `dtn://allod-SOURCE/`, in hexadecimal
//! digits; nobody asks for reports. One extension block of our own has what the primary block
//! has no place for: an array of the version of the block (1), the priority, the copies, and
//! whether custody is asked for. A bundle without it, which another program made, is a normal
//! one with a single copy.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use hardy_bpv7::block::{Flags as BlockFlags, Type};
use hardy_bpv7::bpsec::no_keys;
use hardy_bpv7::builder::Builder;
use hardy_bpv7::bundle::{Flags, FragmentInfo, ParsedBundle};
use hardy_bpv7::crc::CrcType;
use hardy_bpv7::creation_timestamp::CreationTimestamp;
use hardy_bpv7::dtn_time::DtnTime;
use hardy_bpv7::editor::{Chunk, Editor};
use hardy_bpv7::eid::{DtnNodeId, Eid};

use super::terms::{Lifetime, Priority, Seconds, Terms};
use super::{Bundle, BundleError, PAYLOAD_MAX, Part, size_of};
use crate::ratchet::Tag;

/// The most bytes of a bundle in this form.
pub const FULL_MAX: usize = PAYLOAD_MAX + 1024;

/// The block's type: one of those that RFC 9171 (section 9.1) leaves for private use.
const BLOCK: u64 = 193;

const VERSION: u8 = 1;

impl Bundle {
    /// The form of RFC 9171.
    pub fn to_full(&self) -> Vec<u8> {
        let Terms { created, sequence, lifetime, priority, copies, custody } = self.terms;
        let block = allod_wire::encode(&(VERSION, priority as u8, copies, custody));
        let time = DtnTime::new(u64::from(created.0) * 1000);
        let built = Builder::new(endpoint(&self.source().0), endpoint(&self.tag.0))
            .with_report_to(Eid::Null)
            .with_crc_type(CrcType::CRC32_CASTAGNOLI)
            .with_lifetime(Duration::from_secs(lifetime.seconds()))
            .add_extension_block(Type::Unrecognised(BLOCK))
            .map(|builder| {
                builder
                    .with_flags(BlockFlags { must_replicate: true, ..BlockFlags::default() })
                    .build(Cow::Owned(block))
                    .with_payload(Cow::Borrowed(&self.payload))
                    .build(CreationTimestamp::from_parts(Some(time), sequence.into()))
            });
        let (bundle, bytes) = match built {
            Ok(Ok(built)) => built,
            Ok(Err(_)) | Err(_) => unreachable!("a bundle in memory can be encoded"),
        };
        if self.is_whole() {
            return bytes.into_vec();
        }
        let info = FragmentInfo { offset: self.part.offset.into(), total_adu_length: self.part.total.into() };
        let edited = Editor::new(&bundle, &bytes).with_fragment_info(Some(info));
        match edited.map(Editor::rebuild) {
            Ok(Ok(chunks)) => Chunk::flatten(chunks, &bytes).into_vec(),
            Ok(Err(_)) | Err(_) => unreachable!("a bundle that was encoded can be a fragment"),
        }
    }

    /// The bundle of this form, whoever made it.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn from_full(bytes: &[u8]) -> Result<Self, BundleError> {
        let malformed = BundleError::Malformed;
        if bytes.len() > FULL_MAX {
            return Err(BundleError::TooLarge);
        }
        let parsed = ParsedBundle::parse(bytes, no_keys).map_err(|_| malformed)?.bundle;
        let tag = Tag(named(&parsed.destination).ok_or(BundleError::Foreign)?);
        let source: [u8; 16] = named(&parsed.id.source).ok_or(BundleError::Foreign)?;
        let time = parsed.id.timestamp.creation_time().ok_or(malformed)?.millisecs();
        let sequence = parsed.id.timestamp.sequence_number();
        let mut blocks = parsed.blocks.values();
        let payload = blocks.clone().find(|block| block.block_type == Type::Payload);
        let payload = payload.and_then(|block| block.payload(bytes)).ok_or(malformed)?.to_vec();
        let (priority, copies, custody) =
            match blocks.find(|block| block.block_type == Type::Unrecognised(BLOCK)) {
                Some(block) => ours(block.payload(bytes).ok_or(malformed)?)?,
                None => (Priority::Normal, 1, false),
            };
        let part = match &parsed.id.fragment_info {
            Some(info) => Part {
                offset: u32::try_from(info.offset).map_err(|_| BundleError::TooLarge)?,
                total: u32::try_from(info.total_adu_length).map_err(|_| BundleError::TooLarge)?,
            },
            None => Part { offset: 0, total: size_of(payload.len())? },
        };
        let lifetime = Lifetime::exactly(parsed.lifetime.as_secs()).ok_or(BundleError::Inconsistent)?;
        let terms = Terms {
            created: Seconds(u32::try_from(time / 1000).map_err(|_| malformed)?),
            sequence: u16::try_from(sequence).map_err(|_| BundleError::Inconsistent)?,
            lifetime,
            priority,
            copies,
            custody,
        };
        let bundle = Self { tag, terms, part, payload }.checked()?;
        let is_as_we_make_it = time % 1000 == 0 && parsed.lifetime.subsec_nanos() == 0;
        if bundle.source().0 != source || !is_as_we_make_it || parsed.flags != flags(&bundle) {
            return Err(BundleError::Inconsistent);
        }
        Ok(bundle)
    }
}

fn flags(bundle: &Bundle) -> Flags {
    Flags { is_fragment: !bundle.is_whole(), ..Flags::default() }
}

/// Our own block.
fn ours(bytes: &[u8]) -> Result<(Priority, u8, bool), BundleError> {
    let block: Result<(u8, u8, u8, bool), _> = minicbor::decode(bytes);
    let (version, priority, copies, custody) = block.map_err(|_| BundleError::Malformed)?;
    match Priority::from_code(priority) {
        Some(priority) if version == VERSION => Ok((priority, copies, custody)),
        _ => Err(BundleError::Malformed),
    }
}

const PREFIX: &str = "allod-";

/// The endpoint of these bytes.
fn endpoint(bytes: &[u8]) -> Eid {
    let digits = bytes.iter().fold(String::from(PREFIX), |name, byte| format!("{name}{byte:02x}"));
    DtnNodeId { node_name: Box::from(digits) }.into()
}

/// The bytes that an endpoint is of.
fn named<const N: usize>(endpoint: &Eid) -> Option<[u8; N]> {
    let Eid::Dtn { node_name, service_name } = endpoint else { return None };
    let digits = node_name.node_name.strip_prefix(PREFIX)?;
    let is_usual = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !service_name.is_empty() || digits.len() != 2 * N || !is_usual {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, place) in bytes.iter_mut().zip((0..digits.len()).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(place..place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

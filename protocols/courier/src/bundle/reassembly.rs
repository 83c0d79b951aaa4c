//! Putting fragments together again (RFC 9171, section 5.9), where some of them are false.
//!
//! Whoever carries a bundle can make up fragments of it, and only the message as a whole proves
//! itself. So fragments that contradict each other are kept apart, in *strands*:
//!
//! - A fragment joins all strands whose bytes it does not contradict. If it contradicts all, it
//!   begins another strand. There are [`STRANDS`]; when all are taken, the youngest gives way.
//! - One strand more takes every fragment, over what it had. So it has all bytes that came, each
//!   as it was said last.
//!
//! Each order of the strands is a candidate: what the first one has not comes from the
//! second, and so on, the rest from that last strand; and so is the last strand alone. Whoever has the
//! session tries to open one after the other.
//!
//! One false fragment therefore harms nothing, whenever it comes. Neither do many that all came
//! before the right ones, or all after. Somebody who goes on mixing others in keeps the
//! message from coming together for as long as what was said last of some byte is false;
//! the right fragments heal that when they come again.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use allod_crypto::hash::blake3;

use super::{Bundle, BundleError, Part, Terms};
use crate::ratchet::Tag;

/// Strands beside the one that holds what was said last.
const STRANDS: usize = 3;

/// The most messages that the fragments of one bundle may be.
pub const CANDIDATES_MAX: usize = 7;

/// The orders in which strands are laid one over the other.
const ORDERS: [[usize; STRANDS]; 6] = [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]];

/// The fragments of one bundle, as far as they have come. They may overlap, and contradict each
/// other. Takes at most 4½ times as much memory as the whole payload, whatever comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassembly {
    tag: Tag,
    terms: Terms,
    /// As it was said last.
    last: Strand,
    strands: Vec<Strand>,
}

/// Bytes that do not contradict each other, as far as they have come.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Strand {
    payload: Vec<u8>,
    /// Which bytes are here: a bit for each, the lowest first.
    here: Vec<u64>,
    missing: usize,
}

impl Strand {
    fn new(total: usize) -> Self {
        Self { payload: vec![0; total], here: vec![0; total.div_ceil(64)], missing: total }
    }

    fn has(&self, at: usize) -> bool {
        self.here.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }

    fn contradicts(&self, offset: usize, bytes: &[u8]) -> bool {
        let own = self.payload.get(offset..).unwrap_or_default();
        own.iter().zip(bytes).zip(offset..).any(|((own, byte), at)| own != byte && self.has(at))
    }

    /// Puts these bytes over what is here.
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        let own = self.payload.get_mut(offset..).unwrap_or_default();
        for ((own, byte), at) in own.iter_mut().zip(bytes).zip(offset..) {
            *own = *byte;
            if let Some(bits) = self.here.get_mut(at / 64) {
                let bit = 1 << (at % 64);
                self.missing -= usize::from(*bits & bit == 0);
                *bits |= bit;
            }
        }
    }
}

impl Reassembly {
    /// Beginning with one of its fragments. Which fragments belong to it is told by their
    /// [`whole_id`](Bundle::whole_id).
    pub fn new(fragment: &Bundle) -> Self {
        let Bundle { tag, terms, part, .. } = *fragment;
        let last = Strand::new(part.total as usize);
        let mut reassembly = Self { tag, terms, last, strands: Vec::new() };
        reassembly.put(fragment);
        reassembly
    }

    /// Takes another fragment. Whether it said anything new: if not, there is nothing more to
    /// be tried.
    ///
    /// # Errors
    /// [`BundleError::Inconsistent`] where it is of another bundle, or says other terms.
    pub fn add(&mut self, fragment: &Bundle) -> Result<bool, BundleError> {
        // Copies change on the way.
        let terms = Terms { copies: self.terms.copies, custody: self.terms.custody, ..fragment.terms };
        let total = self.last.payload.len();
        let is_of_it = fragment.tag == self.tag
            && terms == self.terms
            && fragment.part.total as usize == total
            && fragment.part.offset as usize + fragment.payload.len() <= total;
        if !is_of_it {
            return Err(BundleError::Inconsistent);
        }
        Ok(self.put(fragment))
    }

    fn put(&mut self, fragment: &Bundle) -> bool {
        let (offset, bytes) = (fragment.part.offset as usize, &fragment.payload);
        let missing = self.last.missing;
        let is_new = self.last.contradicts(offset, bytes);
        self.last.put(offset, bytes);
        let mut is_taken = false;
        for strand in &mut self.strands {
            if !strand.contradicts(offset, bytes) {
                strand.put(offset, bytes);
                is_taken = true;
            }
        }
        if !is_taken {
            let mut strand = Strand::new(self.last.payload.len());
            strand.put(offset, bytes);
            self.strands.truncate(STRANDS - 1);
            self.strands.push(strand);
        }
        is_new || !is_taken || self.last.missing < missing
    }

    /// Bytes of which nothing has come yet.
    pub fn missing(&self) -> usize {
        self.last.missing
    }

    /// What the bundle may be, once something of every byte has come, at most
    /// [`CANDIDATES_MAX`] different ones: each is to be tried until one opens. There is one where
    /// nobody lied. Each is made when it is asked for.
    pub fn whole(&self) -> impl Iterator<Item = Bundle> + '_ {
        let total = self.last.payload.len() as u32;
        let mut given = BTreeSet::new();
        let orders = ORDERS.iter().map(|order| &order[..]).chain([&[][..]]);
        orders
            .filter(|_| self.missing() == 0)
            .map(|order| self.laid(order))
            .filter(move |payload| given.insert(blake3(payload)))
            .map(move |payload| Bundle {
                tag: self.tag,
                terms: self.terms,
                part: Part { offset: 0, total },
                payload,
            })
    }

    /// The strands in this order, each under those before it, and all over what was said last.
    fn laid(&self, order: &[usize]) -> Vec<u8> {
        let mut payload = self.last.payload.clone();
        for strand in order.iter().rev().filter_map(|at| self.strands.get(*at)) {
            for ((byte, own), at) in payload.iter_mut().zip(&strand.payload).zip(0..) {
                if strand.has(at) {
                    *byte = *own;
                }
            }
        }
        payload
    }
}

//! Dividing a bundle for links that are too narrow for it, and putting it together again
//! (RFC 9171, sections 5.8 and 5.9).

use alloc::vec;
use alloc::vec::Vec;

use super::{Bundle, BundleError, Part, Terms};
use crate::ratchet::Tag;

/// The most fragments that one payload is divided into.
pub const FRAGMENTS_MAX: usize = 16_384;

/// Divides a bundle, or a fragment of one, into fragments of at most so many bytes of payload.
/// One that is no larger stays as it is. `None` where that would be too many, or of no bytes.
pub fn fragments(bundle: Bundle, size_max: usize) -> Option<Vec<Bundle>> {
    if bundle.payload.len() <= size_max {
        return Some(vec![bundle]);
    }
    if size_max == 0 || bundle.payload.len().div_ceil(size_max) > FRAGMENTS_MAX {
        return None;
    }
    let mut offset = bundle.part.offset;
    let mut all = Vec::new();
    for payload in bundle.payload.chunks(size_max) {
        let part = Part { offset, total: bundle.part.total };
        all.push(Bundle { part, payload: payload.to_vec(), ..bundle });
        offset += payload.len() as u32;
    }
    Some(all)
}

/// The fragments of one bundle, as far as they have come. They may overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassembly {
    tag: Tag,
    terms: Terms,
    payload: Vec<u8>,
    /// What has come: where each run of bytes begins and ends, in order and apart.
    runs: Vec<(u32, u32)>,
}

impl Reassembly {
    /// Beginning with one of its fragments. Takes as much memory as the whole payload.
    pub fn new(fragment: &Bundle) -> Self {
        let Bundle { tag, terms, part, .. } = *fragment;
        let mut reassembly = Self { tag, terms, payload: vec![0; part.total as usize], runs: Vec::new() };
        reassembly.put(fragment);
        reassembly
    }

    /// Takes another fragment. Where two say different things of a byte, the first one holds;
    /// the message then does not open, and is told from whole ones by that alone.
    ///
    /// # Errors
    /// [`BundleError::Inconsistent`] where it is of another bundle, or says other terms.
    pub fn add(&mut self, fragment: &Bundle) -> Result<(), BundleError> {
        // Copies change on the way.
        let terms = Terms { copies: self.terms.copies, custody: self.terms.custody, ..fragment.terms };
        let is_of_it = fragment.tag == self.tag
            && terms == self.terms
            && fragment.part.total as usize == self.payload.len()
            && fragment.part.offset as usize + fragment.payload.len() <= self.payload.len();
        if !is_of_it {
            return Err(BundleError::Inconsistent);
        }
        self.put(fragment);
        Ok(())
    }

    fn put(&mut self, fragment: &Bundle) {
        let (start, end) = (fragment.part.offset, fragment.part.offset + fragment.payload.len() as u32);
        // What is new of it lies between the runs.
        let mut from = start;
        let mut news = Vec::new();
        for (begun, ended) in self.runs.iter().copied().filter(|run| run.1 > start && run.0 < end) {
            if begun > from {
                news.push((from, begun));
            }
            from = from.max(ended);
        }
        if from < end {
            news.push((from, end));
        }
        for (from, to) in news {
            let bytes = &fragment.payload[(from - start) as usize..(to - start) as usize];
            self.payload[from as usize..to as usize].copy_from_slice(bytes);
            self.runs.push((from, to));
        }
        self.runs.sort_unstable();
        self.runs.dedup_by(|next, run| {
            let joins = run.1 >= next.0;
            if joins {
                run.1 = run.1.max(next.1);
            }
            joins
        });
    }

    /// Bytes that have not come yet.
    pub fn missing(&self) -> usize {
        self.payload.len() - self.runs.iter().map(|(from, to)| (to - from) as usize).sum::<usize>()
    }

    /// The bundle, once all of it has come.
    pub fn whole(&self) -> Option<Bundle> {
        let total = self.payload.len() as u32;
        (self.missing() == 0).then(|| Bundle {
            tag: self.tag,
            terms: self.terms,
            part: Part { offset: 0, total },
            payload: self.payload.clone(),
        })
    }
}

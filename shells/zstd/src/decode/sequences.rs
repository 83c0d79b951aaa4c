//! The sequences of a block: so many literals, then what was written before, again (RFC 8878,
//! sections 3.1.1.3.2 and 3.1.1.4).

use super::bits::Backward;
use super::fse::Fse;
use super::{Output, take};

/// What a code stands for: a least value, and how many bits are added to it.
type Code = (u32, u32);

/// Lengths of literals. The first 16 are themselves.
const LITERAL_CODES: [Code; 20] = [
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1024, 10),
    (2048, 11),
    (4096, 12),
    (8192, 13),
    (16384, 14),
    (32768, 15),
    (65536, 16),
];

/// Lengths of matches. The first 32 are themselves and three more.
const MATCH_CODES: [Code; 21] = [
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1027, 10),
    (2051, 11),
    (4099, 12),
    (8195, 13),
    (16387, 14),
    (32771, 15),
    (65539, 16),
];

/// How often each code is there where a block says nothing of it (appendix A).
const LITERAL_SHARES: [i16; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
    -1, -1,
];
const OFFSET_SHARES: [i16; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
const MATCH_SHARES: [i16; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];

/// Which of the three kinds of codes.
struct Kind {
    shares: &'static [i16],
    log: u32,
    log_max: u32,
    count: usize,
}

const LITERALS: Kind = Kind { shares: &LITERAL_SHARES, log: 6, log_max: 9, count: 36 };
const OFFSETS: Kind = Kind { shares: &OFFSET_SHARES, log: 5, log_max: 8, count: 32 };
const MATCHES: Kind = Kind { shares: &MATCH_SHARES, log: 6, log_max: 9, count: 53 };

/// Runs sequences; tables and offsets of one block may serve the next.
pub(super) struct Sequences {
    literals: Option<Fse>,
    offsets: Option<Fse>,
    matches: Option<Fse>,
    recent: [u32; 3],
}

impl Default for Sequences {
    fn default() -> Self {
        Self { literals: None, offsets: None, matches: None, recent: [1, 4, 8] }
    }
}

impl Sequences {
    /// Writes what the rest of a block says.
    pub(super) fn run(&mut self, mut block: &[u8], mut literals: &[u8], out: &mut Output) -> Option<()> {
        let count = count(&mut block)?;
        if count == 0 {
            return block.is_empty().then(|| out.push(literals))?;
        }
        let [modes] = *take(&mut block, 1)? else { return None };
        if modes & 3 != 0 {
            return None;
        }
        table(&mut self.literals, &LITERALS, modes >> 6, &mut block)?;
        table(&mut self.offsets, &OFFSETS, modes >> 4 & 3, &mut block)?;
        table(&mut self.matches, &MATCHES, modes >> 2 & 3, &mut block)?;
        let Self {
            literals: Some(by_literals),
            offsets: Some(by_offsets),
            matches: Some(by_matches),
            recent,
        } = self
        else {
            return None;
        };
        let mut bits = Backward::new(block)?;
        let mut literal = by_literals.begin(&mut bits)?;
        let mut offset = by_offsets.begin(&mut bits)?;
        let mut matched = by_matches.begin(&mut bits)?;
        for number in 1..=count {
            let offset_code = u32::from(by_offsets.symbol(offset));
            let distance = 1_u32.checked_shl(offset_code)? + bits.take(offset_code)?;
            let matches = value(by_matches.symbol(matched), 3, &MATCH_CODES, &mut bits)?;
            let copied = value(by_literals.symbol(literal), 0, &LITERAL_CODES, &mut bits)?;
            let (here, behind) = literals.split_at_checked(copied as usize)?;
            literals = behind;
            out.push(here)?;
            out.repeat(distance_of(distance, copied, recent)? as usize, matches as usize)?;
            if number < count {
                literal = by_literals.next(literal, &mut bits)?;
                matched = by_matches.next(matched, &mut bits)?;
                offset = by_offsets.next(offset, &mut bits)?;
            }
        }
        bits.is_empty().then(|| out.push(literals))?
    }
}

/// How many sequences a block has.
fn count(block: &mut &[u8]) -> Option<usize> {
    let mut next = || take(block, 1).and_then(<[u8]>::first).map(|byte| usize::from(*byte));
    Some(match next()? {
        few @ 0..=127 => few,
        more @ 128..=254 => ((more - 128) << 8) + next()?,
        _ => next()? + (next()? << 8) + 0x7F00,
    })
}

/// Reads a table where the block has one; where not, it is the usual one or that of before.
fn table(table: &mut Option<Fse>, kind: &Kind, mode: u8, block: &mut &[u8]) -> Option<()> {
    *table = match mode {
        0 => Some(Fse::of_shares(kind.shares, kind.log)?),
        1 => {
            let symbol = *take(block, 1)?.first()?;
            (usize::from(symbol) < kind.count).then(|| Fse::of_one(symbol))
        }
        2 => Some(Fse::read(block, kind.count, kind.log_max)?),
        _ => return table.as_ref().map(|_| ()),
    };
    table.as_ref().map(|_| ())
}

/// What a code and the bits behind it are, where small codes are themselves and `more`.
fn value(code: u8, more: u32, codes: &[Code], bits: &mut Backward<'_>) -> Option<u32> {
    let small = if more == 0 { 16 } else { 32 };
    match usize::from(code).checked_sub(small) {
        None => Some(u32::from(code) + more),
        Some(large) => {
            let (least, count) = *codes.get(large)?;
            Some(least + bits.take(count)?)
        }
    }
}

/// How far back it goes: the first three stand for the last ones that there were (section 3.1.1.5).
fn distance_of(value: u32, literals: u32, recent: &mut [u32; 3]) -> Option<u32> {
    let [first, second, third] = *recent;
    let place = if literals == 0 { value.checked_add(1)? } else { value };
    let distance = match (value, place) {
        (4.., _) => value - 3,
        (_, 1) => return Some(first),
        (_, 2) => second,
        (_, 3) => third,
        _ => first.checked_sub(1).filter(|distance| *distance > 0)?,
    };
    *recent = match (value, place) {
        (1..=3, 2) => [second, first, third],
        _ => [distance, first, second],
    };
    Some(distance)
}

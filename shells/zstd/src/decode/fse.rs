//! Finite state entropy: tables that turn bits into symbols (RFC 8878, section 4.1).

use alloc::vec;
use alloc::vec::Vec;

use super::bits::{Backward, Forward};

/// What a state stands for, and where it goes.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    symbol: u8,
    bits: u8,
    base: u16,
}

/// A table of states.
#[derive(Clone, Debug)]
pub(super) struct Fse {
    entries: Vec<Entry>,
    log: u32,
}

impl Fse {
    /// Of one symbol, without any bits.
    pub(super) fn of_one(symbol: u8) -> Self {
        Self { entries: vec![Entry { symbol, bits: 0, base: 0 }], log: 0 }
    }

    /// Of how often each symbol is there, of `1 << log`; -1 is less than once.
    pub(super) fn of_shares(shares: &[i16], log: u32) -> Option<Self> {
        let size = 1_usize << log;
        let mut entries = vec![Entry::default(); size];
        let mut next: Vec<u16> = Vec::with_capacity(shares.len());
        // Seldom ones are at the end.
        let mut end = size;
        for (symbol, share) in shares.iter().enumerate() {
            if *share == -1 {
                end = end.checked_sub(1)?;
                entries.get_mut(end)?.symbol = symbol as u8;
            }
            next.push(share.unsigned_abs());
        }
        let (step, mut at) = ((size >> 1) + (size >> 3) + 3, 0);
        for (symbol, share) in shares.iter().enumerate() {
            for _ in 0..(*share).max(0) {
                entries.get_mut(at)?.symbol = symbol as u8;
                loop {
                    at = (at + step) & (size - 1);
                    if at < end || end == 0 {
                        break;
                    }
                }
            }
        }
        if at != 0 {
            return None;
        }
        for entry in &mut entries {
            let count = next.get_mut(usize::from(entry.symbol))?;
            let bits = log.checked_sub(count.checked_ilog2()?)?;
            entry.bits = bits as u8;
            entry.base = ((u32::from(*count) << bits).checked_sub(size as u32)?) as u16;
            *count += 1;
        }
        Some(Self { entries, log })
    }

    /// Reads a table's description, of symbols below `count` and of at most `1 << log_max` states.
    pub(super) fn read(bytes: &mut &[u8], count: usize, log_max: u32) -> Option<Self> {
        let mut bits = Forward::new(bytes);
        let log = bits.peek(4) + 5;
        bits.skip(4)?;
        if log > log_max {
            return None;
        }
        let mut left: u32 = 1 << log;
        let mut shares: Vec<i16> = Vec::with_capacity(count);
        while left > 0 {
            // What is left, and one more for "less than once", fits into so many bits, or one fewer.
            let width = (left + 1).ilog2() + 1;
            let short = (1 << width) - 1 - (left + 1);
            let value = bits.peek(width);
            let low = value & ((1 << (width - 1)) - 1);
            let share = match low < short {
                true => {
                    bits.skip(width - 1)?;
                    low
                }
                false => {
                    bits.skip(width)?;
                    if value >= 1 << (width - 1) { value - short } else { value }
                }
            };
            let share = share as i16 - 1;
            left = left.checked_sub(u32::from(share.unsigned_abs()))?;
            shares.push(share);
            if share == 0 {
                loop {
                    let more = bits.peek(2);
                    bits.skip(2)?;
                    shares.resize(shares.len() + more as usize, 0);
                    if more != 3 || shares.len() > count {
                        break;
                    }
                }
            }
            if shares.len() > count {
                return None;
            }
        }
        *bytes = bits.rest();
        Self::of_shares(&shares, log)
    }

    /// The first state.
    pub(super) fn begin(&self, bits: &mut Backward<'_>) -> Option<State> {
        bits.take(self.log).map(|at| State(at as usize))
    }

    /// What a state stands for.
    pub(super) fn symbol(&self, state: State) -> u8 {
        self.entry(state).symbol
    }

    /// The state behind one. Nothing, where there are not enough bits.
    pub(super) fn next(&self, state: State, bits: &mut Backward<'_>) -> Option<State> {
        let entry = self.entry(state);
        let more = bits.take(u32::from(entry.bits))?;
        Some(State(usize::from(entry.base) + more as usize))
    }

    fn entry(&self, State(at): State) -> Entry {
        self.entries.get(at).copied().unwrap_or_default()
    }
}

/// A state of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct State(usize);

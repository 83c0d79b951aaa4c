//! How long frames take in the air, and how much of that is left.

use allod_wire::Instant;

use super::frame::{CHECK, CONTENT_MAX};

/// What a radio is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Radio {
    /// Bits a second in the air, all coding counted.
    pub bits_per_second: u32,
    /// What each frame takes besides its bytes, in microseconds: preamble, header.
    pub frame_us: u32,
    /// The share of the time in which it may send, in thousandths: 10 where a duty cycle of 1 %
    /// is the law, 1,000 where there is none.
    pub duty_per_mille: u16,
}

impl Radio {
    /// LoRa with spreading factor 9, 125 kHz and coding rate 4/5: about 1,760 bits a second and
    /// 150 ms before each frame; a duty cycle of 1 %, as in much of the European 868 MHz band.
    pub const LORA: Self = Self { bits_per_second: 1760, frame_us: 150_000, duty_per_mille: 10 };

    /// How long a frame of so many bytes takes, in microseconds.
    pub fn airtime_us(&self, bytes: usize) -> u64 {
        let bits = (bytes as u64 * 8).saturating_mul(1_000_000);
        bits.div_ceil(u64::from(self.bits_per_second).max(1)) + u64::from(self.frame_us)
    }

    /// How long it takes on the whole to send a frame of so many bytes, in milliseconds, with the
    /// pauses that follow from its share.
    pub fn pace_ms(&self, bytes: usize) -> u64 {
        self.airtime_us(bytes) / u64::from(self.duty_per_mille.clamp(1, 1000))
    }
}

/// Microseconds of an hour.
const HOUR_US: u64 = 3600 * 1_000_000;

/// What is left of the airtime: a bucket into which time flows. It holds a tenth of what an hour
/// allows, or one frame where that is more, and the rest flows in within an hour, so that no hour
/// has more, whenever it begins.
#[derive(Clone, Debug)]
pub(super) struct Airtime {
    radio: Radio,
    left_us: u64,
    at: Instant,
    /// All that was used, in microseconds.
    pub(super) used_us: u64,
}

impl Airtime {
    pub(super) fn new(radio: Radio, now: Instant) -> Self {
        let mut airtime = Self { radio, left_us: 0, at: now, used_us: 0 };
        // At the start nobody knows what was sent before.
        airtime.left_us = airtime.holds_us() / 2;
        airtime
    }

    /// What an hour allows, in microseconds.
    fn hour_us(&self) -> u64 {
        HOUR_US / 1000 * u64::from(self.radio.duty_per_mille.min(1000))
    }

    fn holds_us(&self) -> u64 {
        let frame = self.radio.airtime_us(CONTENT_MAX + CHECK);
        (self.hour_us() / 10).max(frame.min(self.hour_us()))
    }

    /// The millionths of a microsecond that flow in within a millisecond.
    fn flow(&self) -> u64 {
        ((self.hour_us() - self.holds_us()) * 1000 / (HOUR_US / 1_000_000)).max(1)
    }

    fn left_at(&self, now: Instant) -> u64 {
        let passed = now.0.saturating_sub(self.at.0);
        let new = passed.saturating_mul(self.flow()) / 1_000_000;
        self.left_us.saturating_add(new).min(self.holds_us())
    }

    /// Takes what a frame of so many bytes needs, if there is so much.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let need = self.radio.airtime_us(bytes);
        let left = self.left_at(now);
        if left < need {
            return false;
        }
        (self.left_us, self.at) = (left - need, now.max(self.at));
        self.used_us += need;
        true
    }

    /// When there is so much; never where the bucket does not hold it.
    pub(super) fn ready(&self, bytes: usize, now: Instant) -> Instant {
        let need = self.radio.airtime_us(bytes);
        let missing = need.saturating_sub(self.left_at(now));
        if need > self.holds_us() {
            return Instant(u64::MAX);
        }
        Instant(now.0.saturating_add(missing.saturating_mul(1_000_000).div_ceil(self.flow())))
    }
}

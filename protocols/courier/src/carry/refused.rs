//! Why bundles are not carried, and how often that was.

/// Why a bundle is not carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// It has expired.
    Expired,
    /// It is said to be made too far ahead of the clock here.
    Ahead,
    /// It is here.
    Known,
    /// It was delivered, or called back.
    Delivered,
    /// All that there is is worth more.
    NoRoom,
    /// Whoever brings it has brought as much as they may.
    OverQuota,
}

/// How many bundles were refused, by why, or gave way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// [`Refused::Expired`].
    pub expired: u64,
    /// [`Refused::Ahead`].
    pub ahead: u64,
    /// [`Refused::Known`].
    pub known: u64,
    /// [`Refused::Delivered`].
    pub delivered: u64,
    /// [`Refused::NoRoom`].
    pub no_room: u64,
    /// [`Refused::OverQuota`].
    pub over_quota: u64,
    /// Bundles that were carried until others were taken in their place.
    pub gave_way: u64,
}

impl Counts {
    /// One more.
    pub fn add(&mut self, why: Refused) {
        let count = match why {
            Refused::Expired => &mut self.expired,
            Refused::Ahead => &mut self.ahead,
            Refused::Known => &mut self.known,
            Refused::Delivered => &mut self.delivered,
            Refused::NoRoom => &mut self.no_room,
            Refused::OverQuota => &mut self.over_quota,
        };
        *count = count.saturating_add(1);
    }
}

//! What a link between devices is like, as far as the courier has to know. How its bytes get
//! to the other side is a shell's.

/// A way from device to device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The most bytes of a frame.
    pub mtu: usize,
    /// Whether the other side can answer.
    pub is_duplex: bool,
    /// What a byte costs.
    pub cost: Cost,
}

/// What a byte on a link costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// Nothing that counts: a cable, a network of one's own, a stick.
    Free,
    /// Money: files wait for another link.
    Metered,
    /// Airtime that is shared with others: only what people write, and only a share of the time.
    Airtime,
}

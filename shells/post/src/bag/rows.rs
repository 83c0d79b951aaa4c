//! Rows of a file, each with four bytes of a hash behind it: one that the disk has harmed is
//! passed over, and the others stay.

use allod_crypto::hash::tagged;

const CHECK: usize = 4;

/// Bytes of a row of so many.
pub(super) const fn size(row: usize) -> usize {
    row + CHECK
}

pub(super) fn encode(rows: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend_from_slice(row.as_ref());
        bytes.extend_from_slice(&check(row.as_ref()));
    }
    bytes
}

/// The rows of so many bytes that are whole.
pub(super) fn decode<const ROW: usize>(bytes: &[u8]) -> impl Iterator<Item = &[u8; ROW]> {
    bytes.chunks_exact(size(ROW)).filter_map(|row| {
        let (row, sum) = row.split_first_chunk()?;
        (check(row) == sum).then_some(row)
    })
}

fn check(row: &[u8]) -> [u8; CHECK] {
    let [a, b, c, d, ..] = tagged("allod 2026 post, a row", &[row]);
    [a, b, c, d]
}

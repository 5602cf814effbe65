//! Shares of the image file: what each piece takes of the compressed payload,
//! and what stands around the payload.
//!
//! In an xz payload each byte has its price ([`vmlinux::lzma_cost`]), and in a
//! cm payload ([`cm::costs`]); a piece's share is the price of its bytes. Other formats are estimated: the stream is
//! compressed as xz and the prices are scaled to the payload. Prices are
//! fractions of bytes; what is cut off goes, one byte each, to the pieces with
//! the largest remainders, so that shares are whole and add up.

use initramfs::compress::{self, Compression};
use vmlinux::lzma_cost;

use super::boot::{self, Around};
use super::{Given, Kernel, Leaf, marginal};
use crate::error::{Error, Result};

/// The shares of one image.
pub(super) struct Shares {
    /// Of each piece, in bytes of the file.
    pub pieces: Vec<u64>,
    /// What stands in the file besides.
    pub around: Vec<Leaf>,
    /// The payload, in bytes.
    pub payload: u64,
    /// How prices were found.
    pub by: &'static str,
}

/// The shares of an image.
pub(super) fn shares(kernel: &Kernel, image: &[u8], given: &Given) -> Result<Shares> {
    let Around { leaves, payload } = boot::around(image, given)?;
    let bytes = &image[payload.clone()];
    let total = bytes.len() as u64;
    let (bits, by) = prices(kernel, bytes)?;
    let mut covered = vec![false; bits.len()];
    let mut exact: Vec<f64> = kernel
        .attribution
        .pieces
        .iter()
        .map(|piece| {
            let place = kernel
                .stream
                .place(&kernel.elf, piece.section, piece.address, piece.bytes);
            let Some(place) = place.filter(|p| p.end <= bits.len()) else {
                return 0.0;
            };
            covered[place.clone()].fill(true);
            bits[place].iter().map(|b| f64::from(*b)).sum::<f64>() / 8.0
        })
        .collect();
    let rest = |from: usize, to: usize| -> f64 {
        (from..to.min(bits.len()))
            .filter(|at| !covered[*at])
            .map(|at| f64::from(bits[at]) / 8.0)
            .sum()
    };
    let between = rest(0, bits.len());
    let sum: f64 = exact.iter().sum::<f64>() + between;
    let container = match by {
        "xz" | "cm" => (total as f64 - sum).max(0.0),
        _ => 0.0,
    };
    exact.extend([between, container]);
    let mut whole = apportion(&exact, total);
    let mut around = leaves;
    let tail = whole.split_off(whole.len() - 2);
    let names = [
        (
            "(headers and room between sections)",
            super::LeafKind::Padding,
        ),
        ("(the compressed format's own)", super::LeafKind::Boot),
    ];
    for ((name, kind), share) in names.into_iter().zip(tail) {
        if share > 0 {
            around.push(boot::leaf("(payload)", None, name, kind, share));
        }
    }
    Ok(Shares {
        pieces: whole,
        around,
        payload: total,
        by,
    })
}

/// What each byte of the kernel costs in its payload, in bits, and how that was
/// found.
fn prices(kernel: &Kernel, payload: &[u8]) -> Result<(Vec<f32>, &'static str)> {
    let limit = kernel.stream.bytes.len().saturating_mul(2) + (16 << 20);
    if payload.starts_with(Compression::Xz.magic()) {
        let costs = lzma_cost::costs(payload, limit).map_err(Error::Payload)?;
        return Ok((costs.bits, "xz"));
    }
    if payload.starts_with(Compression::Cm.magic()) {
        return Ok((cm::costs(payload, limit).map_err(Error::Mixed)?, "cm"));
    }
    let packed = marginal::compress(&kernel.stream.bytes, marginal::filter_of(&kernel.elf))?;
    let costs = lzma_cost::costs(&packed, limit).map_err(Error::Packed)?;
    Ok((costs.bits, "estimated"))
}

/// What a payload unpacks to; none for a format that is not known here.
pub(super) fn unpacked(payload: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(kind) = compress::detect(payload).filter(|kind| *kind != Compression::None) else {
        return Ok(None);
    };
    let limit = 1 << 30;
    match compress::decompress_part(kind, payload, limit) {
        Ok((bytes, _)) => Ok(Some(bytes)),
        Err(error) => Err(Error::Unpack(error)),
    }
}

/// Whole numbers in proportion to `exact` that add up to `total`.
pub(super) fn apportion(exact: &[f64], total: u64) -> Vec<u64> {
    let sum: f64 = exact.iter().sum();
    let scale = if sum > 0.0 { total as f64 / sum } else { 0.0 };
    let mut whole: Vec<u64> = exact.iter().map(|e| (e * scale).floor() as u64).collect();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    let remainder = |i: usize| exact[i] * scale - (exact[i] * scale).floor();
    order.sort_by(|a, b| remainder(*b).total_cmp(&remainder(*a)).then(a.cmp(b)));
    let missing = total.saturating_sub(whole.iter().sum());
    for index in order
        .iter()
        .cycle()
        .take(usize::try_from(missing).unwrap_or(0))
    {
        whole[*index] += 1;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_add_up_exactly(exact in proptest::collection::vec(0.0f64..1e5, 1..200), total in 0u64..1_000_000) {
            prop_assume!(exact.iter().sum::<f64>() > 0.0);
            let whole = apportion(&exact, total);
            prop_assert_eq!(whole.iter().sum::<u64>(), total);
        }
    }
}

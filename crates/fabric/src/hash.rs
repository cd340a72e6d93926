//! Hashes that are the same on every machine and in every version: they choose shards and lanes on disk.

/// FNV-1a over the parts, each closed by a byte that keeps neighbours apart, then mixed.
pub(crate) fn stable(parts: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for part in parts {
        part.iter().for_each(|byte| take(*byte));
        take(0xff);
    }
    mix(hash)
}

/// Spreads the bits of a number (the finalizer of `SplitMix64`).
pub(crate) fn mix(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXTURE: u64 = 0xf390_0489_d932_ecce;

    #[test]
    fn what_is_on_disk_does_not_move() {
        assert_eq!(stable(&[b"sqs", b"arn:aws:sqs:us-east-1:000000000000:q"]), FIXTURE);
        assert_ne!(stable(&[b"a", b"b"]), stable(&[b"ab", b""]));
    }
}

//! `Fn::Cidr` and `Fn::GetAZs`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::limits;

/// The first `count` networks with `bits` host bits inside a block: `cidr("10.0.0.0/16", 2, 8)` is 10.0.0.0/24, 10.0.1.0/24.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-cidr.html>.
pub(super) fn cidr(block: &str, count: u32, bits: Option<u32>) -> Result<Vec<String>, String> {
    let wrong = |what: &str| format!("Template error: Fn::Cidr: {what}");
    if !(1..=limits::CIDRS).contains(&count) {
        return Err(wrong(&format!("the count must be from 1 to {}, it is {count}", limits::CIDRS)));
    }
    let (address, prefix) =
        block.split_once('/').ok_or_else(|| wrong(&format!("'{block}' is not a CIDR block")))?;
    let not_a_block = || wrong(&format!("'{block}' is not a CIDR block"));
    let prefix: u32 = prefix.parse().map_err(|_| not_a_block())?;
    let (start, width) = if let Ok(v4) = address.parse::<Ipv4Addr>() {
        (u128::from(u32::from(v4)), 32)
    } else {
        (u128::from(address.parse::<Ipv6Addr>().map_err(|_| not_a_block())?), 128)
    };
    let bits = bits.unwrap_or(if width == 32 { 8 } else { 64 });
    if prefix > width {
        return Err(not_a_block());
    }
    if bits == 0 || bits > width - prefix {
        return Err(wrong(&format!("{bits} subnet bits do not fit into {block}")));
    }
    // Networks inside the block: 2^free, of which there must be as many as are wanted.
    let free = width - prefix - bits;
    if free < u32::BITS && u64::from(count) > 1_u64 << free {
        return Err(wrong(&format!("{block} has no room for {count} networks of {bits} bits")));
    }
    let host = (width - prefix).min(127);
    let first = if prefix == 0 { 0 } else { start >> host << host };
    let networks = (0..count).map(|n| {
        let address = first + u128::from(n).checked_shl(bits).unwrap_or(0);
        match u32::try_from(address) {
            Ok(v4) if width == 32 => format!("{}/{}", Ipv4Addr::from(v4), width - bits),
            _ => format!("{}/{}", Ipv6Addr::from(address), width - bits),
        }
    });
    Ok(networks.collect())
}

/// The availability zones of a region that new accounts see: letters behind the region's name.
///
/// Source: <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html>.
pub(super) fn zones(region: &str) -> Vec<String> {
    let letters = match region {
        "us-east-1" => "abcdef",
        "us-west-1" => "bc",
        "us-west-2" | "ap-northeast-2" => "abcd",
        "ap-northeast-1" => "acd",
        "ca-central-1" => "abd",
        _ => "abc",
    };
    letters.chars().map(|letter| format!("{region}{letter}")).collect()
}

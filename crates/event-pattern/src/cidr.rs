//! Ranges of addresses.

use std::net::IpAddr;

/// An IPv4 or IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let malformed = |why: &str| format!("Malformed CIDR, {why}");
        let (address, bits) = text.split_once('/').ok_or_else(|| malformed("one '/' required"))?;
        if bits.contains('/') {
            return Err(malformed("one '/' required"));
        }
        let bits: u32 = bits.parse().map_err(|_| malformed("mask bits must be an integer"))?;
        let address: IpAddr = address.parse().map_err(|_| format!("Nonstandard IP address: {address}"))?;
        match address {
            IpAddr::V4(_) if bits > 32 => Err("IPv4 mask bits must be < 32".to_owned()),
            IpAddr::V6(_) if bits > 128 => Err("IPv6 mask bits must be < 128".to_owned()),
            _ => Ok(Self { address, bits }),
        }
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        let high = |value: u128, bits: u32| value.checked_shr(bits).unwrap_or(0);
        match (self.address, text.parse()) {
            (IpAddr::V4(own), Ok(IpAddr::V4(other))) => {
                let away = 32 - self.bits;
                high(u128::from(own.to_bits()), away) == high(u128::from(other.to_bits()), away)
            }
            (IpAddr::V6(own), Ok(IpAddr::V6(other))) => {
                let away = 128 - self.bits;
                high(own.to_bits(), away) == high(other.to_bits(), away)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_within_or_not() {
        for (network, address, within) in [
            ("10.0.0.0/24", "10.0.0.255", true),
            ("10.0.0.0/24", "10.0.1.0", false),
            ("10.0.0.7/32", "10.0.0.7", true),
            ("10.0.0.7/32", "10.0.0.8", false),
            ("0.0.0.0/0", "200.1.2.3", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::5", true),
            ("2001:db8::/32", "2001:db9::5", false),
            ("::/0", "::1", true),
            ("10.0.0.0/24", "no address", false),
        ] {
            assert_eq!(Network::parse(network).unwrap().contains(address), within, "{network} {address}");
        }
        for (bad, why) in [
            ("10.0.0.0", "Malformed CIDR, one '/' required"),
            ("10.0.0.0/24/1", "Malformed CIDR, one '/' required"),
            ("10.0.0.0/x", "Malformed CIDR, mask bits must be an integer"),
            ("10.0.0/8", "Nonstandard IP address: 10.0.0"),
            ("10.0.0.0/33", "IPv4 mask bits must be < 32"),
        ] {
            assert_eq!(Network::parse(bad).unwrap_err(), why);
        }
    }
}

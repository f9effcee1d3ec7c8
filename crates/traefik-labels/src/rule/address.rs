use std::net::{IpAddr, Ipv6Addr};

/// Whether Go's `net.ParseIP` or `net.ParseCIDR` takes the text.
pub(super) fn is_address_or_network(text: &str) -> bool {
    parse(text).is_some() || is_network(text)
}

/// An address without a zone.
fn parse(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn is_network(text: &str) -> bool {
    let Some((address, mask)) = text.split_once('/') else { return false };
    let bits = match parse(address) {
        Some(IpAddr::V4(_)) => 32,
        Some(IpAddr::V6(_)) => Ipv6Addr::BITS,
        None => return false,
    };
    mask_bits(mask).is_some_and(|mask| mask <= bits)
}

/// Digits only; leading zeros do not matter, as for Go.
fn mask_bits(digits: &str) -> Option<u32> {
    let sound = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if sound { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_those_of_go() {
        for text in ["10.0.0.1", "10.0.0.0/8", "::1", "fe80::/10", "::ffff:1.2.3.4", "10.0.0.0/08", "::/128"] {
            assert!(is_address_or_network(text), "{text}");
        }
        for text in
            ["", "10.0.0", "010.0.0.1", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "fe80::1%eth0", "::/129", "a"]
        {
            assert!(!is_address_or_network(text), "{text}");
        }
    }
}

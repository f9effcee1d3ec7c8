//! The ports that every machine has an entry point for, without anything being asked for (requirements, section 6).

use std::ops::RangeInclusive;

/// TCP ports of well-known services: entry points `tcp-<port>`.
pub const PRECONFIGURED_TCP: [u16; 7] = [3306, 5432, 6379, 27017, 11211, 5672, 9092];
/// UDP ports of well-known services: entry points `udp-<port>`.
pub const PRECONFIGURED_UDP: [u16; 1] = [53];
/// The range of ports, TCP and UDP, that services get by themselves.
pub const DYNAMIC_PORTS: RangeInclusive<u16> = 10_000..=10_010;

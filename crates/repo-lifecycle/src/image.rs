use std::{fmt, str::FromStr};

/// A size of a disk image, in bytes; at least [`Size::LEAST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

/// A text that is no [`Size`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no size of a disk image; expected a number with M, G or T, at least 64M, e.g. 10G")]
pub struct SizeError(String);

/// What the beginning of a file says of the ext4 file system in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ext4 {
    /// How large it is, in bytes. A file that is shorter is not whole.
    pub length: u64,
    /// Whether the kernel found errors in it.
    pub has_errors: bool,
}

// === impl Size ===

impl Size {
    /// Less than that leaves no room for a daemon.
    pub const LEAST: Self = Self(64 << 20);

    /// The number of bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = SizeError;

    /// Powers of 1024, as with truncate(1): `512M`, `10G`, `1T`; `GiB` and the like mean the same.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let fault = || SizeError(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).ok_or_else(fault)?;
        let shift = match unit {
            "M" | "MiB" => 20,
            "G" | "GiB" => 30,
            "T" | "TiB" => 40,
            _ => return Err(fault()),
        };
        let number: u64 = number.parse().ok().ok_or_else(fault)?;
        let bytes = number.checked_mul(1 << shift).filter(|bytes| *bytes <= 1 << 50).ok_or_else(fault)?;
        if bytes < Self::LEAST.0 { Err(fault()) } else { Ok(Self(bytes)) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.0))
    }
}

/// A number of bytes for people: `10.0 GiB`.
#[must_use]
pub fn shown(bytes: u64) -> String {
    let (divisor, unit) = match bytes {
        0..0x10_0000 => (1 << 10, "KiB"),
        0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
        0x4000_0000..0x100_0000_0000 => (1 << 30, "GiB"),
        _ => (1 << 40, "TiB"),
    };
    // Tenths, without a float: they are for people.
    let tenths = bytes.saturating_mul(10) / divisor;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

// === impl Ext4 ===

impl Ext4 {
    /// So much of a file is needed.
    pub const HEAD: usize = 2048;

    /// Reads the superblock (ext4(5), "struct ext4_super_block"); none: there is no ext4 in it.
    #[must_use]
    pub fn parse(head: &[u8]) -> Option<Self> {
        let block = head.get(1024..2048)?;
        let u16_at = |at: usize| Some(u16::from_le_bytes(block.get(at..at + 2)?.try_into().ok()?));
        let u32_at = |at: usize| Some(u32::from_le_bytes(block.get(at..at + 4)?.try_into().ok()?));
        if u16_at(0x38)? != 0xEF53 {
            return None;
        }
        // 1 KiB to 64 KiB.
        let block_size = 1024_u64.checked_shl(u32_at(0x18)?).filter(|size| *size <= 64 << 10)?;
        let has_64_bits = u32_at(0x60)? & 0x80 != 0;
        let high = if has_64_bits { u64::from(u32_at(0x150)?) << 32 } else { 0 };
        let length = (high | u64::from(u32_at(0x4)?)).checked_mul(block_size)?;
        Some(Self { length, has_errors: u16_at(0x3A)? & 2 != 0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [("64M", 64 << 20), ("10G", 10 << 30), ("2TiB", 2 << 40)] {
            assert_eq!(text.parse::<Size>().unwrap().bytes(), bytes);
        }
        for bad in
            ["", "10", "G", "10g", "63M", "-1G", "1.5G", "99999999999999999999G", "18446744073709551615T", "10 G"]
        {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
        assert_eq!("10G".parse::<Size>().unwrap().to_string(), "10.0 GiB");
        assert_eq!(shown(1_600_000), "1.5 MiB");
    }

    #[test]
    fn superblocks() {
        let mut head = vec![0; 2048];
        assert_eq!(Ext4::parse(&head), None);
        let mut put = |at: usize, bytes: &[u8]| head[1024 + at..1024 + at + bytes.len()].copy_from_slice(bytes);
        put(0x38, &0xEF53_u16.to_le_bytes());
        put(0x4, &1000_u32.to_le_bytes());
        put(0x18, &2_u32.to_le_bytes());
        put(0x150, &1_u32.to_le_bytes());
        assert_eq!(Ext4::parse(&head), Some(Ext4 { length: 4_096_000, has_errors: false }));
        let mut put = |at: usize, bytes: &[u8]| head[1024 + at..1024 + at + bytes.len()].copy_from_slice(bytes);
        put(0x60, &0x80_u32.to_le_bytes());
        put(0x3A, &2_u16.to_le_bytes());
        assert_eq!(Ext4::parse(&head).unwrap(), Ext4 { length: ((1 << 32) + 1000) << 12, has_errors: true });
        assert_eq!(Ext4::parse(&head[..2000]), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*", head in prop::collection::vec(any::<u8>(), 0..2100)) {
            let _ = (text.parse::<Size>(), Ext4::parse(&head));
        }

        #[test]
        fn any_number_can_be_shown(bytes: u64) {
            prop_assert!(!shown(bytes).is_empty());
        }
    }
}

//! Files whose first line says what the rest has to be: `# version 1, sha256 …`. YAML takes it for a comment.

use super::format::{FormatError, hexadecimal};

const VERSION: &str = "1";

/// The payload with its line before it.
pub(super) fn seal(payload: &[u8]) -> Vec<u8> {
    let line = format!("# version {VERSION}, sha256 {}\n", hexadecimal(payload));
    [line.as_bytes(), payload].concat()
}

/// The payload of a file, if it is just as it was written.
pub(super) fn unseal(mut bytes: Vec<u8>) -> Result<Vec<u8>, FormatError> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(FormatError::Unsealed)?;
    let payload = bytes.split_off(end + 1);
    let line = str::from_utf8(&bytes).map_err(|_not_text| FormatError::Unsealed)?;
    let (version, sum) = line
        .strip_prefix("# version ")
        .and_then(|rest| rest.trim_end().split_once(", sha256 "))
        .ok_or(FormatError::Unsealed)?;
    if version != VERSION {
        return Err(version.parse().map_or(FormatError::Unsealed, FormatError::Version));
    }
    if sum != hexadecimal(&payload) {
        return Err(FormatError::Checksum);
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_read_and_every_flipped_bit_and_cut_is_recognised() {
        for payload in [&b""[..], b"http:\n  routers: {}\n", b"\n\n"] {
            let sealed = seal(payload);
            assert_eq!(unseal(sealed.clone()).unwrap(), payload);
            for bit in 0..sealed.len() * 8 {
                let mut damaged = sealed.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(unseal(damaged).is_err(), "bit {bit}");
            }
            for end in 0..sealed.len() {
                assert!(unseal(sealed[..end].to_vec()).is_err(), "{end} bytes");
            }
        }
        assert!(matches!(unseal(b"# version 2, sha256 x\n".to_vec()), Err(FormatError::Version(2))));
    }
}

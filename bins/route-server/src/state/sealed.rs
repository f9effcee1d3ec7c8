//! Files whose first line says what the rest has to be: `# version 1, sha256 …`. YAML takes it for a comment.

use super::format::{FormatError, hexadecimal};

const VERSION: u32 = 1;
const HEAD: &str = "# version ";

/// The version that the first line says, whatever may stand behind it.
pub(super) fn version_of(bytes: &[u8]) -> Option<u32> {
    let line = str::from_utf8(bytes.split(|byte| *byte == b'\n').next()?).ok()?;
    line.strip_prefix(HEAD)?.split(',').next()?.parse().ok()
}

/// The payload with its line before it.
pub(super) fn seal(payload: &[u8]) -> Vec<u8> {
    let line = format!("{HEAD}{VERSION}, sha256 {}\n", hexadecimal(payload));
    [line.as_bytes(), payload].concat()
}

/// The payload of a file, if it is just as it was written.
pub(super) fn unseal(mut bytes: Vec<u8>) -> Result<Vec<u8>, FormatError> {
    match version_of(&bytes) {
        Some(VERSION) => {}
        Some(version) => return Err(FormatError::Version(version)),
        None => return Err(FormatError::Unsealed),
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(FormatError::Unsealed)?;
    let payload = bytes.split_off(end + 1);
    let line = str::from_utf8(&bytes).map_err(|_not_text| FormatError::Unsealed)?;
    let (_, sum) = line.trim_end().split_once(", sha256 ").ok_or(FormatError::Unsealed)?;
    if sum != hexadecimal(&payload) {
        return Err(FormatError::Checksum);
    }
    Ok(payload)
}

/// The same of a text.
pub(super) fn unseal_text(bytes: Vec<u8>) -> Result<String, FormatError> {
    String::from_utf8(unseal(bytes)?).map_err(|_not_text| FormatError::Unsealed)
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

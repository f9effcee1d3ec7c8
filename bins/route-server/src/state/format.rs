use route_synthesis::Ledger;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// The form that is written. Older ones are read for as long as there are machines that have them.
const VERSION: u32 = 1;

/// One line of JSON; the checksum is that of the ledger's text as it stands there.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    version: u32,
    sha256: String,
    #[serde(borrow)]
    ledger: &'a RawValue,
}

/// Why a file is no ledger.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    /// It is cut off or not JSON at all, or what belongs into it is not there.
    #[error("not a ledger")]
    Syntax(#[source] serde_json::Error),
    /// A version of the program wrote it that came after this one.
    #[error("its version {0} is not known to this program")]
    Version(u32),
    /// It was changed after it was written.
    #[error("its checksum does not hold")]
    Checksum,
    /// Its first line does not say what the rest has to be.
    #[error("its first line is not as it was written")]
    Unsealed,
    /// It was written like that.
    #[error("its content makes no sense")]
    Content(#[source] serde_json::Error),
}

// === impl FormatError ===

impl FormatError {
    /// Whether a program that came after this one wrote it, which will want to have it again.
    pub(super) fn is_newer(&self) -> bool {
        matches!(self, Self::Version(1..))
    }
}

/// The written form of a ledger.
pub(super) fn encode(ledger: &Ledger) -> serde_json::Result<Vec<u8>> {
    let payload = serde_json::value::to_raw_value(ledger)?;
    let envelope = Envelope { version: VERSION, sha256: checksum(&payload), ledger: &payload };
    let mut bytes = serde_json::to_vec(&envelope)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The ledger of a written form, if it is just as it was written.
pub(super) fn decode(bytes: &[u8]) -> Result<Ledger, FormatError> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(FormatError::Syntax)?;
    if envelope.version != VERSION {
        return Err(FormatError::Version(envelope.version));
    }
    if envelope.sha256 != checksum(envelope.ledger) {
        return Err(FormatError::Checksum);
    }
    serde_json::from_str(envelope.ledger.get()).map_err(FormatError::Content)
}

fn checksum(payload: &RawValue) -> String {
    hexadecimal(payload.get().as_bytes())
}

/// The SHA-256 of these bytes, in hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use container_snapshot::Timestamp;
    use route_synthesis::{Allocation, Claim, EntryPointClaims, Protocol};

    use super::*;

    fn full() -> Ledger {
        let (id, other) = (2816.try_into().unwrap(), 2880.try_into().unwrap());
        let at = Timestamp::from_millis;
        let claim = Claim { unused_since: Some(at(7)), ..Claim::new(id, at(5)) };
        let mut ledger = Ledger::default();
        ledger.assign("*.example.org".parse().unwrap(), id, at(3));
        // What a rule once named need not be a host name.
        ledger.hosts.insert(String::from("b\"\\\n\u{e9}").try_into().unwrap(), claim);
        let claims = EntryPointClaims { exclusive: Some(claim), shared: [(other, Claim::new(other, at(1)))].into() };
        ledger.entry_points.insert("tcp-5432".to_owned(), claims);
        ledger.ports.push(Allocation {
            protocol: Protocol::Udp,
            public: 10_000,
            network_id: id,
            service: "dns".to_owned(),
            port: 53,
            since: at(1),
            unused_since: None,
        });
        ledger.certificates.insert(id, [("app.example.org".to_owned(), at(9))].into());
        ledger
    }

    #[test]
    fn what_is_written_is_read() {
        for ledger in [Ledger::default(), full()] {
            assert_eq!(decode(&encode(&ledger).unwrap()).unwrap(), ledger);
        }
    }

    #[test]
    fn a_file_that_was_cut_off_is_recognised() {
        let bytes = encode(&full()).unwrap();
        // Without its last byte, the line's end, nothing is lost.
        for end in 0..bytes.len() - 1 {
            assert!(matches!(decode(&bytes[..end]), Err(FormatError::Syntax(_))), "{end} bytes");
        }
    }

    #[test]
    fn each_flipped_bit_is_recognised() {
        let bytes = encode(&full()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged).is_err(), "bit {bit}: {}", String::from_utf8_lossy(&damaged));
        }
    }

    #[test]
    fn what_a_later_version_wrote_is_not_mistaken() {
        let text = String::from_utf8(encode(&full()).unwrap()).unwrap().replace("\"version\":1", "\"version\":2");
        assert!(matches!(decode(text.as_bytes()), Err(FormatError::Version(2))));
    }
}

//! The certificate that a client gets for a name, whatever it is worth.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use certificate_check::Certificate;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A handshake takes three or four.
const STEPS: usize = 20;

/// Takes every certificate: it is to be looked at, and nothing is sent.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

/// Connects, and says which host it wants.
pub(super) fn certificate(server: SocketAddr, host: &str) -> Result<Certificate, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.dangerous();
    let config = config.with_custom_certificate_verifier(Arc::new(Anything(provider))).with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    let told = |error: io::Error| format!("no TLS on {server}: {error}");
    let mut socket = TcpStream::connect_timeout(&server, PATIENCE).map_err(told)?;
    socket.set_read_timeout(Some(PATIENCE)).and_then(|()| socket.set_write_timeout(Some(PATIENCE))).map_err(told)?;
    // One that drips is given up by the number of steps.
    for _ in 0..STEPS {
        if !connection.is_handshaking() {
            break;
        }
        connection.complete_io(&mut socket).map_err(told)?;
    }
    let leaf = connection.peer_certificates().and_then(<[_]>::first).map(|leaf| leaf.as_ref().to_owned());
    connection.send_close_notify();
    // Whether it hears of the end does not matter.
    let _ = connection.write_tls(&mut socket);
    let leaf = leaf.ok_or_else(|| "the server shows no certificate".to_owned())?;
    Certificate::from_der(&leaf).map_err(|error| error.to_string())
}

// === impl Anything ===

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, leaf, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, leaf, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

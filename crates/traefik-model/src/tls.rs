//! TLS certificates, options and stores, and the pieces that several sections share.

use std::collections::BTreeMap;

use crate::{
    macros::schema,
    role::{Domain, HostFile, ResolverRef, StoreRef},
};

schema! {
    /// The `tls` section.
    Tls = "dynamic.TLSConfiguration" {
        certificates: Vec<CertAndStores> = "certificates" as "[]*tls.CertAndStores" [no_label],
        options: BTreeMap<String, Options> = "options" as "map[string]tls.Options" [no_label],
        stores: BTreeMap<String, Store> = "stores" as "map[string]tls.Store",
    }
}

schema! {
    /// A certificate and the stores that it is in.
    CertAndStores = "tls.CertAndStores" {
        cert_file: HostFile = "certFile" as "types.FileOrContent",
        key_file: HostFile = "keyFile" as "types.FileOrContent",
        stores: Vec<StoreRef> = "stores" as "[]string",
    }
}

schema! {
    /// TLS options.
    Options = "tls.Options" {
        min_version: String = "minVersion" as "string",
        max_version: String = "maxVersion" as "string",
        cipher_suites: Vec<String> = "cipherSuites" as "[]string",
        curve_preferences: Vec<String> = "curvePreferences" as "[]string",
        client_auth: ClientAuth = "clientAuth" as "tls.ClientAuth",
        sni_strict: bool = "sniStrict" as "bool",
        alpn_protocols: Vec<String> = "alpnProtocols" as "[]string",
        disable_session_tickets: bool = "disableSessionTickets" as "bool",
        prefer_server_cipher_suites: Option<bool> = "preferServerCipherSuites" as "*bool",
    }
    defaults {
        cipher_suites: vec!["TLS_AES_128_GCM_SHA256".into(), "TLS_AES_256_GCM_SHA384".into(), "TLS_CHACHA20_POLY1305_SHA256".into(), "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA".into(), "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA".into(), "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA".into(), "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA".into(), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".into(), "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384".into(), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".into(), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".into(), "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256".into(), "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256".into()],
        alpn_protocols: vec!["h2".into(), "http/1.1".into(), "acme-tls/1".into()],
    }
}

schema! {
    /// Client certificates.
    ClientAuth = "tls.ClientAuth" {
        ca_files: Vec<HostFile> = "caFiles" as "[]types.FileOrContent",
        client_auth_type: String = "clientAuthType" as "string",
    }
}

schema! {
    /// A certificate store.
    Store = "tls.Store" {
        default_certificate: Option<Box<Certificate>> = "defaultCertificate" as "*tls.Certificate" [no_label],
        default_generated_cert: Option<Box<GeneratedCert>> = "defaultGeneratedCert" as "*tls.GeneratedCert",
    }
}

schema! {
    /// A default certificate that a resolver obtains.
    GeneratedCert = "tls.GeneratedCert" {
        resolver: ResolverRef = "resolver" as "string",
        domain: Option<Box<CertificateDomain>> = "domain" as "*types.Domain",
    }
}

schema! {
    /// A certificate and its key.
    Certificate = "tls.Certificate" {
        cert_file: HostFile = "certFile" as "types.FileOrContent",
        key_file: HostFile = "keyFile" as "types.FileOrContent",
    }
}

schema! {
    /// The names of one certificate.
    CertificateDomain = "types.Domain" {
        main: Domain = "main" as "string",
        sans: Vec<Domain> = "sans" as "[]string",
    }
}

schema! {
    /// TLS towards another server.
    ClientTls = "types.ClientTLS" {
        ca: HostFile = "ca" as "string",
        cert: HostFile = "cert" as "string",
        key: HostFile = "key" as "string",
        insecure_skip_verify: bool = "insecureSkipVerify" as "bool",
    }
}

schema! {
    /// SPIFFE authentication.
    Spiffe = "dynamic.Spiffe" {
        ids: Vec<String> = "ids" as "[]string",
        trust_domain: String = "trustDomain" as "string",
    }
}

schema! {
    /// Passes health states on between services.
    ServiceHealthCheck = "dynamic.HealthCheck" {

    }
}

//! From what an operator says about a machine ([`Infra`]) to the files that Traefik and the route server start with.
//! Functions of values: who reads and writes the files, and finds out the machine's addresses, is the caller's part. Only
//! [`DefaultCertificate::generate`] makes another value each time.
//!
//! ```
//! use traefik_static::{Addresses, DefaultCertificate, Directories, Infra, Secrets, entry_points, files};
//! let infra = Infra::parse(r#"{"public_ipv4": "203.0.113.50", "base_domain": "example.com"}"#)?;
//! let addresses = Addresses { ipv4: Some("203.0.113.50".parse()?), ipv6: None };
//! let certificate = DefaultCertificate::generate()?;
//! let secrets = Secrets { poll: "0123456789abcdef".to_owned(), api: "fedcba9876543210".to_owned(), certificate };
//! let files = files(&infra, &entry_points(&infra, addresses), &secrets, &Directories::default())?;
//! let traefik = files.iter().find(|file| file.name == "traefik.yml").unwrap();
//! assert!(traefik.text.contains("address: 203.0.113.50:443"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod default_certificate;
mod entry_points;
mod files;
mod infra;
mod proof;
mod static_configuration;

pub use default_certificate::{DefaultCertificate, DefaultCertificateError};
pub use entry_points::{EntryPoint, SOCKET_UNIT, SocketUnit, Transport, entry_points};
pub use files::{Directories, Reader, Secrets, StaticFile, files};
pub use infra::{Addresses, Infra, InfraError};
pub use proof::{DnsProvider, Proof};

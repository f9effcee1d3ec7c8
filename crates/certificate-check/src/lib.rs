//! Why there is no certificate, as a function of values: what Traefik stored (`acme.json`), which orders failed (its
//! log), what a server shows; and for each cause what to do.
//!
//! ```
//! let log = r#"{"level":"error","message":"Unable to obtain ACME certificate for domains","domains":["app.example.com"],
//!     "error":"… cloudflare: failed to find zone example.com.: zone could not be found]","time":"2026-01-02T03:04:05Z"}"#;
//! let orders = certificate_check::failed_orders(&log.replace('\n', ""));
//! assert_eq!(orders[0].domains, ["app.example.com"]);
//! assert!(certificate_check::cure(&orders[0].cause).contains("the token's account"));
//! ```

mod certificate;
mod orders;
mod stored;

pub use certificate::{Certificate, CertificateError};
pub use orders::{FailedOrder, cure, failed_orders};
pub use stored::{Stored, StoredError, stored};

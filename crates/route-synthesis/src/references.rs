//! References stay inside their repository: every text of the model with a role is seen, and either rewritten to
//! the published name, left, or refused.

use repo_network::NetworkId;
use traefik_model::{Role, Visitor};

use crate::{FindingCode, Policy, addresses::Addresses, names::published};

/// Rewrites what one router, service or middleware refers to.
pub(crate) struct Rewriter<'a> {
    id: NetworkId,
    policy: &'a Policy,
    addresses: &'a Addresses,
    path: Vec<String>,
    /// What was refused: the code, the field and the reason.
    pub(crate) refused: Vec<(FindingCode, String, String)>,
    /// What was left, although it will not do what was meant.
    pub(crate) doubted: Vec<(FindingCode, String, String)>,
}

/// Collects what one router, service or middleware refers to.
#[derive(Default)]
pub(crate) struct References {
    pub(crate) services: Vec<String>,
    pub(crate) middlewares: Vec<String>,
}

// === impl Rewriter ===

impl<'a> Rewriter<'a> {
    pub(crate) fn new(id: NetworkId, policy: &'a Policy, addresses: &'a Addresses) -> Self {
        Self { id, policy, addresses, path: Vec::new(), refused: Vec::new(), doubted: Vec::new() }
    }

    fn refuse(&mut self, code: FindingCode, message: String) {
        self.refused.push((code, self.path.join("."), message));
    }

    /// A service or middleware: its own repository's, or one that the operator allows.
    fn internal(&mut self, text: &mut String) {
        let name = text.strip_suffix("@docker").or_else(|| text.strip_suffix("@http")).unwrap_or(text);
        if !name.contains('@') {
            *text = published(name, self.id);
        } else if !self.policy.allowed_references.contains(text.as_str()) {
            let message = format!("{text:?} is outside the repository, and the operator does not allow it");
            self.refuse(FindingCode::ForeignReference, message);
        }
    }

    /// Where Traefik itself would connect to.
    fn address(&mut self, text: &mut String) {
        match self.addresses.checked(text) {
            Ok(checked) => *text = checked,
            Err(message) => self.refuse(FindingCode::ForeignAddress, message),
        }
    }

    /// The name of a certificate: as Traefik reads it, which is without spaces around it, and as it is owned.
    fn domain(&mut self, text: &mut String) {
        text.truncate(text.trim_end().len());
        text.drain(..text.len() - text.trim_start().len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*');
        if !text.bytes().all(plain) {
            let message = format!(
                "{text:?} is no name of a certificate: letters, digits, dashes and dots only (others in their form with xn--)"
            );
            self.refuse(FindingCode::BadName, message);
        }
    }

    /// Something that no label can define: only what the operator allows.
    fn external(&mut self, text: &str, what: &str) {
        if !self.policy.allowed_references.contains(text) {
            let message = format!("{what} {text:?}: labels can define none, and the operator does not allow this one");
            self.refuse(FindingCode::ForeignReference, message);
        }
    }
}

impl Visitor for Rewriter<'_> {
    fn enter(&mut self, name: &str) {
        self.path.push(name.to_owned());
    }

    fn leave(&mut self) {
        self.path.pop();
    }

    fn text(&mut self, role: Role, text: &mut String) {
        if text.is_empty() {
            return;
        }
        match role {
            Role::ServiceRef | Role::MiddlewareRef => self.internal(text),
            // `default` is Traefik's own, and must not be renamed.
            Role::TlsOptionsRef if text == "default" => {}
            Role::TlsOptionsRef => self.external(text, "TLS options"),
            Role::TransportRef => self.external(text, "servers transport"),
            Role::ResolverRef if !self.policy.resolvers.contains(text) => {
                let message = format!(
                    "certificate resolver {text:?} does not exist: clients will see Traefik's default certificate"
                );
                self.doubted.push((FindingCode::UnknownResolver, self.path.join("."), message));
            }
            Role::Address => self.address(text),
            Role::BackendPath if !text.starts_with('/') || text.starts_with("//") || text.contains('\\') => {
                let message = format!("{text:?} is no path: it could lead to another server");
                self.refuse(FindingCode::ForeignAddress, message);
            }
            Role::Domain => self.domain(text),
            Role::HostFile => {
                self.refuse(FindingCode::HostFile, "labels cannot make Traefik read files of the machine".to_owned());
            }
            // What labels cannot define, and nothing here publishes.
            Role::RouterRef | Role::StoreRef => {
                self.refuse(FindingCode::NotShared, format!("{text:?} is shared by the whole machine"));
            }
            // Built from checked parts before, or checked with the router.
            Role::BackendAddress | Role::BackendPort | Role::BackendUrl => {}
            // A health check's scheme becomes part of a URL as it is.
            Role::BackendScheme if !matches!(text.as_str(), "http" | "https" | "h2c") => {
                let message = format!("{text:?} is no scheme; expected http, https or h2c");
                self.refuse(FindingCode::BadScheme, message);
            }
            Role::BackendScheme => {}
            Role::EntryPointRef | Role::HttpRule | Role::TcpRule => {}
            // For clients or for the container itself, not for Traefik.
            Role::HostHeader | Role::PublicUrl | Role::Secret => {}
            Role::ResolverRef | Role::BackendPath => {}
        }
    }
}

// === impl References ===

impl Visitor for References {
    fn enter(&mut self, _: &str) {}

    fn leave(&mut self) {}

    fn text(&mut self, role: Role, text: &mut String) {
        let inside = !text.is_empty() && !text.contains('@');
        match role {
            Role::ServiceRef if inside => self.services.push(text.clone()),
            Role::MiddlewareRef if inside => self.middlewares.push(text.clone()),
            _ => {}
        }
    }
}

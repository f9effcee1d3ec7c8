use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use traefik_static::{Infra, InfraError};

use crate::Target;

/// The name of a context: letters, digits, `.`, `-` and `_`, at most 63.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContextName(String);

/// A machine, as its operator knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// How it is reached.
    pub target: Target,
    /// What its proxy is to be like.
    #[serde(default)]
    pub infra: Infra,
}

/// All machines of an operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contexts {
    #[serde(default)]
    contexts: BTreeMap<ContextName, Context>,
    /// The one that is meant where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<ContextName>,
}

/// What `set-infra` was given; what it was not given stays. An empty text or list takes the old value away.
#[derive(Clone, Default)]
pub struct InfraChange {
    /// `--public-ipv4`
    pub public_ipv4: Option<String>,
    /// `--public-ipv6`
    pub public_ipv6: Option<String>,
    /// `--base-domain`
    pub base_domain: Option<String>,
    /// `--cert-email`
    pub cert_email: Option<String>,
    /// `--cf-dns-token`
    pub cf_dns_api_token: Option<String>,
    /// `--tcp-ports`
    pub tcp_ports: Option<BTreeSet<u16>>,
    /// `--udp-ports`
    pub udp_ports: Option<BTreeSet<u16>>,
    /// `--acme-server`
    pub acme_server: Option<String>,
}

/// What is wrong with a name or a change.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// No name.
    #[error("{0:?} is no name of a context; expected letters, digits, ., - and _, e.g. server-1")]
    Name(String),
    /// There is one of this name.
    #[error("there is a context {0} already; `rdc context delete {0}` makes room")]
    Taken(ContextName),
    /// None is named, and none was chosen.
    #[error("which machine? Name it with -m NAME, or choose one for good with `rdc context use NAME`")]
    NoneChosen,
    /// There is none.
    #[error("there is no context {0}; make it with `rdc context create {0} --ssh root@ADDRESS` (or --local)")]
    Unknown(ContextName),
    /// A text is no address.
    #[error("--{flag} {text:?} is no {kind} address")]
    Address {
        /// The flag.
        flag: &'static str,
        /// What it was given.
        text: String,
        /// IPv4 or IPv6.
        kind: &'static str,
    },
    /// The result makes no sense.
    #[error(transparent)]
    Infra(#[from] InfraError),
}

// === impl Contexts ===

impl Contexts {
    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ContextName, &Context)> {
        self.contexts.iter()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`ContextError::Unknown`], with the command that makes it.
    pub fn get(&self, name: &ContextName) -> Result<&Context, ContextError> {
        self.contexts.get(name).ok_or_else(|| ContextError::Unknown(name.clone()))
    }

    /// Enters a machine.
    ///
    /// # Errors
    /// [`ContextError::Taken`].
    pub fn create(&mut self, name: ContextName, target: Target) -> Result<(), ContextError> {
        if self.contexts.contains_key(&name) {
            return Err(ContextError::Taken(name));
        }
        self.contexts.insert(name, Context { target, infra: Infra::default() });
        Ok(())
    }

    /// Forgets a machine, and with it what its proxy was to be like.
    ///
    /// # Errors
    /// [`ContextError::Unknown`].
    pub fn delete(&mut self, name: &ContextName) -> Result<(), ContextError> {
        self.contexts.remove(name).ok_or_else(|| ContextError::Unknown(name.clone()))?;
        self.current.take_if(|current| current == name);
        Ok(())
    }

    /// Chooses the one that is meant where none is named.
    ///
    /// # Errors
    /// [`ContextError::Unknown`].
    pub fn choose(&mut self, name: &ContextName) -> Result<(), ContextError> {
        self.get(name)?;
        self.current = Some(name.clone());
        Ok(())
    }

    /// The name that is given, else the one that was chosen.
    ///
    /// # Errors
    /// [`ContextError::NoneChosen`].
    pub fn meant(&self, given: Option<&ContextName>) -> Result<ContextName, ContextError> {
        given.or(self.current.as_ref()).cloned().ok_or(ContextError::NoneChosen)
    }

    /// Changes what a machine's proxy is to be like. A change that makes no sense changes nothing.
    ///
    /// # Errors
    /// [`ContextError`] for an unknown machine, and for the first thing that makes no sense.
    pub fn set_infra(&mut self, name: &ContextName, change: InfraChange) -> Result<(), ContextError> {
        let context = self.contexts.get_mut(name).ok_or_else(|| ContextError::Unknown(name.clone()))?;
        context.infra = change.applied(context.infra.clone())?;
        Ok(())
    }
}

// === impl InfraChange ===

impl InfraChange {
    fn applied(self, mut infra: Infra) -> Result<Infra, ContextError> {
        fn address<T: FromStr>(
            flag: &'static str,
            kind: &'static str,
            text: String,
        ) -> Result<Option<T>, ContextError> {
            match text.as_str() {
                "" => Ok(None),
                _ => text.parse().map(Some).map_err(|_none| ContextError::Address { flag, text, kind }),
            }
        }
        let text = |text: String| Some(text).filter(|text| !text.is_empty());
        if let Some(given) = self.public_ipv4 {
            infra.public_ipv4 = address("public-ipv4", "IPv4", given)?;
        }
        if let Some(given) = self.public_ipv6 {
            infra.public_ipv6 = address("public-ipv6", "IPv6", given)?;
        }
        for (given, value) in [
            (self.base_domain, &mut infra.base_domain),
            (self.cert_email, &mut infra.cert_email),
            (self.cf_dns_api_token, &mut infra.cf_dns_api_token),
            (self.acme_server, &mut infra.acme_server),
        ] {
            if let Some(given) = given {
                *value = text(given);
            }
        }
        infra.tcp_ports = self.tcp_ports.unwrap_or(infra.tcp_ports);
        infra.udp_ports = self.udp_ports.unwrap_or(infra.udp_ports);
        infra.check()?;
        Ok(infra)
    }
}

// === impl ContextName ===

impl FromStr for ContextName {
    type Err = ContextError;

    fn from_str(text: &str) -> Result<Self, ContextError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let good = (1..=63).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['-', '.']);
        if good { Ok(Self(text.to_owned())) } else { Err(ContextError::Name(text.to_owned())) }
    }
}

impl TryFrom<String> for ContextName {
    type Error = ContextError;

    fn try_from(text: String) -> Result<Self, ContextError> {
        text.parse()
    }
}

impl From<ContextName> for String {
    fn from(name: ContextName) -> Self {
        name.0
    }
}

impl fmt::Display for ContextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ContextName {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_not_given_stays_and_what_is_empty_goes() {
        let mut contexts = Contexts::default();
        contexts.create(name("a"), Target::Local).unwrap();
        let some = |text: &str| Some(text.to_owned());
        let first = InfraChange {
            public_ipv4: some("203.0.113.50"),
            base_domain: some("example.com"),
            cf_dns_api_token: some("t0ken"),
            tcp_ports: Some([25, 465].into()),
            ..InfraChange::default()
        };
        contexts.set_infra(&name("a"), first).unwrap();
        let second = InfraChange { tcp_ports: Some([587].into()), base_domain: some(""), ..InfraChange::default() };
        contexts.set_infra(&name("a"), second).unwrap();
        let infra = &contexts.get(&name("a")).unwrap().infra;
        assert_eq!((infra.tcp_ports.clone(), infra.base_domain.clone()), ([587].into(), None));
        assert_eq!(infra.cf_dns_api_token.as_deref(), Some("t0ken"));
        let before = contexts.clone();
        for bad in [
            InfraChange { public_ipv4: some("x"), ..InfraChange::default() },
            InfraChange { base_domain: some("a b"), cert_email: some("a@b.c"), ..InfraChange::default() },
        ] {
            contexts.set_infra(&name("a"), bad).unwrap_err();
            assert_eq!(contexts, before);
        }
        contexts.set_infra(&name("a"), InfraChange { tcp_ports: Some([].into()), ..InfraChange::default() }).unwrap();
        assert!(contexts.get(&name("a")).unwrap().infra.tcp_ports.is_empty());
    }

    #[test]
    fn the_chosen_one_is_meant_until_it_is_forgotten() {
        let mut contexts = Contexts::default();
        contexts.choose(&name("a")).unwrap_err();
        contexts.create(name("a"), Target::Local).unwrap();
        assert!(contexts.meant(None).unwrap_err().to_string().contains("rdc context use NAME"));
        contexts.choose(&name("a")).unwrap();
        assert_eq!(contexts.meant(None).unwrap(), name("a"));
        assert_eq!(contexts.meant(Some(&name("b"))).unwrap(), name("b"));
        contexts.delete(&name("a")).unwrap();
        contexts.meant(None).unwrap_err();
    }

    #[test]
    fn an_unknown_one_is_answered_with_the_command_that_makes_it() {
        let error = Contexts::default().set_infra(&name("server-1"), InfraChange::default()).unwrap_err();
        assert!(error.to_string().contains("rdc context create server-1 --ssh root@ADDRESS"), "{error}");
    }
}

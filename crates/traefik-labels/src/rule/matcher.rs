use serde::{Deserialize, Serialize};

use super::{Protocol, Syntax};

macro_rules! matchers {
    ($($(#[$doc:meta])* $kind:ident $name:literal $title:literal,)*) => {
        /// A matcher that Traefik knows, in any protocol and syntax.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum MatcherKind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)*
        }

        impl MatcherKind {
            /// The name as the documentation spells it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// The name with a capital at its beginning only, which Traefik also takes.
            const fn title(self) -> &'static str {
                match self {
                    $(Self::$kind => $title,)*
                }
            }
        }
    };
}

matchers! {
    /// The client's address or network.
    ClientIp "ClientIP" "Clientip",
    /// The HTTP method.
    Method "Method" "Method",
    /// The host name of a request.
    Host "Host" "Host",
    /// The same, under its name of v1.
    HostHeader "HostHeader" "Hostheader",
    /// The host name, by an expression (v3) or a template (v2).
    HostRegexp "HostRegexp" "Hostregexp",
    /// The whole path.
    Path "Path" "Path",
    /// The path, by an expression.
    PathRegexp "PathRegexp" "Pathregexp",
    /// The beginning of the path.
    PathPrefix "PathPrefix" "Pathprefix",
    /// A header.
    Header "Header" "Header",
    /// A header, by an expression.
    HeaderRegexp "HeaderRegexp" "Headerregexp",
    /// A header (v2).
    Headers "Headers" "Headers",
    /// A header, by an expression (v2).
    HeadersRegexp "HeadersRegexp" "Headersregexp",
    /// A parameter of the query.
    Query "Query" "Query",
    /// A parameter of the query, by an expression.
    QueryRegexp "QueryRegexp" "Queryregexp",
    /// The host name that a TLS client asks for.
    HostSni "HostSNI" "Hostsni",
    /// The same, by an expression (v3) or a template (v2).
    HostSniRegexp "HostSNIRegexp" "Hostsniregexp",
    /// A protocol that a TLS client offers.
    Alpn "ALPN" "Alpn",
}

/// How many arguments a matcher takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arity {
    One,
    OneOrTwo,
    Two,
    Any,
    Pairs,
}

use MatcherKind as M;

const HTTP_V3: &[MatcherKind] = &[
    M::ClientIp,
    M::Method,
    M::Host,
    M::HostRegexp,
    M::Path,
    M::PathRegexp,
    M::PathPrefix,
    M::Header,
    M::HeaderRegexp,
    M::Query,
    M::QueryRegexp,
];
const HTTP_V2: &[MatcherKind] = &[
    M::Host,
    M::HostHeader,
    M::HostRegexp,
    M::ClientIp,
    M::Path,
    M::PathPrefix,
    M::Method,
    M::Headers,
    M::HeadersRegexp,
    M::Query,
];
const TCP: &[MatcherKind] = &[M::Alpn, M::ClientIp, M::HostSni, M::HostSniRegexp];

/// The matchers of a protocol and syntax.
pub(super) const fn known(protocol: Protocol, syntax: Syntax) -> &'static [MatcherKind] {
    match (protocol, syntax) {
        (Protocol::Http, Syntax::V3) => HTTP_V3,
        (Protocol::Http, Syntax::V2) => HTTP_V2,
        (Protocol::Tcp, _) => TCP,
    }
}

// === impl MatcherKind ===

impl MatcherKind {
    /// The matcher of this name: as documented, all lower case, all upper case, or with one capital.
    pub(super) fn find(known: &[Self], name: &str) -> Option<Self> {
        known.iter().copied().find(|kind| kind.is_spelled(name))
    }

    fn is_spelled(self, name: &str) -> bool {
        let own = self.name();
        own.eq_ignore_ascii_case(name)
            && (name == own
                || name == self.title()
                || name.bytes().all(|b| b.is_ascii_lowercase())
                || name.bytes().all(|b| b.is_ascii_uppercase()))
    }

    pub(super) const fn arity(self, syntax: Syntax) -> Arity {
        match (self, syntax) {
            (Self::Headers | Self::HeadersRegexp, Syntax::V2) => Arity::Pairs,
            (_, Syntax::V2) => Arity::Any,
            (Self::Header | Self::HeaderRegexp, Syntax::V3) => Arity::Two,
            (Self::Query | Self::QueryRegexp, Syntax::V3) => Arity::OneOrTwo,
            (_, Syntax::V3) => Arity::One,
        }
    }

    /// Whether its arguments are exact host names (or `*`, or `*.` and a name, in v3).
    pub(super) const fn names_hosts(self) -> bool {
        matches!(self, Self::Host | Self::HostHeader | Self::HostSni)
    }

    /// Whether its arguments are patterns of host names.
    pub(super) const fn describes_hosts(self) -> bool {
        matches!(self, Self::HostRegexp | Self::HostSniRegexp)
    }
}

// === impl Arity ===

impl Arity {
    pub(super) const fn allows(self, count: usize) -> bool {
        match self {
            Self::One => count == 1,
            Self::OneOrTwo => count == 1 || count == 2,
            Self::Two => count == 2,
            Self::Any => count > 0,
            Self::Pairs => count > 0 && count.is_multiple_of(2),
        }
    }

    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::One => "exactly one argument",
            Self::OneOrTwo => "one argument or two",
            Self::Two => "exactly two arguments",
            Self::Any => "at least one argument",
            Self::Pairs => "pairs of arguments",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_spellings_of_a_name_are_known() {
        let find = |name| MatcherKind::find(HTTP_V3, name);
        for name in ["HostRegexp", "hostregexp", "HOSTREGEXP", "Hostregexp"] {
            assert_eq!(find(name), Some(M::HostRegexp), "{name}");
        }
        for name in ["hostRegexp", "HosT", "hOST", "HostHeader", ""] {
            assert_eq!(find(name), None, "{name}");
        }
    }
}

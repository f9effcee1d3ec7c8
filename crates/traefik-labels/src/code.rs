use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of problem it is. A code keeps its meaning for good: a new kind gets a new code,
        /// and one that is no longer raised is not used again.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable text, e.g. `TL001`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

// TL0xx: labels. TL1xx: rules.
codes! {
    /// A key that Traefik does not know at this place.
    UnknownField = "TL001",
    /// A key with an empty segment, a bracket at the wrong place, or another root than `traefik`.
    MalformedKey = "TL002",
    /// A section that needs fields of its own, written as if it were a value.
    Standalone = "TL003",
    /// Something below a key that holds a plain value.
    BelowValue = "TL004",
    /// A value that is no boolean.
    NotABool = "TL005",
    /// A value that is no whole number, or one that is too large.
    NotANumber = "TL006",
    /// A value that is no duration.
    NotADuration = "TL007",
    /// More, longer or deeper labels than anybody writes.
    TooLarge = "TL008",
    /// A rule that is no expression of matchers, `&&`, `||`, `!` and parentheses.
    RuleSyntax = "TL101",
    /// Text in a rule in other quotes than backquotes or double quotes, in none, or not closed.
    RuleQuotes = "TL102",
    /// A matcher that Traefik does not know here.
    UnknownMatcher = "TL103",
    /// A matcher with too few or too many arguments, or with an empty one.
    MatcherArity = "TL104",
    /// A matcher's argument that is no host name.
    NotAHost = "TL105",
    /// A matcher's argument that is no path.
    NotAPath = "TL106",
    /// A matcher's argument that is no regular expression of Go.
    NotARegexp = "TL107",
    /// A matcher's argument that is no IP address and no network.
    NotAnAddress = "TL108",
    /// A matcher's argument that Traefik keeps for itself, or that it cannot take apart.
    BadArgument = "TL109",
    /// A rule that is longer, deeper or has more branches than anybody writes.
    RuleTooLarge = "TL110",
    /// A TCP rule for a host name on a router without TLS.
    SniWithoutTls = "TL111",
    /// A matcher, or a whole branch, that no request can match.
    NeverMatches = "TL120",
    /// A host name with a dot at its end.
    TrailingDot = "TL121",
    /// Rule syntax of Traefik v2 where v3 is read: legal, with another meaning.
    OldRuleSyntax = "TL122",
    /// A regular expression that matches anywhere in the host name.
    UnanchoredRegexp = "TL123",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

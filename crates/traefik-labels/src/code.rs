use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of problem it is.
        ///
        /// **Stability.** A code keeps its meaning for good: a new kind gets a new code, and one that is no longer
        /// raised is not used again. Programs may rely on codes and severities; messages and hints are for people,
        /// and change. `docs/LABEL-PROBLEMS.md` has the cause, an example and the cure of each.
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
    /// A section that its own value switches off, with everything below it: `tls={}`, `tls=1`, `tls=false`.
    SwitchedOff = "TL009",
    /// Something that Traefik reads and does nothing with: the index of a plain list, the value of a section.
    NoEffect = "TL010",
    /// A section that only documents can write; Traefik ignores it in labels.
    NotForLabels = "TL011",
    /// A label of Traefik's that Traefik does not read, such as `traefik.frontend.rule` of its first version.
    NotRead = "TL012",
    /// A label whose beginning is almost `traefik.`.
    AlmostTraefik = "TL013",
    /// Two labels that differ in upper and lower case only, which are one.
    SameLabel = "TL014",
    /// A value that begins or ends with a space, which Traefik keeps.
    OuterSpace = "TL015",
    /// A list with an empty item.
    EmptyItem = "TL016",
    /// A `ruleSyntax` other than `v2` and `v3`.
    UnknownRuleSyntax = "TL017",
    /// A name with `@`, which nothing can refer to.
    NameWithAt = "TL018",
    /// A word that is none of those that Traefik knows there.
    UnknownKeyword = "TL019",
    /// A reference with `@docker`, or with a provider that Traefik does not have.
    ForeignProvider = "TL020",
    /// A middleware or service that no router of the container uses.
    Unused = "TL021",
    /// A port that is no number between 1 and 65535.
    NotAPort = "TL022",
    /// A server's scheme other than `http`, `https` and `h2c`.
    UnknownScheme = "TL023",
    /// A reference to something that these labels do not define, although they seem to mean to.
    UnknownReference = "TL024",
    /// A field that Traefik will remove.
    Deprecated = "TL025",
    /// An entry point that does not exist.
    UnknownEntryPoint = "TL026",
    /// A certificate resolver that does not exist.
    UnknownResolver = "TL027",
    /// A server with a URL and with a port or scheme, of which Traefik allows one.
    UrlAndPort = "TL028",
    /// A middleware of several kinds at once.
    SeveralKinds = "TL029",
    /// A name that seems to be another one of these labels, misspelt.
    MisspeltName = "TL030",
    /// More problems than are reported one by one.
    MoreProblems = "TL031",
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

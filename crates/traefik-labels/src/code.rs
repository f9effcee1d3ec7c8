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
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! Texts that mean something to the machine: each kind is a type, so that nothing that points somewhere is a
//! bare `String` and what walks over a configuration cannot overlook it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, Serializer};

use crate::{
    Filler, NodeId, Shape, Style, Value, Visitor,
    fill::{Alone, Element, Fresh, fill_texts},
};

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a text in a configuration means.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role {
            $($(#[$doc])* $name,)*
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub String);

            impl $name {
                /// The text.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }

                /// Whether there is none.
                #[must_use]
                pub fn is_empty(&self) -> bool {
                    self.0.is_empty()
                }
            }

            impl From<String> for $name {
                fn from(text: String) -> Self {
                    Self(text)
                }
            }

            impl From<&str> for $name {
                fn from(text: &str) -> Self {
                    Self(text.to_owned())
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl Value for $name {
                const SHAPE: Shape = Shape::Scalar("string");
                const ROLE: Option<Role> = Some(Role::$name);

                fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
                    self.0.fill(node, filler);
                }

                fn is_zero(&self) -> bool {
                    self.0.is_empty()
                }

                fn emit<S: Serializer>(&self, _: Style, _: Alone, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(&self.0)
                }

                fn walk(&mut self, visitor: &mut dyn Visitor) {
                    visitor.text(Role::$name, &mut self.0);
                }
            }

            impl Fresh for $name {
                fn fresh() -> Self {
                    Self::default()
                }
            }

            impl Element for $name {
                const LIST: Shape = Shape::List("[]string");
                const MAP: Shape = Shape::Map(&Shape::Scalar("string"));

                fn fill_list(list: &mut Vec<Self>, node: NodeId, filler: &mut Filler<'_, '_>) {
                    fill_texts(list, node, filler);
                }

                fn fill_map(map: &mut BTreeMap<String, Self>, node: NodeId, filler: &mut Filler<'_, '_>) {
                    let mut texts = BTreeMap::new();
                    String::fill_map(&mut texts, node, filler);
                    *map = texts.into_iter().map(|(name, text)| (name, Self(text))).collect();
                }
            }
        )*
    };
}

roles! {
    /// An address that Traefik itself connects to: an authentication server, a Redis.
    Address,
    /// `address:port` of a TCP or UDP server.
    BackendAddress,
    /// The path of a health check, which Traefik resolves against the server's URL: an absolute URL would lead elsewhere.
    BackendPath,
    /// The port of a server, as a label writes it.
    BackendPort,
    /// The scheme of a server, as a label writes it.
    BackendScheme,
    /// The URL of an HTTP server.
    BackendUrl,
    /// A name that a certificate is obtained for.
    Domain,
    /// An entry point.
    EntryPointRef,
    /// A file on the host, or its content in place.
    HostFile,
    /// The `Host` header of a health check.
    HostHeader,
    /// The rule of an HTTP router.
    HttpRule,
    /// A middleware.
    MiddlewareRef,
    /// A URL that clients are sent to.
    PublicUrl,
    /// A certificate resolver.
    ResolverRef,
    /// A parent router.
    RouterRef,
    /// User names, password hashes and the like: never shown.
    Secret,
    /// A service.
    ServiceRef,
    /// A certificate store.
    StoreRef,
    /// The rule of a TCP router.
    TcpRule,
    /// TLS options.
    TlsOptionsRef,
    /// A servers transport.
    TransportRef,
}

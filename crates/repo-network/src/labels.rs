use std::{collections::BTreeMap, net::Ipv4Addr};

/// Label with the service's name; `renet compose` writes it.
pub const SERVICE_NAME: &str = "rediacc.service_name";
/// Label with the service's address; `renet compose` writes it.
pub const SERVICE_IP: &str = "rediacc.service_ip";
/// Label with the repository's network ID; `renet compose` writes it.
pub const NETWORK_ID: &str = "rediacc.network_id";
/// Label of the user: the HTTP port behind the auto-route.
pub const SERVICE_PORT: &str = "rediacc.service_port";
/// Label of the user: TCP ports that get a public one, with commas between them.
pub const TCP_PORTS: &str = "rediacc.tcp_ports";
/// Label of the user: UDP ports that get a public one, with commas between them.
pub const UDP_PORTS: &str = "rediacc.udp_ports";
/// Label of the user: `false` says that there is to be no auto-route.
pub const AUTO_ROUTE: &str = "rediacc.auto_route";
/// Label of the user: `off` or `lan` ask for no fence, or a wider one, where the operator allows it.
pub const FENCE: &str = "rediacc.fence";
/// The name that compose gives a service.
pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// The labels below `rediacc.` that are the user's to write (requirements, section 3).
pub const KEPT: [&str; 5] = [SERVICE_PORT, TCP_PORTS, UDP_PORTS, AUTO_ROUTE, FENCE];

/// A container's labels of tier 1, read.
#[derive(Debug, Clone, Copy)]
pub struct Tier1<'a>(&'a BTreeMap<String, String>);

// === impl Tier1 ===

impl<'a> Tier1<'a> {
    /// Of a container with these labels.
    #[must_use]
    pub fn of(labels: &'a BTreeMap<String, String>) -> Self {
        Self(labels)
    }

    /// The service's name: as `renet compose` wrote it, else as compose did. An empty one is none.
    #[must_use]
    pub fn service_name(self) -> Option<&'a str> {
        [SERVICE_NAME, COMPOSE_SERVICE].iter().find_map(|key| self.get(key).filter(|name| !name.is_empty()))
    }

    /// The service's address, if there is one and it can be read. Whether it lies in the repository's network is for
    /// [`NetworkId::owns`](crate::NetworkId::owns) to say.
    #[must_use]
    pub fn service_ip(self) -> Option<Ipv4Addr> {
        self.get(SERVICE_IP)?.parse().ok()
    }

    /// A label as it stands there.
    #[must_use]
    pub fn get(self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(String::as_str)
    }
}

/// A port as a plain decimal number from 1 to 65535.
#[must_use]
pub fn parse_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        let labels = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let all: BTreeMap<_, _> =
            labels(&[(SERVICE_NAME, ""), (COMPOSE_SERVICE, "web"), (SERVICE_IP, "127.0.11.2"), (SERVICE_PORT, "80")]);
        let tier1 = Tier1::of(&all);
        assert_eq!(tier1.service_name(), Some("web"));
        assert_eq!(tier1.service_ip(), Some(Ipv4Addr::new(127, 0, 11, 2)));
        assert_eq!(tier1.get(SERVICE_PORT).and_then(parse_port), Some(80));
        let none = BTreeMap::new();
        assert_eq!((Tier1::of(&none).service_name(), Tier1::of(&none).service_ip()), (None, None));
        for bad in ["0", "65536", "+80", "80 ", "", "x"] {
            assert_eq!(parse_port(bad), None, "{bad}");
        }
    }
}

//! Addresses that labels make Traefik itself connect to: an authentication server, a Redis. Never the machine's own
//! loopback or link-local addresses, and of loopback only the repository's; a service's name is its address.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use container_snapshot::Container;
use repo_network::{NetworkId, Tier1, parse_port};

/// The services of a repository by the names that compose gives them.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    id: Option<NetworkId>,
    services: BTreeMap<String, Ipv4Addr>,
}

// === impl Addresses ===

impl Addresses {
    pub(crate) fn of<'a>(id: NetworkId, containers: impl Iterator<Item = &'a Container>) -> Self {
        let mut services = BTreeMap::new();
        for container in containers {
            let labels = Tier1::of(&container.labels);
            let address = labels.service_ip().filter(|address| id.owns(*address));
            if let (Some(name), Some(address)) = (labels.service_name(), address) {
                services.entry(name.to_ascii_lowercase()).or_insert(address);
            }
        }
        Self { id: Some(id), services }
    }

    /// Checks `host:port` or `scheme://host:port/…`; gives the text to publish, or what is wrong.
    pub(crate) fn checked(&self, text: &str) -> Result<String, String> {
        let start = text.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = text.split_at(start);
        if !matches!(scheme, "" | "http://" | "https://") {
            return Err(format!("{scheme:?} is no scheme of an address that Traefik may connect to"));
        }
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if text.contains('\\') || authority.contains(['@', '%', ' ']) || authority.chars().any(char::is_control) {
            return Err(format!("{authority:?} is no plain host and port"));
        }
        let (host, port) = split_port(authority);
        if !(port.is_empty() || port.strip_prefix(':').is_some_and(|port| parse_port(port).is_some())) {
            return Err(format!("{port:?} is no port"));
        }
        match self.host(host)? {
            Some(address) => Ok(format!("{scheme}{address}{port}{path}")),
            None => Ok(text.to_owned()),
        }
    }

    /// The address of a service's name; nothing where the host may stay as it is.
    fn host(&self, host: &str) -> Result<Option<Ipv4Addr>, String> {
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        if let Some(address) = self.services.get(&bare) {
            return Ok(Some(*address));
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return if self.may_reach(address) {
                Ok(None)
            } else {
                Err(format!("{host} is an address of the machine or of another repository"))
            };
        }
        // What ends in a number is read as an address by some resolvers: 127.1, 2130706433, 0x7f000001.
        let last = bare.rsplit('.').next().unwrap_or_default();
        let numeric = last.starts_with(|c: char| c.is_ascii_digit());
        // Go reads `①` as 1 and `ⓛ` as l, once this has looked at it.
        let plain = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if bare.is_empty() || numeric || !plain || host.contains('[') {
            return Err(format!("{host:?} is no host that Traefik may connect to"));
        }
        // What has no dot can only be a name of the machine's own: localhost, ip6-loopback, its host name.
        let local = [".localhost", ".localdomain", ".localdomain4", ".localdomain6"];
        if !bare.contains('.') || local.iter().any(|end| bare.ends_with(end)) {
            return Err(format!("{host:?} is no service of this repository, and no full host name"));
        }
        Ok(None)
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) if address.is_loopback() => self.id.is_some_and(|id| id.owns(address)),
            IpAddr::V4(address) => may_reach_v4(address),
            IpAddr::V6(address) => may_reach_v6(address),
        }
    }
}

fn may_reach_v4(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.octets()[0] == 0)
}

fn may_reach_v6(address: Ipv6Addr) -> bool {
    let embedded = address.to_ipv4().is_some() || address.segments().starts_with(&[0x64, 0xff9b]);
    let local =
        address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local() || address.is_multicast();
    !embedded && !local
}

/// The host, and the port with its colon.
fn split_port(authority: &str) -> (&str, &str) {
    let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
    let tail = authority.get(end_of_host..).unwrap_or_default();
    let colon = tail.rfind(':').map_or(authority.len(), |at| end_of_host + at);
    authority.split_at(colon)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        let services = BTreeMap::from([("auth".to_owned(), "127.0.11.4".parse().unwrap())]);
        Addresses { id: "2816".parse().ok(), services }
    }

    #[test]
    fn a_service_is_its_address() {
        assert_eq!(
            addresses().checked("http://auth:4181/verify?x=1").as_deref(),
            Ok("http://127.0.11.4:4181/verify?x=1")
        );
        assert_eq!(addresses().checked("Auth:6379").as_deref(), Ok("127.0.11.4:6379"));
    }

    #[test]
    fn others_stay() {
        for text in [
            "https://auth.example.com/verify",
            "http://127.0.11.5:80",
            "http://203.0.113.5/",
            "https://[2001:db8::1]:443/",
            "redis.example.com:6379",
        ] {
            assert_eq!(addresses().checked(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn the_machine_and_the_neighbours_are_out_of_reach() {
        for text in [
            "http://127.0.0.1:7111/",
            "http://127.0.11.66:80",
            "http://localhost:8080",
            "http://LOCALHOST.",
            "http://x.localhost",
            "http://[::1]:80",
            "http://[::ffff:127.0.0.1]:80",
            "http://[::ffff:7f00:1]/",
            "http://0.0.0.0:80",
            "http://169.254.169.254/latest",
            "http://[fe80::1%25lo]/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://127.1/",
            "http://a@127.0.0.1/",
            "ftp://x/",
            "unix:///var/run/docker.sock",
            "http://",
            "",
            "http://[64:ff9b::7f00:1]/",
            "http://127.0.0.1.",
            "http:\\\\127.0.0.1",
            "localhost:6379",
            "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:7111",
            "http://①②⑦.⓪.⓪.①/",
            "http://127。0。0。1/",
            "redis.example.com:6379║127.0.0.1:6379",
            "http://ip6-loopback:7111",
            "http://localhost.localdomain",
            "http://somebody-elses-auth:4181",
        ] {
            assert!(addresses().checked(text).is_err(), "{text}");
        }
    }
}

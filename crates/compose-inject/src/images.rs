//! Images that listen on every address unless they are told otherwise, and how to tell them.
//!
//! Only rows that were run stand here: what the program in the image listens on by itself, and that with the cure it
//! listens on the service's address alone.

/// What is known of an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    /// As it stands in a compose file, without registry, `library/` and tag.
    pub(crate) name: &'static str,
    /// The TCP port that it listens on by itself.
    pub(crate) port: u16,
    /// Words of a command line, names of variables, or parts of a mounted path: with one of them it has been told.
    pub(crate) told: &'static [&'static str],
    /// What to write; `${NAME_IP}` and `ADDRESS` stand for the service's address.
    pub(crate) cure: &'static str,
}

const fn row(name: &'static str, port: u16, told: &'static [&'static str], cure: &'static str) -> Image {
    Image { name, port, told, cure }
}

const IMAGES: [Image; 12] = [
    row("caddy", 80, &["/etc/caddy"], "begin the Caddyfile with { default_bind ADDRESS } and mount it"),
    row("eclipse-mosquitto", 1883, &["/mosquitto/config"], "mount a mosquitto.conf with listener 1883 ADDRESS"),
    row("httpd", 80, &["httpd.conf"], "mount a httpd.conf with Listen ADDRESS:80"),
    row("mariadb", 3306, &["bind-address", "bind_address"], "command: [\"--bind-address=${NAME_IP}\"]"),
    row("memcached", 11211, &["-l", "--listen"], "command: [\"-l\", \"${NAME_IP}\"]"),
    row("nats", 4222, &["-a ", "--addr", ".conf"], "command: [\"-a\", \"${NAME_IP}\"]"),
    row("nginx", 80, &["/etc/nginx"], "mount a configuration with listen ADDRESS:80;"),
    row("postgres", 5432, &["listen_addresses"], "command: [\"-c\", \"listen_addresses=${NAME_IP}\"]"),
    row("prom/node-exporter", 9100, &["web.listen-address"], "add --web.listen-address=${NAME_IP}:9100 to its command"),
    row("prom/prometheus", 9090, &["web.listen-address"], "add --web.listen-address=${NAME_IP}:9090 to its command"),
    row("redis", 6379, &["--bind", ".conf"], "command: [\"redis-server\", \"--bind\", \"${NAME_IP}\"]"),
    row("registry", 5000, &["REGISTRY_HTTP_ADDR"], "environment: {REGISTRY_HTTP_ADDR: \"${NAME_IP}:5000\"}"),
];

// === impl Image ===

impl Image {
    /// The row of `docker.io/library/postgres:17`; none for an image of somebody else's with such a name.
    pub(crate) fn of(image: &str) -> Option<&'static Self> {
        let image = ["docker.io/", "index.docker.io/"].iter().find_map(|hub| image.strip_prefix(hub)).unwrap_or(image);
        let image = image.strip_prefix("library/").unwrap_or(image);
        let name = image.split(['@', ':']).next()?;
        IMAGES.iter().find(|row| row.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        for (image, expected) in [
            ("postgres", Some("postgres")),
            ("docker.io/library/postgres:17-alpine", Some("postgres")),
            ("redis@sha256:0123", Some("redis")),
            ("prom/prometheus:v3", Some("prom/prometheus")),
            ("bitnami/redis", None),
            ("localhost:5000/postgres", None),
            ("", None),
        ] {
            assert_eq!(Image::of(image).map(|row| row.name), expected, "{image}");
        }
    }

    #[test]
    fn every_row_is_documented() {
        let text = include_str!("../../../docs/COMPOSE-PROBLEMS.md");
        for row in &IMAGES {
            assert_eq!(text.matches(&format!("| `{}` | {} | ", row.name, row.port)).count(), 1, "{}", row.name);
        }
    }
}

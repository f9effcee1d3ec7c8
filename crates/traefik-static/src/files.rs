use traefik_model::{Configuration, DYNAMIC_PORTS, Document, http, write_yaml};

use crate::{
    DefaultCertificate, EntryPoint, Infra, InfraError, Proof, entry_points::ADMIN,
    static_configuration::StaticConfiguration,
};

/// What nobody but our own programs may know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// Traefik shows it to the route server.
    pub poll: String,
    /// Whoever asks Traefik's API shows it, in the header `X-Api-Token`.
    pub api: String,
    /// What Traefik shows for a name without a certificate.
    pub certificate: DefaultCertificate,
}

/// Where things stand on the machine; absolute, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// `/opt/rediacc/proxy`: what is written here.
    pub proxy: String,
    /// `/var/lib/rediacc/router`: the route server's state.
    pub state: String,
    /// `/run/rediacc`: sockets.
    pub run: String,
}

/// A file to be written below [`Directories::proxy`].
#[derive(Clone, PartialEq, Eq)]
pub struct StaticFile {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: String,
    /// Who may read it beside root.
    pub reader: Reader,
}

/// Who may read a file beside root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Nobody.
    Nobody,
    /// The user whom Traefik runs as, where it has one of its own.
    Traefik,
    /// The user whom the route server runs as, where it has one of its own.
    Router,
    /// Everybody.
    Everybody,
}

/// All files of a machine with these entry points. The same values give the same texts.
///
/// # Errors
/// [`InfraError::Value`] when there is no entry point, and so no address at all to listen on.
pub fn files(
    infra: &Infra,
    entry_points: &[EntryPoint],
    secrets: &Secrets,
    directories: &Directories,
) -> Result<Vec<StaticFile>, InfraError> {
    if entry_points.is_empty() {
        let problem = "the machine has no address to listen on; give --public-ipv4 or --public-ipv6".to_owned();
        return Err(InfraError::Value { key: "public_ipv4", problem });
    }
    let traefik = StaticConfiguration::new(infra, entry_points, secrets, directories);
    let mut files = vec![
        StaticFile { name: "traefik.yml", text: write_yaml(&traefik)?, reader: Reader::Traefik },
        StaticFile {
            name: "local.yml",
            text: write_yaml(&Document(&local(secrets, directories)))?,
            reader: Reader::Traefik,
        },
        StaticFile {
            name: DefaultCertificate::FILE,
            text: secrets.certificate.pem().to_owned(),
            reader: Reader::Traefik,
        },
        StaticFile {
            name: "router.env",
            text: router_environment(infra, entry_points, directories),
            reader: Reader::Everybody,
        },
        StaticFile { name: "traefik.env", text: traefik_environment(infra, directories), reader: Reader::Everybody },
        StaticFile { name: "poll-token", text: format!("{}\n", secrets.poll), reader: Reader::Router },
        StaticFile { name: "api-token", text: format!("{}\n", secrets.api), reader: Reader::Router },
    ];
    if let Proof::Dns(provider) = infra.proof()
        && let Some(token) = provider.token(infra)
    {
        files.push(StaticFile { name: provider.token_file(), text: format!("{token}\n"), reader: Reader::Traefik });
    }
    Ok(files)
}

/// Traefik's API, for who has the token, and its default certificate. They stand in a file, so that they are there without
/// the route server.
fn local(secrets: &Secrets, directories: &Directories) -> Configuration {
    let mut configuration = DefaultCertificate::configuration(&directories.proxy(DefaultCertificate::FILE));
    let api = http::Router {
        entry_points: vec!["admin".into()],
        rule: format!("PathPrefix(`/api`) && Header(`X-Api-Token`, `{}`)", secrets.api).into(),
        service: "api@internal".into(),
        ..http::Router::default()
    };
    configuration.http.routers.insert("api".to_owned(), api);
    configuration
}

/// The route server's flags, as variables.
fn router_environment(infra: &Infra, entry_points: &[EntryPoint], directories: &Directories) -> String {
    let names: Vec<_> = entry_points.iter().map(|it| it.name.as_str()).collect();
    let settings = [
        ("LISTEN", Some("127.0.0.1:7111".to_owned())),
        ("SOCKETS", Some(format!("{}/docker-*.sock", directories.run))),
        ("BASE_DOMAIN", infra.base_domain.clone()),
        ("CERT_RESOLVER", Some("letsencrypt".to_owned())),
        // A wildcard is only proved over the DNS.
        ("AUTO_ROUTE_CERTIFICATE", (infra.proof() == Proof::Http).then(|| "each".to_owned())),
        ("ENTRYPOINTS", Some(names.join(","))),
        ("DYNAMIC_PORTS", Some(format!("{}-{}", DYNAMIC_PORTS.start(), DYNAMIC_PORTS.end()))),
        ("STATE_DIR", Some(directories.state.clone())),
        ("CONTROL_SOCKET", Some(format!("{}/router.sock", directories.run))),
        ("PROXY_CHECK", Some(format!("{}/proxy-check.json", directories.run))),
        ("TOKEN_FILE", Some(directories.proxy("poll-token"))),
        ("TRAEFIK_API", Some(format!("http://{ADMIN}"))),
        ("TRAEFIK_API_CREDENTIALS", Some(directories.proxy("api-token"))),
    ];
    let lines = settings.into_iter().filter_map(|(name, value)| Some(format!("REDIACC_ROUTER_{name}={}\n", value?)));
    lines.collect()
}

fn traefik_environment(infra: &Infra, directories: &Directories) -> String {
    match infra.proof() {
        Proof::Dns(provider) => format!("{}={}\n", provider.token_variable(), directories.proxy(provider.token_file())),
        Proof::Http => String::new(),
    }
}

// === impl Directories ===

impl Directories {
    /// A file below the proxy's directory.
    pub(crate) fn proxy(&self, name: &str) -> String {
        format!("{}/{name}", self.proxy)
    }
}

impl Default for Directories {
    /// Where the requirements have them.
    fn default() -> Self {
        Self {
            proxy: "/opt/rediacc/proxy".to_owned(),
            state: "/var/lib/rediacc/router".to_owned(),
            run: "/run/rediacc".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addresses, entry_points};

    fn all(infra: &str) -> Vec<StaticFile> {
        let infra = Infra::parse(infra).unwrap();
        let addresses = Addresses { ipv4: infra.public_ipv4, ipv6: infra.public_ipv6 };
        let secrets = Secrets { certificate: certificate(), poll: "p".repeat(32), api: "a".repeat(32) };
        files(&infra, &entry_points(&infra, addresses), &secrets, &Directories::default()).unwrap()
    }

    fn certificate() -> DefaultCertificate {
        DefaultCertificate::generate().unwrap()
    }

    /// All of them but the default certificate, which is another each time.
    fn text(files: &[StaticFile]) -> String {
        let files = files.iter().filter(|file| file.name != DefaultCertificate::FILE);
        files.map(|file| format!("=== {} {:?}\n{}", file.name, file.reader, file.text)).collect()
    }

    /// `scripts/story` starts a real Traefik with each.
    const INFRAS: [(&str, &str); 6] = [
        ("a-hundred-ports", include_str!("../../../fixtures/infra/a-hundred-ports.json")),
        ("everything", include_str!("../../../fixtures/infra/everything.json")),
        ("ipv4-alone", include_str!("../../../fixtures/infra/ipv4-alone.json")),
        ("ipv6-alone", include_str!("../../../fixtures/infra/ipv6-alone.json")),
        ("no-domain", include_str!("../../../fixtures/infra/no-domain.json")),
        ("over-port-80", include_str!("../../../fixtures/infra/over-port-80.json")),
    ];

    #[test]
    fn machines() {
        for (name, infra) in INFRAS {
            insta::assert_snapshot!(name, text(&all(infra)));
        }
    }

    #[test]
    fn certificates_without_a_token_are_proved_on_every_address() {
        let of = |infra: &str| {
            let text = text(&all(infra));
            let names = text.lines().filter_map(|line| line.trim().strip_prefix("entryPoint: web"));
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(of(r#"{"public_ipv4": "198.51.100.10"}"#), [""]);
        assert_eq!(of(r#"{"public_ipv6": "2001:db8::10"}"#), ["-v6"]);
        assert_eq!(of(r#"{"public_ipv4": "198.51.100.10", "public_ipv6": "2001:db8::10"}"#), ["", "-v6"]);
    }

    #[test]
    fn no_address_at_all() {
        let secrets = Secrets { certificate: certificate(), poll: String::new(), api: String::new() };
        let error = files(&Infra::default(), &[], &secrets, &Directories::default()).err();
        assert!(error.unwrap().to_string().contains("no address to listen on"));
    }
}

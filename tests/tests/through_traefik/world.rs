use std::{
    path::Path,
    time::{Duration, Instant},
};

use end_to_end::{
    BACKEND, Client, Dockerd, Error, Following, Image, RouteServer, Scratch, Service, Traefik, api_url, free_address,
    until,
};

use crate::trials::Stage;

/// How long a change may take to be seen through Traefik. It takes a fraction of a second; a loaded machine may not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// For how long the route server keeps the router of a container that is gone.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

const ENTRY_POINTS: [&str; 6] = ["web", "websecure", "tcp-25", "tcp-993", "tcp-5432", "udp-53"];

/// The labels of `webapp` in the documentation's example, as they are.
const WEBAPP: &str = r#"
      - "traefik.enable=true"
      - "traefik.http.routers.webapp.rule=Host(`app.example.com`)"
      - "traefik.http.routers.webapp.entrypoints=websecure,websecure-v6"
      - "traefik.http.routers.webapp.tls.certresolver=letsencrypt"
      - "traefik.http.services.webapp.loadbalancer.server.port=3000"
      - "traefik.http.middlewares.webapp-hsts.headers.stsSeconds=15768000"
      - "traefik.http.middlewares.webapp-hsts.headers.stsIncludeSubdomains=true"
      - "traefik.http.routers.webapp.middlewares=webapp-hsts"
"#;

/// Those of `mail-server`.
const MAIL: &str = r#"
      - "traefik.enable=true"
      - "traefik.tcp.routers.mail-smtp.entrypoints=tcp-25"
      - "traefik.tcp.routers.mail-smtp.rule=HostSNI(`*`)"
      - "traefik.tcp.routers.mail-smtp.service=mail-smtp"
      - "traefik.tcp.services.mail-smtp.loadbalancer.server.port=25"
      - "traefik.tcp.routers.mail-imaps.entrypoints=tcp-993"
      - "traefik.tcp.routers.mail-imaps.rule=HostSNI(`mail.example.com`)"
      - "traefik.tcp.routers.mail-imaps.tls.passthrough=true"
      - "traefik.tcp.routers.mail-imaps.service=mail-imaps"
      - "traefik.tcp.services.mail-imaps.loadbalancer.server.port=993"
"#;

/// Two middlewares in a chain; the service listens on the port that Traefik has on its own address.
const UPLOAD: &str = r#"
      - "traefik.enable=true"
      - "traefik.http.routers.upload.rule=Host(`upload.example.com`)"
      - "traefik.http.routers.upload.entrypoints=websecure"
      - "traefik.http.routers.upload.tls=true"
      - "traefik.http.services.upload.loadbalancer.server.port=443"
      - "traefik.http.middlewares.upload-hsts.headers.stsSeconds=15768000"
      - "traefik.http.middlewares.upload-buffering.buffering.maxRequestBodyBytes=1024"
      - "traefik.http.routers.upload.middlewares=upload-hsts,upload-buffering"
"#;

const DNS: &str = r#"
      - "traefik.enable=true"
      - "traefik.udp.routers.dns.entrypoints=udp-53"
      - "traefik.udp.routers.dns.service=dns"
      - "traefik.udp.services.dns.loadbalancer.server.port=53"
"#;

const POSTGRES: &str = r#"
      - "traefik.enable=true"
      - "traefik.tcp.routers.postgres.entrypoints=tcp-5432"
      - "traefik.tcp.routers.postgres.rule=HostSNI(`*`)"
      - "traefik.tcp.services.postgres.loadbalancer.server.port=5432"
"#;

/// A machine with two repositories, 2816 and 2880, whose services use the same ports as Traefik's entry points.
#[derive(Debug)]
pub(crate) struct World {
    // Dropped in this order: the route server answers Traefik's poll and lets it end, the scratch directory is last.
    pub(crate) server: RouteServer,
    pub(crate) traefik: Traefik,
    pub(crate) first: Dockerd,
    pub(crate) second: Dockerd,
    pub(crate) image: Image,
    pub(crate) scratch: Scratch,
    /// What was measured on the way, printed at the end.
    pub(crate) figures: Vec<String>,
}

// === impl World ===

impl Stage for World {
    /// Traefik and the route server first, the containers after them.
    fn set() -> Result<Self, Error> {
        let scratch = Scratch::new()?;
        let openssl = Image::program("openssl")?;
        let image = Image::build(&scratch, &[&openssl, Path::new(env!("CARGO_BIN_EXE_backend"))])?;
        let first = Dockerd::start(&scratch, network("2816")?)?;
        let second = Dockerd::start(&scratch, network("2880")?)?;
        first.import(&image)?;
        second.import(&image)?;
        // Traefik starts after it, on this address, and is asked what it has applied.
        let api = ["--traefik-api".to_owned(), api_url(free_address(&ENTRY_POINTS)?)];
        let references = ["--allow-reference".to_owned(), "missing@file".to_owned()];
        let arguments = [&arguments(&scratch.sockets()?)[..], &api, &references].concat();
        let server = RouteServer::start(&scratch, "route-server", &arguments)?;
        let traefik = Traefik::start(&scratch, server.url(), &ENTRY_POINTS, Following::LongPoll)?;
        let world = Self { traefik, server, first, second, image, scratch, figures: Vec::new() };
        world.start_services()?;
        Ok(world)
    }

    fn tail(&self) -> String {
        let table =
            self.server.json("/routes.json").map_or_else(|error| error.to_string(), |table| format!("{table:#}"));
        let table: String = table.chars().take(6000).collect();
        [self.server.tail(), self.traefik.process().tail(15), self.first.tail(), self.second.tail(), table].join("\n")
    }
}

impl World {
    fn start_services(&self) -> Result<(), Error> {
        let mail = format!(
            "{BACKEND} greet $SERVICE_IP:25 '220 mail of 2816' & \
             OPENSSL_CONF=/dev/null exec openssl s_server -accept $SERVICE_IP:993 \
             -cert /tls/cert.pem -key /tls/key.pem -www"
        );
        let dns = format!("exec {BACKEND} answer $SERVICE_IP:53 'dns of 2816 heard'");
        let postgres = format!("exec {BACKEND} greet $SERVICE_IP:5432 'postgres of 2880'");
        for service in [
            Service::pages("myapp", 0, 80),
            Service::pages("webapp", 1, 3000).labels(WEBAPP),
            Service::pages("upload", 2, 443).labels(UPLOAD),
            Service::shell("mail-server", 3, &mail).labels(MAIL),
            Service::shell("dns", 4, &dns).labels(DNS),
        ] {
            self.first.run(&service)?;
        }
        self.second.run(&Service::pages("myapp", 0, 80))?;
        self.second.run(&Service::shell("postgres", 1, &postgres).labels(POSTGRES))
    }

    /// Runs a service of the first repository for as long as the test takes, whatever comes of it.
    pub(crate) fn with(
        &mut self,
        service: &Service,
        test: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.first.run(service)?;
        let outcome = test(self);
        self.first.remove(service.name())?;
        outcome
    }

    /// Notes how long something took since then.
    pub(crate) fn measured(&mut self, what: &str, since: Instant) {
        self.figures.push(format!("{what}: {} ms", since.elapsed().as_millis()));
    }

    /// Somebody on the internet.
    pub(crate) fn client(&self) -> Client {
        Client::of(self.traefik.address())
    }

    /// Waits until a host's front page is this one.
    pub(crate) fn page(&self, host: &str, page: &str) -> Result<(), Error> {
        until(&format!("{host} answers {page:?}"), PATIENCE, || {
            let answer = self.client().get(&format!("https://{host}/"), &[])?;
            if answer.status == 200 && answer.body.trim_end() == page { Ok(()) } else { Err(unexpected(&answer)) }
        })
    }

    /// Waits until a host answers with one of these statuses.
    pub(crate) fn status(&self, host: &str, statuses: &[u16]) -> Result<(), Error> {
        until(&format!("{host} answers {statuses:?}"), PATIENCE, || {
            let answer = self.client().get(&format!("https://{host}/"), &[])?;
            if statuses.contains(&answer.status) { Ok(()) } else { Err(unexpected(&answer)) }
        })
    }
}

/// What `route-server serve` is told, beside its address.
pub(crate) fn arguments(sockets: &Path) -> [String; 8] {
    [
        "--sockets".to_owned(),
        format!("{}/docker-*.sock", sockets.display()),
        "--base-domain".to_owned(),
        "example.com".to_owned(),
        "--entrypoints".to_owned(),
        ENTRY_POINTS.join(","),
        "--grace".to_owned(),
        format!("{}s", GRACE.as_secs()),
    ]
}

/// A repository's network ID.
pub(crate) fn network(id: &str) -> Result<repo_network::NetworkId, Error> {
    id.parse().map_err(|error| Error::Unexpected(format!("{id}: {error}")))
}

/// For an answer, or whatever else it is, that is not what it has to be.
pub(crate) fn unexpected(seen: &impl std::fmt::Debug) -> Error {
    Error::Unexpected(format!("{seen:?}"))
}

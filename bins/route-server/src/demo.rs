//! A fleet that exists only in this process: a simulated daemon and two small web servers on loopback addresses.

use std::{io, path::Path, process::ExitCode};

use docker_simulator::{Container, Simulator};
use route_synthesis::BaseDomain;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    cli::{CertificateKind, DemoOptions, IsolationMode, RoutingOptions, ServeOptions},
    exit::Failure,
    logging,
    serve::{runtime, serve},
    settings,
};

/// The repository of the demonstration.
const NETWORK_ID: &str = "2816";
const PORT: u16 = 8080;

/// Serves made-up containers.
pub(crate) fn run(options: &DemoOptions) -> Result<ExitCode, Failure> {
    logging::init(None);
    let fault = |error: io::Error| Failure::runtime("cannot make the demonstration", &error);
    let directory = tempfile::tempdir().map_err(fault)?;
    runtime()?.block_on(async {
        let daemon = Simulator::bind(directory.path().join(format!("docker-{NETWORK_ID}.sock"))).map_err(fault)?;
        daemon.set_containers(containers(&options.base_domain));
        for (address, text) in [("127.0.11.2", "the auto-route's page\n"), ("127.0.11.3", "the labelled page\n")] {
            match TcpListener::bind((address, PORT)).await {
                Ok(listener) => drop(tokio::spawn(answer(listener, text))),
                Err(error) => tracing::warn!(address, port = PORT, %error, "no page there"),
            }
        }
        let glob = directory.path().join("docker-*.sock").display().to_string();
        let serving = serve_options(options, glob, directory.path());
        let (policy, token) = settings::validated(&serving)?;
        serve(&serving, policy, token).await
    })?;
    Ok(ExitCode::SUCCESS)
}

fn containers(domain: &BaseDomain) -> Vec<Container> {
    let container = |name: &str, address: &str| {
        Container::new(name)
            .network_mode("host")
            .label("rediacc.service_name", name)
            .label("rediacc.service_ip", address)
            .label("rediacc.network_id", NETWORK_ID)
    };
    vec![
        container("hello", "127.0.11.2").label("rediacc.service_port", PORT.to_string()),
        container("app", "127.0.11.3")
            .label("traefik.enable", "true")
            .label("traefik.http.routers.app.rule", format!("Host(`app.{domain}`)"))
            .label("traefik.http.routers.app.entrypoints", "websecure,websecure-v6")
            .label("traefik.http.routers.app.middlewares", "app-hsts")
            .label("traefik.http.middlewares.app-hsts.headers.stsSeconds", "15768000")
            .label("traefik.http.services.app.loadbalancer.server.port", PORT.to_string()),
        container("database", "127.0.11.4").label("rediacc.auto_route", "false"),
    ]
}

fn serve_options(options: &DemoOptions, glob: String, directory: &Path) -> ServeOptions {
    let policy = route_synthesis::Policy::default();
    ServeOptions {
        listen: options.listen,
        sockets: vec![glob],
        routing: RoutingOptions {
            base_domain: Some(options.base_domain.clone()),
            cert_resolver: policy.resolvers,
            auto_route_certificate: CertificateKind::Wildcard,
            entrypoints: Vec::new(),
            dynamic_ports: policy.dynamic_ports,
            allow_reference: Vec::new(),
            grace: policy.grace,
            stale_for: policy.stale_for,
            isolation: IsolationMode::Strict,
            shared_host: Vec::new(),
            claim_for: policy.claim_for,
            certificates_per_week: policy.certificates_per_week,
            hosts_per_repository: policy.hosts_per_repository,
        },
        first_view: std::time::Duration::from_secs(3),
        state_dir: directory.join("state"),
        control_socket: directory.join("router.sock"),
        proxy_check: std::path::PathBuf::new(),
        token_file: None,
        traefik_api: None,
        traefik_api_credentials: None,
        log_format: None,
    }
}

/// Answers every request with one page.
async fn answer(listener: TcpListener, text: &'static str) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
            let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
        });
    }
}

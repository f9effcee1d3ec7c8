use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser as _},
};
use repo_network::NetworkId;
use route_synthesis::{AutoRouteCertificate, BaseDomain, EntryPoint, HostPattern, Isolation, PortRange};

const AFTER_HELP: &str = "\
Without a command it serves. Look at what it serves with
  curl -s http://127.0.0.1:7111/health | python3 -m json.tool
  curl -s http://127.0.0.1:7111/routes.json | python3 -m json.tool
  route-server routes

Traefik polls it with this static configuration:
  providers:
    providersThrottleDuration: 100ms
    http:
      endpoint: http://127.0.0.1:7111/routes.yaml?wait=5s
      pollInterval: 100ms
      pollTimeout: 10s

Give it a default certificate (tls.stores.default.defaultCertificate in a file of its own), or it makes a new RSA key
before every change is live: 0.05 to 0.4 s. `renet proxy configure` does all of this.

Exit codes: 0 done, 1 something went wrong on the way, 2 the flags or an input make no sense,
3 the listening address is taken.";

const CLAIMS_HELP: &str = "\
A host belongs to the repository that used it first, and stays its own until it was unused for --claim-for.
You can decide otherwise: what is assigned belongs to that repository until you assign it to another or release it.

  route-server claims list
  route-server claims assign app.example.org 2816     the host is repository 2816's, whoever had it
  route-server claims release app.example.org         the next repository that uses it owns it

A pattern is never anybody's by use, only by your grant:

  route-server claims assign '*.example.org' 2816     every host one label below example.org (quote the *)
  route-server claims assign '*' 2816                 everything

Its repository may then use wildcard rules and wildcard certificates there, and every host that the pattern stands for
is its own, except those that you assigned to others. '*' also allows rules without any exact host, such as HostRegexp,
HostSNIRegexp and a PathPrefix alone: give it to nobody who may not see everybody's traffic.

The server is asked over its control socket, which only root may open. A change is in effect, and on disk, at once.
Exit codes: 0 done, 1 no server answers or it was not done, 2 the host or the ID makes no sense.";

/// Where the control socket is when nobody says otherwise.
const PROXY_CHECK: &str = "/run/rediacc/proxy-check.json";
const CONTROL_SOCKET: &str = "/run/rediacc/router.sock";

/// Follows every Docker daemon of the machine and serves their containers' routes to Traefik.
#[derive(Debug, Parser)]
#[command(name = "route-server", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Follow the daemons and serve their routes (the default)
    Serve(ServeOptions),
    /// Say whether the settings hold, without serving
    Check(ServeOptions),
    /// Print the document and the findings for containers from a file
    Render(RenderOptions),
    /// Decode container labels: JSON lines in, JSON lines out
    Labels(LabelsOptions),
    /// Read rules of routers: JSON lines in, JSON lines out
    Rule(RuleOptions),
    /// Print the routes of a running route server as a table
    Routes(RoutesOptions),
    /// List who owns which host, and decide it
    Claims(ClaimsOptions),
    /// Serve made-up containers of a simulated daemon, to look at without Docker
    Demo(DemoOptions),
}

/// Where to listen and what to follow.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeOptions {
    /// Address to serve on; keep it on loopback
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7111", value_parser = address,
          env = "REDIACC_ROUTER_LISTEN")]
    pub(crate) listen: SocketAddr,

    /// Pattern of the daemons' sockets, named docker-<network ID>.sock (repeatable)
    #[arg(long, value_name = "GLOB", env = "REDIACC_ROUTER_SOCKETS", value_delimiter = ',',
          default_values_t = ["/var/run/rediacc/docker-*.sock".to_owned(), "/run/rediacc/docker-*.sock".to_owned()])]
    pub(crate) sockets: Vec<String>,

    #[command(flatten)]
    pub(crate) routing: RoutingOptions,

    /// How long to wait for the daemons' first answers before serving what is known
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = time, env = "REDIACC_ROUTER_FIRST_VIEW")]
    pub(crate) first_view: Duration,

    /// Directory for what has to outlive the server: who owns which host, and what was published last
    #[arg(long, value_name = "DIR", default_value = "/var/lib/rediacc/router", env = "REDIACC_ROUTER_STATE_DIR")]
    pub(crate) state_dir: PathBuf,

    /// Socket that `route-server claims` asks, for root only; an empty text: none
    #[arg(long, value_name = "PATH", default_value = CONTROL_SOCKET, value_parser = OsStringValueParser::new().map(PathBuf::from),
          env = "REDIACC_ROUTER_CONTROL_SOCKET")]
    pub(crate) control_socket: PathBuf,

    /// What the last `renet proxy check` found: shown in /health; an empty path shows nothing
    #[arg(long, value_name = "FILE", default_value = PROXY_CHECK, env = "REDIACC_ROUTER_PROXY_CHECK")]
    pub(crate) proxy_check: PathBuf,

    /// File with the token that whoever reads /routes.yaml must show
    #[arg(long, value_name = "FILE", env = "REDIACC_ROUTER_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Where Traefik's API is, e.g. http://127.0.0.1:7112: to see what it has applied, and which routers it refuses
    #[arg(long, value_name = "URL", value_parser = api, env = "REDIACC_ROUTER_TRAEFIK_API")]
    pub(crate) traefik_api: Option<SocketAddr>,

    /// File with the token for that (sent as X-Api-Token), a header (Name: value), or user:password
    #[arg(long, value_name = "FILE", env = "REDIACC_ROUTER_TRAEFIK_API_CREDENTIALS")]
    pub(crate) traefik_api_credentials: Option<PathBuf>,

    /// How to log; the default is text on a terminal and JSON elsewhere
    #[arg(long, value_name = "FORMAT", env = "REDIACC_ROUTER_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// What shapes the routes.
#[derive(Debug, Clone, Args)]
pub(crate) struct RoutingOptions {
    /// Domain of the auto-routes: {service}-{network ID}.DOMAIN; without it there are none
    #[arg(long, value_name = "DOMAIN", env = "REDIACC_ROUTER_BASE_DOMAIN")]
    pub(crate) base_domain: Option<BaseDomain>,

    /// Certificate resolver that exists in Traefik; the first is for auto-routes (repeatable).
    /// "none": auto-routes without TLS, on entry point web
    #[arg(
        long,
        value_name = "NAME",
        default_value = "letsencrypt",
        value_delimiter = ',',
        env = "REDIACC_ROUTER_CERT_RESOLVER"
    )]
    pub(crate) cert_resolver: Vec<String>,

    /// Which certificate auto-routes ask for: one for all needs a resolver that proves over the DNS
    #[arg(long, value_name = "KIND", default_value = "wildcard", env = "REDIACC_ROUTER_AUTO_ROUTE_CERTIFICATE")]
    pub(crate) auto_route_certificate: CertificateKind,

    /// Entry points that exist in Traefik. What they carry follows from the name (web*, websecure*, tcp-*, udp-*)
    /// or is said: name=http|https|tcp|udp. The default is web, websecure, the preconfigured and the dynamic ports
    #[arg(long, value_name = "LIST", value_delimiter = ',', env = "REDIACC_ROUTER_ENTRYPOINTS")]
    pub(crate) entrypoints: Vec<EntryPoint>,

    /// Ports that are allocated automatically
    #[arg(long, value_name = "FIRST-LAST", default_value = "10000-10010", env = "REDIACC_ROUTER_DYNAMIC_PORTS")]
    pub(crate) dynamic_ports: PortRange,

    /// Something outside its repository that a label may refer to, e.g. auth@file (repeatable)
    #[arg(long, value_name = "NAME", value_delimiter = ',', env = "REDIACC_ROUTER_ALLOW_REFERENCE")]
    pub(crate) allow_reference: Vec<String>,

    /// How long the routers of a container that is gone stay, and answer 503 instead of 404
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time, env = "REDIACC_ROUTER_GRACE")]
    pub(crate) grace: Duration,

    /// How long the routes of a daemon that is lost stay where nobody listens any more
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = time, env = "REDIACC_ROUTER_STALE_FOR")]
    pub(crate) stale_for: Duration,

    /// Whether repositories are protected from each other; trusted: the machine has one owner
    #[arg(long, value_name = "MODE", default_value = "strict", env = "REDIACC_ROUTER_ISOLATION")]
    pub(crate) isolation: IsolationMode,

    /// Host that every repository may use (repeatable)
    #[arg(long, value_name = "HOST", value_delimiter = ',', env = "REDIACC_ROUTER_SHARED_HOST")]
    pub(crate) shared_host: Vec<HostPattern>,

    /// How long a host, entry point or port belongs to a repository that does not use it
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = time, env = "REDIACC_ROUTER_CLAIM_FOR")]
    pub(crate) claim_for: Duration,

    /// How many new names a repository may ask certificates for within a week
    #[arg(long, value_name = "NUMBER", default_value_t = 50, env = "REDIACC_ROUTER_CERTIFICATES_PER_WEEK")]
    pub(crate) certificates_per_week: usize,

    /// How many hosts a repository may own by having used them first
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, env = "REDIACC_ROUTER_HOSTS_PER_REPOSITORY")]
    pub(crate) hosts_per_repository: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RenderOptions {
    /// File with {"daemons": [{"network_id": 2816, "containers": [entries of GET /containers/json]}]}; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,

    #[command(flatten)]
    pub(crate) routing: RoutingOptions,

    /// Print the findings as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Each line of standard input is {\"labels\": {\"traefik.http.routers.app.rule\": \"…\", …}}; each line of\n\
                        standard output is {\"configuration\": {…}, \"problems\": [{\"severity\", \"code\", \"label\", …}]}."
)]
pub(crate) struct LabelsOptions {
    /// As Traefik: the first problem loses the whole container
    #[arg(long)]
    pub(crate) first_problem: bool,

    /// Print the problems for people, with a caret under the place, instead of JSON
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Each line of standard input is {\"rule\": \"…\"}, and may have \"ruleSyntax\" and \"tls\" of its router; each line of\n\
                        standard output is {\"ok\": true, \"priority\": 42, \"hosts\": […], \"problems\": […]}."
)]
pub(crate) struct RuleOptions {
    /// Whose router it is
    #[arg(value_enum)]
    pub(crate) protocol: RuleProtocol,

    /// Print the problems for people, with a caret under the place, instead of JSON
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuleProtocol {
    /// Rules of HTTP routers
    Http,
    /// Rules of TCP routers
    Tcp,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RoutesOptions {
    /// The route server to ask
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7111")]
    pub(crate) url: String,

    /// Print what it answers as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = CLAIMS_HELP)]
pub(crate) struct ClaimsOptions {
    /// The control socket of the route server to ask
    #[arg(long, value_name = "PATH", default_value = CONTROL_SOCKET, env = "REDIACC_ROUTER_CONTROL_SOCKET", global = true)]
    pub(crate) control_socket: PathBuf,

    #[command(subcommand)]
    pub(crate) action: ClaimsAction,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ClaimsAction {
    /// Print who owns which host, and since when
    List {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a host or a pattern to a repository, whoever has it now
    Assign {
        /// Host name, or a pattern: *.example.org for one label, * for everything
        host: HostPattern,
        /// The repository's network ID, e.g. 2816
        #[arg(value_name = "ID")]
        network_id: NetworkId,
    },
    /// Take a host or a pattern back: the next repository that uses it owns it
    Release {
        /// Host name or pattern, as `claims list` shows it
        host: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DemoOptions {
    /// Address to serve on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7111", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Domain of the auto-routes
    #[arg(long, value_name = "DOMAIN", default_value = "example.com")]
    pub(crate) base_domain: BaseDomain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CertificateKind {
    /// *.{base domain}, one for all
    Wildcard,
    /// One for each auto-route
    Each,
}

impl From<CertificateKind> for AutoRouteCertificate {
    fn from(kind: CertificateKind) -> Self {
        match kind {
            CertificateKind::Wildcard => Self::Wildcard,
            CertificateKind::Each => Self::Each,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IsolationMode {
    /// Hosts, entry points and ports have owners
    Strict,
    /// Nobody is asked who may have what
    Trusted,
}

impl From<IsolationMode> for Isolation {
    fn from(mode: IsolationMode) -> Self {
        match mode {
            IsolationMode::Strict => Self::Strict,
            IsolationMode::Trusted => Self::Trusted,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_malformed| format!("{text:?} is no address with a port; expected e.g. 127.0.0.1:7111"))
}

/// Traefik's API speaks plain HTTP, so it is asked on this machine alone.
fn api(text: &str) -> Result<SocketAddr, String> {
    let address = text.strip_prefix("http://").and_then(|rest| rest.trim_end_matches('/').parse::<SocketAddr>().ok());
    let address = address.filter(|address| address.ip().is_loopback());
    address.ok_or_else(|| format!("{text:?} is no URL of this machine; expected e.g. http://127.0.0.1:7112"))
}

fn time(text: &str) -> Result<Duration, String> {
    let fault = |_| format!("{text:?} is no time; expected e.g. 500ms, 30s, 10m or 30d");
    humantime::parse_duration(text).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help() {
        let mut command = Cli::command().term_width(100);
        insta::assert_snapshot!(command.render_long_help().to_string());
    }

    #[test]
    fn help_of_claims() {
        let mut command = Cli::command().term_width(120);
        command.build();
        let claims = command.find_subcommand_mut("claims").unwrap();
        insta::assert_snapshot!(claims.render_long_help().to_string());
    }
}

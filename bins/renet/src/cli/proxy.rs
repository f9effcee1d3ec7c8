//! `renet proxy …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repo_network::NetworkId;

const INFRA_HELP: &str = "\
The infra JSON, every key may be missing:
  {\"public_ipv4\": \"203.0.113.50\", \"public_ipv6\": \"2001:db8::1\", \"base_domain\": \"example.com\",
   \"cert_email\": \"admin@example.com\", \"cf_dns_api_token\": \"…\", \"tcp_ports\": [25], \"udp_ports\": [53],
   \"acme_server\": \"https://…\"}
`rdc context push-infra` writes it. Variables for Traefik alone go into traefik.local.env beside traefik.yml.";

#[derive(Debug, Clone, Args)]
pub(crate) struct ProxyOptions {
    /// Everything is below this directory instead of /, and is no matter of systemd's: for images and trials
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) root: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: ProxyCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ProxyCommand {
    /// Bring Traefik's and the route server's settings up to date: infra JSON on standard input
    #[command(after_help = INFRA_HELP)]
    Configure(ConfigureOptions),
    /// Make users, directories and units of systemd; `configure` and `up` do it too where it is not done
    Install,
    /// Stop both and remove their units; settings, certificates, state and users stay
    Uninstall,
    /// Start both, and wait until they answer
    Up,
    /// Stop both
    Down,
    /// Print whether both run and what they say; exit code 1 when something does not
    Status(StatusOptions),
    /// Look for what keeps sites from being reached or from having a certificate: names, ports, the token, failed orders,
    /// what clients get; exit code 1 when something is wrong
    Check {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the logs of both
    Logs {
        /// Go on with what comes
        #[arg(long, short)]
        follow: bool,
        /// So many lines of what was
        #[arg(long, short = 'n', default_value_t = 100)]
        lines: u32,
    },
    /// Have the route server ask all daemons again
    Refresh,
    /// Print every router, and what is not routed and why
    Routes {
        /// Print what the route server answers as JSON
        #[arg(long)]
        json: bool,
    },
    /// List who owns which host, and decide it
    #[command(subcommand)]
    Claims(ClaimsAction),
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
        host: String,
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
pub(crate) struct ConfigureOptions {
    /// Print what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Start what does not run, as `up` does
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) up: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct StatusOptions {
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use repo_lifecycle::{RepositoryName, Size};
use repo_network::NetworkId;

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 something went wrong on the way, 2 the request makes no sense, 3 it is refused or somebody holds \
what is needed. Where docker compose or docker ran, the code is theirs.";

const INFRA_HELP: &str = "\
The infra JSON, every key may be missing:
  {\"public_ipv4\": \"203.0.113.50\", \"public_ipv6\": \"2001:db8::1\", \"base_domain\": \"example.com\",
   \"cert_email\": \"admin@example.com\", \"cf_dns_api_token\": \"…\", \"tcp_ports\": [25], \"udp_ports\": [53],
   \"acme_server\": \"https://…\"}
`rdc context push-infra` writes it. Variables for Traefik alone go into traefik.local.env beside traefik.yml.";

/// Repositories of a machine: their compose projects, their daemons, the proxy
#[derive(Debug, Parser)]
#[command(name = "renet", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// The version of the rdc that calls
    #[arg(long, value_name = "VERSION", hide = true)]
    pub(crate) caller_version: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// docker compose on a repository's daemon, with addresses, labels and names for its services
    Compose(ComposeOptions),
    /// docker on a repository's daemon
    Docker(DockerOptions),
    /// Traefik and the route server of this machine
    Proxy(ProxyOptions),
    /// The repositories of this machine and their daemons
    #[command(subcommand)]
    Repo(RepoCommand),
    /// What keeps the repositories' containers on their own addresses
    #[command(subcommand)]
    Fence(FenceCommand),
    /// Labels, without anything being started
    #[command(subcommand)]
    Labels(LabelsCommand),
    /// Steps of renet that are processes of their own
    #[command(subcommand, hide = true)]
    Internal(InternalCommand),
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum FenceCommand {
    /// Print which repositories are fenced, and how each service is; exit code 1 when one that runs is not
    Status {
        /// One repository; default: all
        name: Option<RepositoryName>,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Try it in a control group made for that, and tell what came of it; exit code 1 when it does not hold
    Check {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RepoCommand {
    /// Make a repository: a directory with a network of its own
    Create(CreateOptions),
    /// Print the repositories
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what is set up: its network, its files, its services' addresses, the hosts and ports that it holds
    Show {
        /// The repository
        name: RepositoryName,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what of a repository runs
    Status {
        /// The repository
        name: RepositoryName,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Start its daemon and run its Rediaccfiles: all prep, then all up
    Up {
        /// The repository
        name: RepositoryName,
        /// Mount its disk image first; a plain directory is mounted by being there
        #[arg(long)]
        mount: bool,
        /// So long it is waited for that everything can be reached, with a certificate
        #[arg(long, value_name = "TIME", default_value = "30s")]
        wait: humantime::Duration,
        #[command(flatten)]
        options: RunOptions,
    },
    /// Mount its disk image
    Mount {
        /// The repository
        name: RepositoryName,
        /// At this directory from now on
        #[arg(long, value_name = "DIR")]
        path: Option<PathBuf>,
    },
    /// Stop its daemon and its containers, and unmount its disk image; those that are to run come back with the next up
    Unmount {
        /// The repository
        name: RepositoryName,
    },
    /// Make its disk image larger
    Grow {
        /// The repository
        name: RepositoryName,
        /// The size that it is to have, e.g. 20G
        #[arg(long, value_name = "SIZE")]
        size: Size,
    },
    /// Print by which names and ports its services can be reached, with which certificates, and what cannot and why
    Routes(RoutesOptions),
    /// Show what its containers print, or what its last run did
    Logs(LogsOptions),
    /// Mount and start every repository that was up: after a reboot, where systemd does not
    Resume,
    /// Forget a repository, and free its hosts and public ports; its files stay
    Delete(DeleteOptions),
    /// Run its Rediaccfiles: all down
    Down {
        /// The repository
        name: RepositoryName,
        /// Stop its daemon too
        #[arg(long)]
        daemon: bool,
        #[command(flatten)]
        options: RunOptions,
    },
    /// Print which service has which slot, or free one that is no longer used
    Slots {
        /// The repository
        name: RepositoryName,
        /// Free the slot of this service: the next new one gets its address
        #[arg(long, value_name = "SERVICE")]
        free: Option<String>,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a repository into one file, with its addresses, hosts and public ports
    Export(ExportOptions),
    /// Make a repository of an export
    Import(ImportOptions),
    /// Write all logs as a tar stream on standard output
    #[command(hide = true)]
    SendLogs {
        /// The repository
        name: RepositoryName,
    },
    /// Take in files as a tar stream on standard input
    #[command(hide = true)]
    Receive(ReceiveOptions),
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LabelsCommand {
    /// Print what is wrong with the labels of compose files or containers; exit code 3 when something is
    Check(LabelsCheckOptions),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LabelsCheckOptions {
    #[command(flatten)]
    pub(crate) repository: RepositoryOptions,

    /// Compose files, or containers of the repository
    #[arg(required = true, value_name = "FILE|CONTAINER")]
    pub(crate) targets: Vec<String>,

    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CreateOptions {
    /// Lower-case letters, digits, - and _
    pub(crate) name: RepositoryName,

    /// Its directory; default: /mnt/rediacc/NAME
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,

    /// A disk image with its files, mounted at its directory; one that is there is taken as it is
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,

    /// Make the disk image, of this size, e.g. 10G
    #[arg(long, value_name = "SIZE", requires = "image")]
    pub(crate) size: Option<Size>,

    /// Its network; default: what a .rediacc.json in the directory says, else the lowest free one
    #[arg(long, value_name = "ID")]
    pub(crate) network_id: Option<NetworkId>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RoutesOptions {
    /// The repository
    pub(crate) name: RepositoryName,

    /// Wait so long until everything can be reached; exit code 1 when it cannot then
    #[arg(long, value_name = "TIME")]
    pub(crate) wait: Option<humantime::Duration>,

    /// Print them as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReceiveOptions {
    /// The repository
    pub(crate) name: RepositoryName,

    /// Remove what was pushed before and does not come
    #[arg(long)]
    pub(crate) delete: bool,

    /// Say what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExportOptions {
    /// The repository
    pub(crate) name: RepositoryName,

    /// The file to write; - is standard output
    pub(crate) file: PathBuf,

    /// Where it runs or is mounted: stop it for the copy, and bring it back after it
    #[arg(long)]
    pub(crate) stop: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ImportOptions {
    /// The repository's name from now on
    pub(crate) name: RepositoryName,

    /// The export; - is standard input
    pub(crate) file: PathBuf,

    /// Its directory, or where its disk image is mounted; default: /mnt/rediacc/NAME
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,

    /// Where its disk image is to be, if it is one
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LogsOptions {
    /// The repository
    pub(crate) name: RepositoryName,

    /// Services or containers; default: all
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Go on with what comes
    #[arg(long, short)]
    pub(crate) follow: bool,

    /// So many lines of what was, of each
    #[arg(long, short = 'n', default_value_t = 100)]
    pub(crate) lines: u32,

    /// What the functions of the last up or down printed instead
    #[arg(long, conflicts_with_all = ["services", "follow"])]
    pub(crate) runs: bool,
}

/// How functions of Rediaccfiles are run.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunOptions {
    /// End a function that takes longer, e.g. 10m
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<humantime::Duration>,

    /// A line `interrupt` on standard input does what ctrl-C does
    #[arg(long, hide = true)]
    pub(crate) interrupts_on_stdin: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeleteOptions {
    /// The repository
    pub(crate) name: RepositoryName,

    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Remove its files too: the disk image, or the directory with everything in it
    #[arg(long)]
    pub(crate) files: bool,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum InternalCommand {
    /// docker, within a Rediaccfile
    Docker {
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Mount a repository's disk image where it is not
    Mount { id: NetworkId },
    /// Into a repository's control group, and on to hold-inside
    Hold { id: NetworkId },
    /// Have the route server answer Traefik's held polls, before Traefik is stopped
    ReleasePolls,
    /// Keep a repository's namespaces
    HoldInside { id: NetworkId },
    /// Try something with a socket in a control group
    FenceAct { group: PathBuf, action: String, address: std::net::SocketAddr },
    /// Become a daemon of a repository, in its namespaces
    Run { id: NetworkId, program: DaemonProgram },
}

/// The daemons of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DaemonProgram {
    Containerd,
    Dockerd,
}

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

/// Which repository it is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct RepositoryOptions {
    /// The repository's root; default: the nearest directory upwards that has a .rediacc.json
    #[arg(long, value_name = "DIR", env = "REPOSITORY_PATH")]
    pub(crate) repository: Option<PathBuf>,

    /// The repository's network ID; default: what its .rediacc.json says
    #[arg(long, value_name = "ID", env = "REPOSITORY_NETWORK_ID")]
    pub(crate) network_id: Option<NetworkId>,
}

#[derive(Debug, Clone, Args)]
#[command(
    override_usage = "renet compose [--repository DIR] [--network-id ID] [--dry-run] -- COMMAND...\n       \
                      renet compose plan [--json] [-- FLAGS...]\n       \
                      renet compose diff [--json] [-- FLAGS...]",
    args_conflicts_with_subcommands = false,
    after_help = "\
Everything after -- is docker compose's: renet compose -- up -d, renet compose -- logs -f web.
Each service gets an address of the repository, the same for good; compose files may use it as ${NAME_IP}, a container
as SERVICE_IP. Its network is the host's, its neighbours find it by name, and what is routed follows from its labels.
DOCKER_COMPOSE_BIN names the program to use instead of `docker compose`."
)]
pub(crate) struct ComposeOptions {
    #[command(flatten)]
    pub(crate) repository: RepositoryOptions,

    /// Print what would be written and run, and do neither
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(subcommand)]
    pub(crate) command: Option<ComposeCommand>,

    /// What docker compose is to do
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ComposeCommand {
    /// Print each service with its address, what is added to it, the routes that will come, and the problems
    Plan {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        /// Flags of docker compose before a command, e.g. -f FILE
        #[arg(last = true, value_name = "FLAGS")]
        arguments: Vec<String>,
    },
    /// Print what `up -d` would do to the containers that exist, and what changes in what is added
    Diff {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        /// Flags of docker compose before a command, e.g. -f FILE
        #[arg(last = true, value_name = "FLAGS")]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Clone, Args)]
#[command(
    override_usage = "renet docker [--repository DIR] [--network-id ID] -- COMMAND...",
    after_help = "Everything after -- is docker's: renet docker -- ps"
)]
pub(crate) struct DockerOptions {
    #[command(flatten)]
    pub(crate) repository: RepositoryOptions,

    /// What docker is to do
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) arguments: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help() {
        let mut command = Cli::command().term_width(100);
        command.build();
        insta::assert_snapshot!("help", command.render_long_help().to_string());
        let compose = command.find_subcommand_mut("compose").unwrap();
        insta::assert_snapshot!("help_of_compose", compose.render_long_help().to_string());
    }
}

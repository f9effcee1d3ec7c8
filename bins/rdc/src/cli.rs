use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use machine_context::{ContextName, Target};
use repo_lifecycle::{RepositoryName, Size};

const AFTER_HELP: &str = "\
From an empty machine to https://app.example.com:
  rdc context create server-1 --ssh root@203.0.113.50
  rdc context setup server-1 --traefik ./traefik --install
  rdc context set-infra server-1 --public-ipv4 203.0.113.50 --base-domain example.com \\
      --cert-email admin@example.com --cf-dns-token -
  rdc context push-infra server-1
  rdc repo create my-app -m server-1
  rdc repo push my-app ./my-app -m server-1
  rdc repo up my-app -m server-1 --mount

Exit codes: 0 done, 1 something went wrong on the way, 2 the request makes no sense, 3 it is refused or somebody holds \
what is needed. RDC_SSH_COMMAND is used instead of ssh, RDC_CONFIG_DIR instead of ~/.config/rediacc.";

/// From the operator's desk: machines by name, their proxies, their repositories
#[derive(Debug, Parser)]
#[command(name = "rdc", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The machines that you know by name
    #[command(subcommand)]
    Context(ContextCommand),
    /// Repositories of a machine
    #[command(subcommand)]
    Repo(RepoCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Give a machine a name
    Create(CreateOptions),
    /// Print the machines
    List {
        /// Print them as JSON, without their tokens
        #[arg(long)]
        json: bool,
    },
    /// Forget a machine; nothing on it changes
    Delete {
        /// The machine
        name: ContextName,
    },
    /// Say what a machine's proxy is to be like; what is not given stays, and an empty value takes the old one away
    SetInfra(InfraOptions),
    /// Copy our programs and Traefik to a machine and make units of systemd there; again for a newer version
    Setup(SetupOptions),
    /// Bring a machine's proxy up to date and start it; again after every change
    PushInfra {
        /// The machine
        name: ContextName,
        /// Print what would change on the machine, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask first; without a terminal nothing is asked
        #[arg(long, short)]
        yes: bool,
    },
    /// Print what is known of a machine, without its token
    Show {
        /// The machine
        name: ContextName,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Choose the machine that is meant where -m is not given
    Use {
        /// The machine
        name: ContextName,
    },
    /// Look on the machine for what keeps sites from being reached or from having a certificate
    Check {
        /// The machine
        name: ContextName,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateOptions {
    /// Letters, digits, ., - and _
    pub(crate) name: ContextName,

    /// Where it is: user@host[:port], or a host of your ssh configuration
    #[arg(long, value_name = "DESTINATION", required_unless_present = "local")]
    pub(crate) ssh: Option<Target>,

    /// It is this machine
    #[arg(long, conflicts_with = "ssh")]
    pub(crate) local: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SetupOptions {
    /// The machine
    pub(crate) name: ContextName,

    /// Traefik, version 3, for that machine; default: one beside the programs, else what is there
    #[arg(long, value_name = "FILE")]
    pub(crate) traefik: Option<PathBuf>,

    /// Directory with renet and route-server for that machine; default: where this program is
    #[arg(long, value_name = "DIR")]
    pub(crate) programs: Option<PathBuf>,

    /// Install Docker, docker compose and what else is missing there, with the line that is shown
    #[arg(long)]
    pub(crate) install: bool,

    /// Print what is there and what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do not ask first; without a terminal nothing is asked
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InfraOptions {
    /// The machine
    pub(crate) name: ContextName,

    /// The address that the internet reaches it by
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) public_ipv4: Option<String>,

    /// The same for IPv6
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) public_ipv6: Option<String>,

    /// The domain below which auto-routes are
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) base_domain: Option<String>,

    /// Whom the certificate authority may write to
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) cert_email: Option<String>,

    /// Cloudflare's token (right: Zone:DNS:Edit); - reads it from standard input, where no process list shows it
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true, conflicts_with = "cf_dns_token_file")]
    pub(crate) cf_dns_token: Option<String>,

    /// File with Cloudflare's token
    #[arg(long, value_name = "FILE")]
    pub(crate) cf_dns_token_file: Option<PathBuf>,

    /// TCP ports beside the ones that are always there, with commas between them
    #[arg(long, value_name = "PORTS")]
    pub(crate) tcp_ports: Option<String>,

    /// UDP ports beside the ones that are always there, with commas between them
    #[arg(long, value_name = "PORTS")]
    pub(crate) udp_ports: Option<String>,

    /// Another certificate authority than Let's Encrypt: the URL of its directory
    #[arg(long, value_name = "URL")]
    pub(crate) acme_server: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RepoCommand {
    /// Make a repository: a directory with a network of its own
    Create {
        #[command(flatten)]
        which: Which,
        /// Its directory on the machine; default: /mnt/rediacc/NAME
        #[arg(long, value_name = "DIR")]
        path: Option<String>,
        /// A disk image on the machine with its files; one that is there is taken as it is
        #[arg(long, value_name = "FILE")]
        image: Option<String>,
        /// Make the disk image, of this size, e.g. 10G
        #[arg(long, value_name = "SIZE", requires = "image")]
        size: Option<Size>,
    },
    /// Print the repositories of a machine
    List {
        /// The machine; default: the one that `rdc context use` chose
        #[arg(short = 'm', long, value_name = "NAME")]
        machine: Option<ContextName>,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Mount its disk image
    Mount {
        #[command(flatten)]
        which: Which,
        /// At this directory of the machine from now on
        #[arg(long, value_name = "DIR")]
        path: Option<String>,
    },
    /// Stop its daemon and its containers, and unmount its disk image; those that are to run come back with the next up
    Unmount {
        #[command(flatten)]
        which: Which,
    },
    /// Make its disk image larger
    Grow {
        #[command(flatten)]
        which: Which,
        /// The size that it is to have, e.g. 20G
        #[arg(long, value_name = "SIZE")]
        size: Size,
    },
    /// Forget a repository, and free its hosts and public ports; its files stay
    Delete {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        /// Remove its files too: the disk image, or the directory with everything in it
        #[arg(long)]
        files: bool,
    },
    /// Send files, but for .git and what .rediaccignore names (as a .gitignore does); print what changes
    Push {
        #[command(flatten)]
        which: Which,
        /// The directory with the files
        #[arg(default_value = ".")]
        directory: PathBuf,
        /// Remove what was pushed before and is not among them any more; what else is there always stays
        #[arg(long)]
        delete: bool,
        /// Print what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write all of it into one file here, with its addresses, hosts and public ports
    Export {
        #[command(flatten)]
        which: Which,
        /// The file to write, here; - is standard output
        file: PathBuf,
        /// Where it runs or is mounted: stop it for the copy, and bring it back after it
        #[arg(long)]
        stop: bool,
    },
    /// Make a repository on a machine of an export that is here
    Import {
        #[command(flatten)]
        which: Which,
        /// The export, here; - is standard input
        file: PathBuf,
        /// Its directory on the machine, or where its disk image is mounted; default: /mnt/rediacc/NAME
        #[arg(long, value_name = "DIR")]
        path: Option<String>,
        /// Where its disk image is to be on the machine, if it is one
        #[arg(long, value_name = "FILE")]
        image: Option<String>,
    },
    /// Start its daemon and run its Rediaccfiles: all prep, then all up
    Up {
        #[command(flatten)]
        which: Which,
        /// Mount its disk image first; a plain directory is mounted by being there
        #[arg(long)]
        mount: bool,
        /// So long it is waited for that everything can be reached, with a certificate; default: 30s
        #[arg(long, value_name = "TIME")]
        wait: Option<String>,
        /// End a function that takes longer, e.g. 10m
        #[arg(long, value_name = "TIME")]
        timeout: Option<String>,
    },
    /// Print by which names and ports its services can be reached, with which certificates, and what cannot and why
    Routes {
        #[command(flatten)]
        which: Which,
        /// Wait so long until everything can be reached; exit code 1 when it cannot then
        #[arg(long, value_name = "TIME")]
        wait: Option<String>,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Run its Rediaccfiles: all down
    Down {
        #[command(flatten)]
        which: Which,
        /// Stop its daemon too
        #[arg(long)]
        daemon: bool,
        /// End a function that takes longer, e.g. 10m
        #[arg(long, value_name = "TIME")]
        timeout: Option<String>,
    },
    /// Show what its containers print, or what its last run did
    Logs {
        #[command(flatten)]
        which: Which,
        /// Services or containers; default: all
        #[arg(value_name = "SERVICE")]
        services: Vec<String>,
        /// Go on with what comes
        #[arg(long, short)]
        follow: bool,
        /// So many lines of what was, of each
        #[arg(long, short = 'n', default_value_t = 100)]
        lines: u32,
        /// What the functions of the last up or down printed instead
        #[arg(long, conflicts_with_all = ["services", "follow"])]
        runs: bool,
    },
    /// Fetch all its logs as files: of its runs, its daemons, its containers
    PullLogs {
        #[command(flatten)]
        which: Which,
        /// Where they are put, here; default: NAME-logs
        directory: Option<PathBuf>,
    },
    /// Print what is set up: its network, its files, its services' addresses, the hosts and ports that it holds
    Show {
        #[command(flatten)]
        which: Which,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what of it runs, and by what it can be reached
    Status {
        #[command(flatten)]
        which: Which,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

/// A repository on a machine.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The repository
    pub(crate) name: RepositoryName,

    /// The machine; default: the one that `rdc context use` chose
    #[arg(short = 'm', long, value_name = "NAME")]
    pub(crate) machine: Option<ContextName>,
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
        insta::assert_snapshot!(command.render_long_help().to_string());
    }
}

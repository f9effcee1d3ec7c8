//! `renet repo …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repo_lifecycle::{RepositoryName, Size};
use repo_network::NetworkId;

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

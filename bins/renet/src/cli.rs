//! The command line: what can be asked for.

mod compose;
mod proxy;
mod repo;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use repo_lifecycle::RepositoryName;
use repo_network::NetworkId;

pub(crate) use self::{
    compose::{ComposeCommand, ComposeOptions, DockerOptions, RepositoryOptions},
    proxy::{ClaimsAction, ConfigureOptions, ProxyCommand, ProxyOptions, StatusOptions},
    repo::{
        CreateOptions, DeleteOptions, ExportOptions, ImportOptions, LogsOptions, ReceiveOptions, RepoCommand,
        RoutesOptions, RunOptions,
    },
};

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 something went wrong on the way, 2 the request makes no sense, 3 it is refused or somebody holds \
what is needed. Where docker compose or docker ran, the code is theirs.";

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

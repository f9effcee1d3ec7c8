//! `renet compose …` and `renet docker …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repo_network::NetworkId;

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

use repo_network::NetworkId;
use serde_json::{Map, Value, json};

/// The two daemons of a repository, as they are started.
///
/// Each repository has a dockerd *and* a containerd of its own: without the second one dockerd would join the
/// machine's, where one runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// Its network.
    pub id: NetworkId,
    /// The repository's root: images and containers are kept in it.
    pub root: String,
    /// The directory for what lasts until the next boot: `/run/rediacc/<ID>`.
    pub run: String,
    /// The socket that everybody talks to: `/var/run/rediacc/docker-<ID>.sock`.
    pub socket: String,
    /// The group whose members may talk to it beside root: the route server's. None: root alone.
    pub group: Option<String>,
}

/// What becomes of containers when their daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtItsEnd {
    /// They go on: as long as a repository is in use.
    ContainersGoOn,
    /// They end with it, and those that are to run always come back with it: before a file system is unmounted.
    ContainersEnd,
}

/// What the operator says for all daemons, and why it can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// No JSON object.
    #[error("it is no JSON object")]
    Syntax(#[source] serde_json::Error),
    /// Something that we decide ourselves.
    #[error("{0:?} is decided by renet for each repository; remove it")]
    Ours(String),
}

/// What the operator can't say: where things are, the network, and who may talk to the daemon.
const OURS: [&str; 19] = [
    "bridge",
    "cgroup-parent",
    "containerd",
    "data-root",
    "exec-opts",
    "exec-root",
    "fixed-cidr",
    "group",
    "host-gateway-ip",
    "hosts",
    "ip-forward",
    "ip-masq",
    "ip6tables",
    "iptables",
    "live-restore",
    "pidfile",
    "tls",
    "tlsverify",
    "userns-remap",
];

// === impl Daemon ===

impl Daemon {
    /// The control group, below the repository's, of containers that are put into none of their own.
    pub const CONTAINERS: &str = "containers";

    /// containerd's configuration file.
    #[must_use]
    pub fn containerd_config(&self) -> String {
        let path = |text: String| Value::from(text).to_string();
        format!(
            "version = 2\nroot = {}\nstate = {}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\n  address = {}\n[debug]\n  level = \"warn\"\n",
            path(format!("{}/.rediacc/containerd", self.root)),
            path(format!("{}/containerd", self.run)),
            path(self.containerd_socket()),
        )
    }

    /// The file that [`containerd_config`](Self::containerd_config) goes to: in the repository, since it must be there
    /// after a reboot.
    #[must_use]
    pub fn containerd_config_file(&self) -> String {
        format!("{}/.rediacc/containerd.toml", self.root)
    }

    /// dockerd's configuration file: what the operator says for all daemons, and what must be possible to change while
    /// it runs.
    ///
    /// # Errors
    /// [`DaemonError`] when the operator's settings can't be taken.
    pub fn dockerd_config(operators: Option<&str>, at_its_end: AtItsEnd) -> Result<String, DaemonError> {
        let mut settings: Map<String, Value> = match operators {
            Some(text) => serde_json::from_str(text).map_err(DaemonError::Syntax)?,
            None => Map::new(),
        };
        if let Some(key) = settings.keys().find(|key| OURS.contains(&key.as_str())) {
            return Err(DaemonError::Ours(key.clone()));
        }
        // In the file and not a flag, so that it can be changed while it runs. Said either way: a daemon that reads the
        // file again keeps what is not in it.
        settings.insert("live-restore".to_owned(), json!(at_its_end == AtItsEnd::ContainersGoOn));
        if !settings.contains_key("log-driver") && !settings.contains_key("log-opts") {
            settings.insert("log-opts".to_owned(), json!({"max-size": "10m", "max-file": "3"}));
        }
        Ok(format!("{:#}\n", Value::Object(settings)))
    }

    /// The file that [`dockerd_config`](Self::dockerd_config) goes to.
    #[must_use]
    pub fn dockerd_config_file(&self) -> String {
        format!("{}/.rediacc/dockerd.json", self.root)
    }

    /// The file in which dockerd notes its process ID. A stale one keeps it from starting.
    #[must_use]
    pub fn pid_file(&self) -> String {
        format!("{}/dockerd.pid", self.run)
    }

    /// containerd's arguments.
    #[must_use]
    pub fn containerd_arguments(&self) -> Vec<String> {
        vec!["--config".to_owned(), self.containerd_config_file()]
    }

    /// dockerd's arguments.
    #[must_use]
    pub fn dockerd_arguments(&self) -> Vec<String> {
        let pairs = [
            ("--config-file", self.dockerd_config_file()),
            ("--containerd", self.containerd_socket()),
            ("--data-root", format!("{}/.rediacc/docker", self.root)),
            ("--exec-root", format!("{}/docker", self.run)),
            ("--pidfile", self.pid_file()),
            ("--host", format!("unix://{}", self.socket)),
            // Below the repository's own control group; systemd's driver would leave it.
            ("--exec-opt", "native.cgroupdriver=cgroupfs".to_owned()),
            ("--cgroup-parent", format!("/{}", Self::CONTAINERS)),
        ];
        let flags = [
            // Containers are on the host's network: there is nothing to set up.
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            // Without a bridge there is no address for host.docker.internal.
            "--host-gateway-ip=127.0.0.1",
        ];
        let group = [("--group", self.group.clone().unwrap_or_else(|| "root".to_owned()))];
        let pairs = pairs.into_iter().chain(group).flat_map(|(flag, value)| [flag.to_owned(), value]);
        pairs.chain(flags.map(str::to_owned)).collect()
    }

    fn containerd_socket(&self) -> String {
        format!("{}/containerd.sock", self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon() -> Daemon {
        Daemon {
            id: 2816.try_into().unwrap(),
            root: "/mnt/rediacc/my \"app\"".to_owned(),
            run: "/run/rediacc/2816".to_owned(),
            socket: "/var/run/rediacc/docker-2816.sock".to_owned(),
            group: Some("rediacc-router".to_owned()),
        }
    }

    fn dockerd_config(operators: &str) -> Result<String, DaemonError> {
        Daemon::dockerd_config(Some(operators), AtItsEnd::ContainersGoOn)
    }

    #[test]
    fn commands_and_files() {
        insta::assert_snapshot!(daemon().containerd_config());
        insta::assert_debug_snapshot!((daemon().containerd_arguments(), daemon().dockerd_arguments()));
        insta::assert_snapshot!(dockerd_config(r#"{"registry-mirrors": ["http://127.0.0.5"]}"#).unwrap());
    }

    #[test]
    fn what_the_operator_cannot_say() {
        let error = |text| dockerd_config(text).unwrap_err().to_string();
        assert_eq!(error("[]"), "it is no JSON object");
        assert_eq!(
            error(r#"{"hosts": ["tcp://0.0.0.0"]}"#),
            "\"hosts\" is decided by renet for each repository; remove it"
        );
        let own = dockerd_config(r#"{"log-opts": {"max-size": "1g"}}"#).unwrap();
        assert!(own.contains("\"1g\"") && !own.contains("10m") && own.contains("\"live-restore\": true"));
        let ending = Daemon::dockerd_config(None, AtItsEnd::ContainersEnd).unwrap();
        assert!(ending.contains("\"live-restore\": false"), "{ending}");
    }
}

//! What leads out of a container, by mistake or by a third party's compose file: refused, unless the operator allows it.
//!
//! The boundary is the container. Whoever writes a repository's Rediaccfile is root on the machine and needs none of
//! this; these are guards against files that people copy without reading them.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use repo_network::FENCE;
use serde::Deserialize;
use serde_json::Value;

use crate::{FenceMode, Model, ModelError, Problem, ProblemCode, Severity};

/// The capabilities that Docker gives every container; taking them away and adding some back is good practice.
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Directories of the system: who may write there is root on the machine.
const SYSTEM: [&str; 17] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/run",
    "/var/spool/cron",
];
/// Directories that tell everything about everybody, also to who may only read.
const TELLING: [&str; 4] = ["/etc", "/run", "/var/lib/docker", "/var/run"];
/// Parts of the names of images that are reverse proxies, or stand before a Docker socket for one.
const PROXIES: [&str; 8] = [
    "traefik",
    "nginx-proxy",
    "acme-companion",
    "letsencrypt-nginx",
    "caddy-docker-proxy",
    "socket-proxy",
    "swag",
    "haproxy",
];

/// What is where on the machine.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The repository's own root: what is below it is its own.
    pub own: PathBuf,
    /// What is nobody's business: other repositories, the proxy's and the route server's files, the sockets.
    pub others: BTreeMap<PathBuf, String>,
}

/// What the operator allows all the same, for one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allowed {
    /// `privileged: true`
    pub privileged: bool,
    /// Namespaces of the host: `pid`, `ipc`, `userns_mode`.
    pub namespaces: Vec<String>,
    /// Capabilities, e.g. `NET_ADMIN`.
    pub capabilities: Vec<String>,
    /// Devices, e.g. `/dev/dri`, with what is below.
    pub devices: Vec<String>,
    /// Paths of the machine that may be bound, with what is below.
    pub paths: Vec<String>,
    /// What the label `rediacc.fence` may say: `off`, `lan`.
    pub fence: Vec<String>,
    /// Ports of the machine's 127.0.0.1 that are reached as `host.docker.internal`.
    pub host_ports: Vec<u16>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    services: BTreeMap<String, Value>,
    #[serde(default)]
    volumes: BTreeMap<String, Value>,
    #[serde(default)]
    secrets: BTreeMap<String, Value>,
    #[serde(default)]
    configs: BTreeMap<String, Value>,
}

struct Judge<'a> {
    surroundings: &'a Surroundings,
    allowed: &'a Allowed,
    resolve: &'a dyn Fn(&Path) -> PathBuf,
    problems: Vec<Problem>,
}

/// What in a project is refused. `json` is what `docker compose config --format json` prints, with the variables put in;
/// `model` is the project as it is written, with the paths of its `env_file`s (one with a variable in it is not looked
/// at); `resolve` follows the symbolic links of a path, as far as it exists.
///
/// # Errors
/// [`ModelError`] when it is no compose model.
pub fn refusals(
    json: &str,
    model: &Model,
    surroundings: &Surroundings,
    allowed: &Allowed,
    resolve: &dyn Fn(&Path) -> PathBuf,
) -> Result<Vec<Problem>, ModelError> {
    let outcome: Outcome = serde_json::from_str(json).map_err(ModelError::Syntax)?;
    let mut judge = Judge { surroundings, allowed, resolve, problems: Vec::new() };
    for (name, service) in &outcome.services {
        judge.service(name, service);
        judge.build(name, service);
        for (key, path) in model.services.get(name).into_iter().flat_map(|service| &service.variable_files) {
            if path.starts_with('/') && !path.contains('$') {
                judge.path(&Subject { service: name, key: format!("services.{name}.{key}") }, path, true);
            }
        }
    }
    for (name, volume) in &outcome.volumes {
        judge.volume(name, volume);
    }
    // Outside of a swarm both are binds that may be read.
    for (section, files) in [("secrets", &outcome.secrets), ("configs", &outcome.configs)] {
        for (name, file) in files {
            let source = file.get("file").map(unescaped).unwrap_or_default();
            if !source.is_empty() {
                judge.path(&Subject { service: "", key: format!("{section}.{name}.file") }, &source, true);
            }
        }
    }
    Ok(judge.problems)
}

// === impl Allowed ===

impl Allowed {
    /// What both allow, together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.privileged |= other.privileged;
        self.namespaces.extend_from_slice(&other.namespaces);
        self.capabilities.extend_from_slice(&other.capabilities);
        self.devices.extend_from_slice(&other.devices);
        self.paths.extend_from_slice(&other.paths);
        self.fence.extend_from_slice(&other.fence);
        self.host_ports.extend_from_slice(&other.host_ports);
        self
    }

    /// Whether a service may have such a fence.
    #[must_use]
    pub fn fence(&self, mode: FenceMode) -> bool {
        let may = |word: &str| self.fence.iter().any(|allowed| allowed == word);
        match mode {
            FenceMode::On => true,
            FenceMode::Lan => may("lan") || may("off"),
            FenceMode::Off => may("off"),
        }
    }

    fn capability(&self, name: &str) -> bool {
        self.capabilities.iter().any(|allowed| plain_capability(allowed) == name)
    }
}

// === impl Judge ===

impl Judge<'_> {
    fn service(&mut self, name: &str, service: &Value) {
        let text = |key: &str| service.get(key).map(unescaped).unwrap_or_default();
        if service.get("privileged") == Some(&Value::Bool(true)) && !self.allowed.privileged {
            let message = "a privileged container is root on the machine";
            self.refuse(
                ProblemCode::Privileged,
                name,
                "privileged",
                message,
                "remove it, or ask for the one capability or device that is needed",
            );
        }
        for key in ["pid", "ipc", "userns_mode"] {
            if text(key) == "host" && !self.allowed.namespaces.iter().any(|allowed| allowed == key) {
                let message = format!("{key}: host shows and gives the container everybody's");
                self.refuse(ProblemCode::HostNamespace, name, key, &message, "remove it");
            }
        }
        for (at, capability) in list(service, "cap_add") {
            let plain = plain_capability(&capability);
            if !DEFAULT_CAPABILITIES.contains(&plain.as_str()) && !self.allowed.capability(&plain) {
                let message = format!("{plain} reaches beyond the container, on the host's network above all");
                self.refuse(ProblemCode::Capability, name, &format!("cap_add.{at}"), &message, "remove it");
            }
        }
        for (at, option) in list(service, "security_opt") {
            if option.ends_with("unconfined") && !self.allowed.privileged {
                let message = format!("{option} takes Docker's guards away");
                self.refuse(ProblemCode::Privileged, name, &format!("security_opt.{at}"), &message, "remove it");
            }
        }
        self.fence(name, service);
        self.devices(name, service);
        let image = text("image");
        for (at, volume) in service.get("volumes").and_then(Value::as_array).into_iter().flatten().enumerate() {
            if volume.get("type").and_then(Value::as_str) == Some("bind") {
                let source = volume.get("source").map(unescaped).unwrap_or_default();
                let read_only = volume.get("read_only") == Some(&Value::Bool(true));
                self.bind(name, &format!("volumes.{at}"), &source, read_only, &image);
            }
        }
    }

    fn fence(&mut self, name: &str, service: &Value) {
        let label = service.get("labels").and_then(|labels| labels.get(FENCE)).map(unescaped).unwrap_or_default();
        if let Some(mode) = FenceMode::of_label(&label)
            && !self.allowed.fence(mode)
        {
            let message = format!("{FENCE}={label} needs the operator's word");
            let hint = format!("remove it, or have fence = [\"{label}\"] put into /etc/rediacc/allow.toml");
            self.refuse(ProblemCode::FenceNotAllowed, name, "labels", &message, &hint);
        }
    }

    fn devices(&mut self, name: &str, service: &Value) {
        for (at, device) in service.get("devices").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let source = device.get("source").map_or_else(|| unescaped(device), unescaped);
            let source = source.split(':').next().unwrap_or_default();
            self.device(&Subject { service: name, key: format!("services.{name}.devices.{at}") }, source);
        }
        if service.get("device_cgroup_rules").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty()) {
            let message = "the rules open devices of the machine";
            self.refuse(ProblemCode::Device, name, "device_cgroup_rules", message, "remove it");
        }
    }

    /// What a build copies into an image, and what `watch` copies into a container.
    fn build(&mut self, name: &str, service: &Value) {
        let mut sources = Vec::new();
        if let Some(build) = service.get("build") {
            sources.push(("build.context".to_owned(), build.get("context").map(unescaped).unwrap_or_default()));
            let more = build.get("additional_contexts").and_then(Value::as_object).into_iter().flatten();
            sources.extend(more.map(|(key, path)| (format!("build.additional_contexts.{key}"), unescaped(path))));
        }
        let watched = service.pointer("/develop/watch").and_then(Value::as_array).into_iter().flatten().enumerate();
        sources.extend(
            watched.filter_map(|(at, rule)| Some((format!("develop.watch.{at}"), unescaped(rule.get("path")?)))),
        );
        // The rest are addresses of repositories, or names of images.
        for (key, source) in sources.iter().filter(|(_, source)| source.starts_with('/')) {
            self.path(&Subject { service: name, key: format!("services.{name}.{key}") }, source, true);
        }
    }

    /// A volume that is a directory of the machine in disguise.
    fn volume(&mut self, name: &str, volume: &Value) {
        let options = volume.get("driver_opts");
        let text = |key: &str| options.and_then(|options| options.get(key)).map(unescaped).unwrap_or_default();
        let (kind, flags, device) = (text("type"), text("o"), text("device"));
        let binds = kind == "none" || flags.split(',').any(|flag| matches!(flag, "bind" | "rbind"));
        let subject = |key: &str| Subject { service: "", key: format!("volumes.{name}.driver_opts.{key}") };
        if binds && !device.is_empty() {
            let read_only = flags.split(',').any(|flag| flag == "ro");
            // The daemon's working directory is the root.
            self.path(&subject("device"), &Path::new("/").join(&device).to_string_lossy(), read_only);
        } else if device.starts_with('/') {
            self.device(&subject("device"), &device);
        }
        for flag in flags.split(',') {
            let (option, paths) = flag.split_once('=').unwrap_or_default();
            if matches!(option, "lowerdir" | "upperdir" | "workdir") {
                let read_only = option == "lowerdir";
                paths.split(':').for_each(|path| {
                    self.path(&subject("o"), &Path::new("/").join(path).to_string_lossy(), read_only);
                });
            }
        }
    }

    fn device(&mut self, subject: &Subject<'_>, source: &str) {
        let path = self.real(source.split(':').next().unwrap_or_default());
        if !self.allowed.devices.iter().any(|allowed| is_below(&path, &(self.resolve)(Path::new(allowed)))) {
            let message = format!("{} is a device of the machine", shown(source, &path));
            self.push(subject, ProblemCode::Device, &message, "remove it");
        }
    }

    fn bind(&mut self, name: &str, key: &str, source: &str, read_only: bool, image: &str) {
        let subject = Subject { service: name, key: format!("services.{name}.{key}") };
        let real = self.real(source);
        if is_docker_socket(&real) || is_docker_socket(Path::new(source)) {
            if self.is_allowed(source) {
                return;
            }
            let is_proxy = PROXIES.iter().any(|part| image.to_ascii_lowercase().contains(part));
            let hint = if is_proxy {
                "the machine has a Traefik: remove this service, and keep the labels of the others"
            } else {
                "remove it: what it is for has to be done outside of containers"
            };
            self.push(&subject, ProblemCode::DockerSocket, "who reaches a Docker socket is root on the machine", hint);
            return;
        }
        self.path(&subject, source, read_only);
    }

    fn path(&mut self, subject: &Subject<'_>, source: &str, read_only: bool) {
        let real = self.real(source);
        // What is the repository's own is nobody else's, wherever it lies.
        if self.is_allowed(source) || is_below(&real, &self.surroundings.own) {
            return;
        }
        if let Some(whose) = self.foreign(&real) {
            let shown = shown(source, &real);
            self.push(
                subject,
                ProblemCode::ForeignPath,
                &format!("{shown} reaches into {whose}"),
                "bind a path of this repository",
            );
            return;
        }
        let real_system = |all: &[&str], reaches: &dyn Fn(&Path) -> bool| {
            all.iter().any(|path| reaches(Path::new(path)) || reaches(&(self.resolve)(Path::new(path))))
        };
        let writes = !read_only && real_system(&SYSTEM, &|path| is_below(&real, path) || is_below(path, &real));
        let tells = read_only && real_system(&TELLING, &|path| real == path || is_below(path, &real) && path != real);
        let shown = shown(source, &real);
        if writes {
            let message = format!("{shown} is the system's, and may be written");
            self.push(
                subject,
                ProblemCode::SystemPath,
                &message,
                "bind a path of this repository, or add :ro where reading is enough",
            );
        } else if tells {
            let message = format!("{shown} tells everything about the machine and its repositories");
            self.push(subject, ProblemCode::SystemPath, &message, "bind the one file that is needed");
        }
    }

    fn foreign(&self, real: &Path) -> Option<&str> {
        let others = &self.surroundings.others;
        let reached =
            others.iter().find(|(path, _)| is_below(real, path) || is_below(path, real) && real != Path::new("/"));
        reached.map(|(_, whose)| whose.as_str())
    }

    fn is_allowed(&self, source: &str) -> bool {
        let real = self.real(source);
        self.allowed.paths.iter().any(|allowed| is_below(&real, &(self.resolve)(Path::new(allowed))))
    }

    fn real(&self, source: &str) -> PathBuf {
        (self.resolve)(&normal(Path::new(source)))
    }

    fn refuse(&mut self, code: ProblemCode, service: &str, key: &str, message: &str, hint: &str) {
        let subject = Subject { service, key: format!("services.{service}.{key}") };
        self.push(&subject, code, message, hint);
    }

    fn push(&mut self, subject: &Subject<'_>, code: ProblemCode, message: &str, hint: &str) {
        let hint = format!("{hint} (or the operator allows it in /etc/rediacc/allow.toml)");
        let problem = Problem::at(Severity::Error, code, &subject.key, message, &hint);
        self.problems.push(problem.about(subject.service));
    }
}

struct Subject<'a> {
    service: &'a str,
    key: String,
}

/// Compose writes a dollar twice.
fn unescaped(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace("$$", "$")
}

fn list(service: &Value, key: &str) -> Vec<(usize, String)> {
    let items = service.get(key).and_then(Value::as_array);
    items.into_iter().flatten().map(unescaped).enumerate().collect()
}

fn plain_capability(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
}

fn is_docker_socket(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_socket =
        name == "docker.sock" || name == "containerd.sock" || (name.starts_with("docker-") && name.ends_with(".sock"));
    is_socket || is_below(path, Path::new("/run/rediacc")) || is_below(path, Path::new("/var/run/rediacc"))
}

/// Whether a path is another one or below it.
fn is_below(path: &Path, above: &Path) -> bool {
    path.starts_with(above)
}

/// Without `.` and `..`, by text: what does not exist has no links to follow.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

fn shown(source: &str, real: &Path) -> String {
    if Path::new(source) == real { source.to_owned() } else { format!("{source} (which is {})", real.display()) }
}

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

use crate::{Places, places::locate};

/// Something about a service that is not as it was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is; with an error nothing is started.
    pub severity: Severity,
    /// Which kind of thing.
    pub code: ProblemCode,
    /// The service; empty when it is not about one.
    pub service: String,
    /// The compose file, where it is known.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// The column in characters, from 1.
    pub column: Option<usize>,
    /// The key of the compose file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is started.
    Error,
    /// It will start, and will hardly do what was meant.
    Warning,
    /// Something that could be better.
    Info,
}

/// The kinds of problems; a code keeps its meaning for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum ProblemCode {
    /// A service is to have several containers, and there is one address.
    #[serde(rename = "RC001")]
    Replicas,
    /// Compose did not take over what the override document says.
    #[serde(rename = "RC002")]
    NotTakenOver,
    /// The service has no slot.
    #[serde(rename = "RC003")]
    NoSlot,
    /// A sysctl of the network cannot be set by a container on the host's network.
    #[serde(rename = "RC004")]
    NetworkSysctl,
    /// The auto-route leads to port 80, and the service declares another port.
    #[serde(rename = "RC005")]
    ServicePort,
    /// A name that no host can have.
    #[serde(rename = "RC006")]
    ServiceName,
    /// A name that belongs to another container.
    #[serde(rename = "RC007")]
    ContainerName,
    /// A name by which two services are found.
    #[serde(rename = "RC008")]
    NameTwice,
    /// A container would be root on the machine.
    #[serde(rename = "RC010")]
    Privileged,
    /// A container would see what is everybody's.
    #[serde(rename = "RC011")]
    HostNamespace,
    /// A capability that Docker does not give by itself.
    #[serde(rename = "RC012")]
    Capability,
    /// A device of the machine.
    #[serde(rename = "RC013")]
    Device,
    /// A Docker socket.
    #[serde(rename = "RC014")]
    DockerSocket,
    /// A directory of the system.
    #[serde(rename = "RC015")]
    SystemPath,
    /// A directory of another repository, or of the machine's own programs.
    #[serde(rename = "RC016")]
    ForeignPath,
    /// A health check or a command names localhost.
    #[serde(rename = "RC020")]
    Localhost,
    /// A service listens on every address.
    #[serde(rename = "RC021")]
    Wildcard,
    /// A user who is not root wants a port below 1024.
    #[serde(rename = "RC022")]
    LowPort,
    /// A port that an entry point or a neighbour has too.
    #[serde(rename = "RC023")]
    SharedPort,
    /// A control group of the user's own, in which the fence only refuses.
    #[serde(rename = "RC024")]
    ControlGroup,
    /// A word of the fence's label that means nothing.
    #[serde(rename = "RC025")]
    FenceWord,
    /// A service asks for a wider fence, or none, and the operator does not allow it.
    #[serde(rename = "RC026")]
    FenceNotAllowed,
}

// === impl ProblemCode ===

impl ProblemCode {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Replicas,
        Self::NotTakenOver,
        Self::NoSlot,
        Self::NetworkSysctl,
        Self::ServicePort,
        Self::ServiceName,
        Self::ContainerName,
        Self::NameTwice,
        Self::Privileged,
        Self::HostNamespace,
        Self::Capability,
        Self::Device,
        Self::DockerSocket,
        Self::SystemPath,
        Self::ForeignPath,
        Self::Localhost,
        Self::Wildcard,
        Self::LowPort,
        Self::SharedPort,
        Self::ControlGroup,
        Self::FenceWord,
        Self::FenceNotAllowed,
    ];
}

// === impl Problem ===

impl Problem {
    /// One about the key of a service, e.g. `deploy.replicas`; with an empty key about the service itself.
    #[must_use]
    pub fn of_service(
        severity: Severity,
        code: ProblemCode,
        service: &str,
        key: &str,
        message: &str,
        hint: &str,
    ) -> Self {
        let whole = format!("services.{service}.{key}");
        Self::at(severity, code, whole.trim_end_matches('.'), message, hint).about(service)
    }

    /// One about a key of the whole file, e.g. `volumes.data.driver_opts`.
    pub(crate) fn at(severity: Severity, code: ProblemCode, key: &str, message: &str, hint: &str) -> Self {
        Self {
            severity,
            code,
            service: String::new(),
            file: None,
            line: None,
            column: None,
            key: key.to_owned(),
            message: message.to_owned(),
            hint: hint.to_owned(),
        }
    }

    pub(crate) fn about(self, service: &str) -> Self {
        Self { service: service.to_owned(), ..self }
    }

    /// Says where it stands, when one of these files has it.
    pub fn locate(&mut self, files: &[(String, Places)]) {
        if let Some((file, place)) = locate(&self.key, files) {
            self.file = Some(file.to_owned());
            self.line = Some(place.line);
            self.column = Some(place.column);
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(file), Some(line), Some(column)) = (&self.file, self.line, self.column) {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        write!(f, "{}: {}; {}", self.key, self.message, self.hint)
    }
}

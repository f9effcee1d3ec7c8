//! The containers that a repository's daemon has.

use std::{collections::BTreeMap, time::Duration};

use command_line::Failure;
use compose_inject::{Model, Problem, ProblemCode, Severity};
use serde::Deserialize;

use crate::repository::Repository;

const PATIENCE: Duration = Duration::from_secs(10);

/// A container, running or not.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Existing {
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// `running`, `exited`, …
    #[serde(default)]
    pub(super) state: String,
}

// === impl Existing ===

impl Existing {
    /// All of a daemon's.
    pub(super) fn all(repository: &Repository) -> Result<Vec<Self>, Failure> {
        let socket = repository.socket();
        let what = format!("cannot ask the daemon at {}", socket.display());
        let answer = route_api::get_unix(&socket, "/containers/json?all=1", PATIENCE);
        let (status, body) = answer.map_err(|error| Failure::runtime(&what, &error))?;
        if status != 200 {
            return Err(Failure::Runtime(format!("{what}: it answers {status}")));
        }
        serde_json::from_str(&body).map_err(|error| Failure::runtime(&what, &error))
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.names.first().map(|name| name.trim_start_matches('/')).unwrap_or_default()
    }

    /// What docker compose calls its project; empty when it has none.
    pub(super) fn project(&self) -> &str {
        self.label("com.docker.compose.project")
    }

    /// The service of that project.
    pub(super) fn service(&self) -> &str {
        self.label("com.docker.compose.service")
    }

    /// Whether `docker compose run` made it.
    pub(super) fn is_one_off(&self) -> bool {
        self.label("com.docker.compose.oneoff") == "True"
    }

    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// Names of containers that somebody else has: Docker would find out when half of the project runs.
pub(super) fn taken_names(model: &Model, repository: &Repository) -> Vec<Problem> {
    let wanted = |(service, written): (&String, &compose_inject::Service)| {
        Some((written.container_name.clone()?, service.clone()))
    };
    let wanted: BTreeMap<_, _> = model.services.iter().filter_map(wanted).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    // A daemon that does not answer is compose's to name.
    let existing = Existing::all(repository).unwrap_or_default();
    let others = existing.iter().filter(|it| it.project() != model.project);
    let taken = others.filter_map(|it| {
        let service = wanted.get(it.name())?;
        let whose = match it.project() {
            "" => "no compose project".to_owned(),
            project => format!("service {} of project {project}", it.service()),
        };
        Some(Problem::of_service(
            Severity::Error,
            ProblemCode::ContainerName,
            service,
            "container_name",
            &format!("there is a container {:?} already, of {whose}", it.name()),
            "leave container_name out (services find each other by their names), or remove that container",
        ))
    });
    taken.collect()
}

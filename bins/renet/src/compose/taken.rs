//! Names that somebody else has.

use std::collections::BTreeMap;

use compose_inject::{Model, Problem, ProblemCode, Severity};

use crate::{containers::Existing, repository::Repository};

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
    let existing = Existing::all(&repository.socket()).unwrap_or_default();
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

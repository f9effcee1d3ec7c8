//! Problems that show in the structure alone, before any variable is put in.

use std::collections::BTreeMap;

use repo_network::{AUTO_ROUTE, SERVICE_PORT};

use crate::{
    Model, Problem, ProblemCode, Service, Severity,
    plan::{is_host_name, is_of_the_network},
};

/// The longest name that a host can have (`HOST_NAME_MAX` of Linux is 64, a label of DNS has 63 characters).
const MAX_NAME: usize = 63;

/// All of a model's.
pub(crate) fn of_structure(model: &Model) -> Vec<Problem> {
    let each = |(name, service): (&String, &Service)| {
        let all =
            [long_name(name), replicas(name, service), network_sysctls(name, service), service_port(name, service)];
        all.into_iter().flatten().collect::<Vec<_>>()
    };
    model.services.iter().flat_map(each).chain(names_twice(model)).collect()
}

/// A service's name is the name of its host.
fn long_name(name: &str) -> Option<Problem> {
    let length = name.chars().count();
    (length > MAX_NAME).then(|| {
        Problem::of_service(
            Severity::Error,
            ProblemCode::ServiceName,
            name,
            "",
            &format!("the name has {length} characters, and the name of a host has at most {MAX_NAME}"),
            "give it a shorter one",
        )
    })
}

/// One address carries one container: the second could not bind its port.
fn replicas(name: &str, service: &Service) -> Option<Problem> {
    let count = service.replicas.filter(|count| *count > 1)?;
    Some(Problem::of_service(
        Severity::Error,
        ProblemCode::Replicas,
        name,
        "deploy.replicas",
        &format!("{count} containers are asked for, and a service has one address"),
        "write one service for each, with names of their own",
    ))
}

/// Docker refuses to change the host's network for a container.
fn network_sysctls(name: &str, service: &Service) -> Option<Problem> {
    let dropped: Vec<_> = service.sysctls.keys().filter(|name| is_of_the_network(name)).map(String::as_str).collect();
    (!dropped.is_empty()).then(|| {
        Problem::of_service(
            Severity::Warning,
            ProblemCode::NetworkSysctl,
            name,
            "sysctls",
            &format!("{} would change the network of the whole machine; left out", dropped.join(", ")),
            "set it on the machine where it is needed",
        )
    })
}

/// Nothing is ever guessed: a database must not end up public because its port is known. But it can be said.
fn service_port(name: &str, service: &Service) -> Option<Problem> {
    let decided = [SERVICE_PORT, AUTO_ROUTE, "traefik.enable"].iter().any(|label| service.labels.contains_key(*label));
    let port = service.ports.iter().next().filter(|port| service.ports.len() == 1 && **port != 80 && !decided)?;
    Some(Problem::of_service(
        Severity::Info,
        ProblemCode::ServicePort,
        name,
        "labels",
        &format!("its auto-route leads to port 80, and it declares port {port}"),
        &format!("label it {SERVICE_PORT}={port} if people shall reach that, or {AUTO_ROUTE}=false"),
    ))
}

/// On a network of Docker's such a name leads now to one, now to the other; here the first one in the hosts file wins.
fn names_twice(model: &Model) -> Vec<Problem> {
    // The name, and the key that gives it.
    let given = |service: &Service| {
        let single = [("container_name", &service.container_name), ("hostname", &service.hostname)];
        let single = single.into_iter().filter_map(|(key, name)| Some((name.clone()?, key)));
        single.chain(service.aliases.iter().map(|alias| (alias.clone(), "networks"))).collect::<BTreeMap<_, _>>()
    };
    let mut owners: BTreeMap<String, &str> = model.services.keys().map(|name| (name.clone(), name.as_str())).collect();
    let mut problems = Vec::new();
    for (service, written) in &model.services {
        for (name, key) in given(written).into_iter().filter(|(name, _)| is_host_name(name)) {
            match owners.get(&name) {
                Some(owner) if owner != service => problems.push(Problem::of_service(
                    Severity::Warning,
                    ProblemCode::NameTwice,
                    service,
                    key,
                    &format!("{name:?} leads to service {owner}"),
                    "give this one a name of its own where others shall find it by that",
                )),
                Some(_) => {}
                None => drop(owners.insert(name, service)),
            }
        }
    }
    problems
}

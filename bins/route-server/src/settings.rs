use std::{fs, path::Path};

use route_http::Token;
use route_synthesis::{EntryPointKind, EntryPoints, Policy};

use crate::{
    cli::{RoutingOptions, ServeOptions},
    exit::{Failure, chain},
};

/// The policy that the flags make.
pub(crate) fn policy(options: &RoutingOptions) -> Policy {
    let entry_points: EntryPoints = if options.entrypoints.is_empty() {
        EntryPoints::preconfigured(options.dynamic_ports)
    } else {
        options.entrypoints.iter().cloned().collect()
    };
    let named = options.cert_resolver.iter().filter(|name| *name != "none" && !name.is_empty());
    Policy {
        base_domain: options.base_domain.clone(),
        resolvers: named.cloned().collect(),
        auto_route_certificate: options.auto_route_certificate.into(),
        entry_points,
        allowed_references: options.allow_reference.iter().cloned().collect(),
        dynamic_ports: options.dynamic_ports,
        grace: options.grace,
        stale_for: options.stale_for,
        isolation: options.isolation.into(),
        shared_hosts: options.shared_host.iter().cloned().collect(),
        claim_for: options.claim_for,
        certificates_per_week: options.certificates_per_week,
        hosts_per_repository: options.hosts_per_repository,
    }
}

/// Everything about the settings that does not hold; each is a sentence.
pub(crate) fn complaints(options: &ServeOptions) -> Vec<String> {
    let mut complaints = Vec::new();
    if !options.listen.ip().is_loopback() {
        complaints.push(format!(
            "--listen {}: not a loopback address; whoever reached it could read every route. Expected e.g. 127.0.0.1:7111",
            options.listen
        ));
    }
    let policy = policy(&options.routing);
    let has = |kind| policy.entry_points.of_kind(kind).next().is_some();
    if policy.base_domain.is_some() && policy.resolvers.is_empty() && !has(EntryPointKind::Http) {
        complaints.push(
            "--cert-resolver none puts auto-routes on an http entry point, and --entrypoints has none".to_owned(),
        );
    }
    if policy.base_domain.is_some() && !policy.resolvers.is_empty() && !has(EntryPointKind::Https) {
        complaints.push(
            "--base-domain: auto-routes need an https entry point (websecure), and --entrypoints has none; \
             --cert-resolver none puts them on an http one"
                .to_owned(),
        );
    }
    for socket in &options.sockets {
        if !socket.starts_with('/') {
            complaints.push(format!("--sockets {socket}: not an absolute path"));
        }
        if let Err(error) = glob::Pattern::new(socket) {
            complaints.push(format!("--sockets {socket}: no pattern: {}", error.msg));
        }
    }
    if let Some(Err(failure)) = options.token_file.as_deref().map(token) {
        complaints.push(failure);
    }
    complaints
}

/// The token of a file.
pub(crate) fn token(path: &Path) -> Result<Token, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("--token-file {}: {error}", path.display()))?;
    Token::try_new(&text).map_err(|error| format!("--token-file {}: {}", path.display(), chain(&error)))
}

/// Where the control socket is to be; an empty text says that there is to be none.
pub(crate) fn control_socket(options: &ServeOptions) -> Option<&Path> {
    let path = options.control_socket.as_path();
    (!path.as_os_str().is_empty()).then_some(path)
}

/// The settings, or all that is wrong with them.
pub(crate) fn validated(options: &ServeOptions) -> Result<(Policy, Option<Token>), Failure> {
    let complaints = complaints(options);
    if !complaints.is_empty() {
        return Err(Failure::Usage(complaints.join("\nroute-server: ")));
    }
    let token = options.token_file.as_deref().map(token).transpose().map_err(Failure::Usage)?;
    Ok((policy(&options.routing), token))
}

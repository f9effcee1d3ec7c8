//! Backends: built from the service's address and a checked port, never from a label's text.

use std::net::Ipv4Addr;

use repo_network::parse_port;
use traefik_model::{http, tcp, udp};

use crate::FindingCode;

/// Where a service's server is, and whether there is one at the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backend {
    pub(crate) address: Ipv4Addr,
    /// The port that holds where the service names none.
    pub(crate) default_port: Option<u16>,
    /// Whether the container can answer; otherwise the service has no servers, and clients get 503 instead of 404.
    pub(crate) serving: bool,
}

/// Why a service gets no server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoServer {
    pub(crate) code: FindingCode,
    pub(crate) message: String,
    pub(crate) field: &'static str,
}

/// A service whose servers are the container's.
pub(crate) trait Balanced {
    /// What the default service of a container is (Traefik's `SetDefaults`).
    fn balanced() -> Self;
    /// Replaces what labels said of the server by the container's address.
    fn set_server(&mut self, backend: Backend) -> Result<(), NoServer>;
    /// The URLs or addresses of its servers.
    fn backends(&self) -> Vec<&str>;
    /// Keeps only some of them.
    fn retain_backends(&mut self, keep: impl Fn(&str) -> bool);
}

// === impl NoServer ===

impl NoServer {
    fn new(code: FindingCode, field: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field }
    }

    fn no_load_balancer() -> Self {
        Self::new(FindingCode::NoLoadBalancer, "loadbalancer", "the service has no load balancer")
    }

    fn foreign(field: &'static str) -> Self {
        let message = "a server is always the container's own address: give a port instead";
        Self::new(FindingCode::ForeignBackend, field, message)
    }
}

fn port(text: &str, backend: Backend) -> Result<u16, NoServer> {
    if text.is_empty() {
        let message = "the service has no port: host networking exposes none that could be taken instead";
        return backend
            .default_port
            .ok_or_else(|| NoServer::new(FindingCode::NoPort, "loadbalancer.server.port", message));
    }
    let message = || format!("{text:?} is no port; expected a number from 1 to 65535");
    parse_port(text).ok_or_else(|| NoServer::new(FindingCode::BadPort, "loadbalancer.server.port", message()))
}

fn scheme(text: &str) -> Result<&str, NoServer> {
    match text {
        "" => Ok("http"),
        "http" | "https" | "h2c" => Ok(text),
        _ => {
            let message = format!("{text:?} is no scheme of a server; expected http, https or h2c");
            Err(NoServer::new(FindingCode::BadScheme, "loadbalancer.server.scheme", message))
        }
    }
}

impl Balanced for http::Service {
    fn balanced() -> Self {
        Self { load_balancer: Some(Box::new(http::LoadBalancer::with_defaults())), ..Self::default() }
    }

    fn set_server(&mut self, backend: Backend) -> Result<(), NoServer> {
        let balancer = self.load_balancer.as_mut().ok_or_else(NoServer::no_load_balancer)?;
        let said = balancer.servers.pop().unwrap_or_default();
        if !said.url.is_empty() {
            return Err(NoServer::foreign("loadbalancer.server.url"));
        }
        let url =
            format!("{}://{}:{}", scheme(said.scheme.as_str())?, backend.address, port(said.port.as_str(), backend)?);
        let server = http::Server { url: url.into(), scheme: "".into(), port: "".into(), ..said };
        balancer.servers = if backend.serving { vec![server] } else { Vec::new() };
        Ok(())
    }

    fn backends(&self) -> Vec<&str> {
        self.load_balancer.iter().flat_map(|balancer| &balancer.servers).map(|server| server.url.as_str()).collect()
    }

    fn retain_backends(&mut self, keep: impl Fn(&str) -> bool) {
        if let Some(balancer) = &mut self.load_balancer {
            balancer.servers.retain(|server| keep(server.url.as_str()));
        }
    }
}

impl Balanced for tcp::Service {
    fn balanced() -> Self {
        Self { load_balancer: Some(Box::new(tcp::LoadBalancer::with_defaults())), ..Self::default() }
    }

    fn set_server(&mut self, backend: Backend) -> Result<(), NoServer> {
        let balancer = self.load_balancer.as_mut().ok_or_else(NoServer::no_load_balancer)?;
        let said = balancer.servers.pop().unwrap_or_default();
        let address = format!("{}:{}", backend.address, port(said.port.as_str(), backend)?).into();
        let server = tcp::Server { address, port: "".into(), ..said };
        balancer.servers = if backend.serving { vec![server] } else { Vec::new() };
        Ok(())
    }

    fn backends(&self) -> Vec<&str> {
        self.load_balancer.iter().flat_map(|balancer| &balancer.servers).map(|server| server.address.as_str()).collect()
    }

    fn retain_backends(&mut self, keep: impl Fn(&str) -> bool) {
        if let Some(balancer) = &mut self.load_balancer {
            balancer.servers.retain(|server| keep(server.address.as_str()));
        }
    }
}

impl Balanced for udp::Service {
    fn balanced() -> Self {
        Self { load_balancer: Some(Box::new(udp::LoadBalancer::with_defaults())), ..Self::default() }
    }

    fn set_server(&mut self, backend: Backend) -> Result<(), NoServer> {
        let balancer = self.load_balancer.as_mut().ok_or_else(NoServer::no_load_balancer)?;
        let said = balancer.servers.pop().unwrap_or_default();
        let address = format!("{}:{}", backend.address, port(said.port.as_str(), backend)?).into();
        let server = udp::Server { address, port: "".into() };
        balancer.servers = if backend.serving { vec![server] } else { Vec::new() };
        Ok(())
    }

    fn backends(&self) -> Vec<&str> {
        self.load_balancer.iter().flat_map(|balancer| &balancer.servers).map(|server| server.address.as_str()).collect()
    }

    fn retain_backends(&mut self, keep: impl Fn(&str) -> bool) {
        if let Some(balancer) = &mut self.load_balancer {
            balancer.servers.retain(|server| keep(server.address.as_str()));
        }
    }
}

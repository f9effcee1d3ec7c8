//! What Traefik's Docker provider makes of one container's labels: default names, default services, and routers
//! tied to services (`spec/traefik-semantics.md` §2), with findings where it would lose the container.

use std::collections::BTreeMap;

use container_snapshot::Container;
use repo_network::NetworkId;
use traefik_labels::{Decoded, Severity as ProblemSeverity};
use traefik_model::{
    Configuration, Plugins, http,
    middleware::Middleware,
    role::{HttpRule, ServiceRef},
    tcp, tls, udp,
};

use crate::{
    AutoRouteCertificate, Finding, FindingCode, Policy, Severity, Subject,
    entry_points::EntryPointKind,
    identity::{DEFAULT_SERVICE_PORT, Identity},
    names::{auto, dns_label, normalize, published},
    servers::{Backend, Balanced},
};

/// One container on its way into the configuration.
pub(crate) struct Builder<'a> {
    pub(crate) id: NetworkId,
    pub(crate) container: &'a Container,
    pub(crate) identity: &'a Identity,
    pub(crate) policy: &'a Policy,
    pub(crate) serving: bool,
    pub(crate) findings: Vec<Finding>,
}

/// What a router of any protocol has in common.
pub(crate) trait Routed {
    /// The service that it leads to.
    fn service(&mut self) -> &mut ServiceRef;
}

impl Routed for http::Router {
    fn service(&mut self) -> &mut ServiceRef {
        &mut self.service
    }
}

impl Routed for tcp::Router {
    fn service(&mut self) -> &mut ServiceRef {
        &mut self.service
    }
}

impl Routed for udp::Router {
    fn service(&mut self) -> &mut ServiceRef {
        &mut self.service
    }
}

// === impl Builder ===

impl Builder<'_> {
    /// The container's auto-route, as published: one router and its service.
    pub(crate) fn auto_route(&mut self) -> Configuration {
        let mut configuration = Configuration::default();
        let Some((service, mut router)) = self.auto_router() else { return configuration };
        let name = auto(&service, self.id);
        router.service = name.as_str().into();
        let mut balanced = http::Service::balanced();
        let port = self.identity.service_port.unwrap_or(DEFAULT_SERVICE_PORT);
        if balanced.set_server(self.backend(Some(port))).is_ok() {
            configuration.http.routers.insert(name.clone(), router);
            configuration.http.services.insert(name, balanced);
        }
        configuration
    }

    /// The configuration that labels make, under the names that they give.
    pub(crate) fn labelled(&mut self, decoded: &Decoded) -> Configuration {
        let mut configuration = decoded.configuration.clone();
        let lost = Lost::of(decoded);
        self.refuse_shared(&mut configuration);
        let has_tcp = !configuration.tcp.routers.is_empty() || !configuration.tcp.services.is_empty();
        let has_udp = !configuration.udp.routers.is_empty() || !configuration.udp.services.is_empty();
        if has_tcp {
            self.tcp(&mut configuration.tcp, lost);
        }
        if has_udp {
            self.udp(&mut configuration.udp, lost);
        }
        let says_http = configuration.http != http::Http::default() || lost.http_routers || lost.http_services;
        if says_http {
            self.http(&mut configuration.http, lost);
        }
        configuration
    }

    fn http(&mut self, http: &mut http::Http, lost: Lost) {
        self.services("http", &mut http.services, http.routers.values(), lost.http_services, |router| &router.service);
        if http.routers.is_empty() && !lost.http_routers {
            self.default_router(http);
        }
        let rule = self.auto_router();
        let mut without_rule = Vec::new();
        for (name, router) in &mut http.routers {
            match (&rule, router.rule.is_empty()) {
                (_, false) => {}
                (Some((_, auto)), true) => {
                    router.rule = auto.rule.clone();
                    router.tls = router.tls.take().or_else(|| auto.tls.clone());
                }
                (None, true) => without_rule.push(name.clone()),
            }
        }
        for name in without_rule {
            http.routers.remove(&name);
            self.no_rule("http", &name);
        }
        self.link("http", &mut http.routers, &http.services, lost.http_services);
    }

    /// The router that Traefik makes where labels name none.
    fn default_router(&mut self, http: &mut http::Http) {
        let names: Vec<_> = http.services.keys().cloned().collect();
        match names.as_slice() {
            [] => {}
            [_] => {
                let name = self.default_name();
                http.routers.insert(name, http::Router::default());
            }
            several => {
                let message =
                    format!("no router, and {} services that one could lead to: {}", several.len(), several.join(", "));
                let hint = "add a router for each: traefik.http.routers.<name>.rule and .service";
                self.find(FindingCode::AmbiguousService, Severity::Error, message, Some(hint), String::new());
            }
        }
    }

    fn tcp(&mut self, tcp: &mut tcp::Tcp, lost: Lost) {
        self.services("tcp", &mut tcp.services, tcp.routers.values(), lost.tcp_services, |router| &router.service);
        let empty: Vec<_> =
            tcp.routers.iter().filter(|(_, router)| router.rule.is_empty()).map(|(name, _)| name.clone()).collect();
        for name in empty {
            tcp.routers.remove(&name);
            self.no_rule("tcp", &name);
        }
        self.link("tcp", &mut tcp.routers, &tcp.services, lost.tcp_services);
    }

    fn udp(&mut self, udp: &mut udp::Udp, lost: Lost) {
        self.services("udp", &mut udp.services, udp.routers.values(), lost.udp_services, |router| &router.service);
        self.link("udp", &mut udp.routers, &udp.services, lost.udp_services);
    }

    /// Gives every service the container's address, and the container a default service where a router needs one.
    fn services<'r, R: 'r, S: Balanced>(
        &mut self,
        protocol: &str,
        services: &mut BTreeMap<String, S>,
        mut routers: impl Iterator<Item = &'r R>,
        lost: bool,
        service: impl Fn(&R) -> &ServiceRef,
    ) {
        let wanted = routers.any(|router| service(router).is_empty());
        if services.is_empty() && wanted && !lost {
            services.insert(self.default_name(), S::balanced());
        }
        let backend = self.backend(self.identity.service_port.filter(|_| protocol == "http"));
        let mut refused = Vec::new();
        for (name, service) in services.iter_mut() {
            if let Err(why) = service.set_server(backend) {
                refused.push((name.clone(), why));
            }
        }
        for (name, why) in refused {
            services.remove(&name);
            let label = format!("traefik.{protocol}.services.{name}.{}", why.field);
            let hint =
                matches!(why.code, FindingCode::NoPort).then(|| format!("{label}=<the port that it listens on>"));
            self.find(why.code, Severity::Error, why.message, hint.as_deref(), label);
        }
    }

    /// Ties routers that name no service to the only one.
    fn link<R: Routed, S>(
        &mut self,
        protocol: &str,
        routers: &mut BTreeMap<String, R>,
        services: &BTreeMap<String, S>,
        lost: bool,
    ) {
        let names: Vec<_> = services.keys().cloned().collect();
        let mut unlinked = Vec::new();
        for (name, router) in routers.iter_mut() {
            let service = router.service();
            match names.as_slice() {
                _ if !service.is_empty() => {}
                [only] if !lost => *service = only.as_str().into(),
                _ => unlinked.push(name.clone()),
            }
        }
        for name in unlinked {
            routers.remove(&name);
            let label = format!("traefik.{protocol}.routers.{name}.service");
            if names.len() > 1 {
                let message = format!("router {name:?} could lead to several services: {}", names.join(", "));
                let hint = format!("{label}=<one of them>");
                self.find(FindingCode::AmbiguousService, Severity::Error, message, Some(&hint), label);
            } else {
                let message = format!("router {name:?} leads nowhere: its service could not be kept");
                self.find(FindingCode::DanglingReference, Severity::Error, message, None, label);
            }
        }
    }

    /// What every repository would share: no label may set it.
    fn refuse_shared(&mut self, configuration: &mut Configuration) {
        if configuration.tls != tls::Tls::default() {
            configuration.tls = tls::Tls::default();
            let message = "certificate stores belong to the whole machine; labels cannot set them";
            self.find(FindingCode::NotShared, Severity::Error, message, None, "traefik.tls.stores".to_owned());
        }
        if !configuration.http.models.is_empty() {
            configuration.http.models.clear();
            let message = "Traefik uses no models but its own";
            self.find(FindingCode::NotShared, Severity::Warning, message, None, "traefik.http.models".to_owned());
        }
        let is_plugin = |middleware: &Middleware| middleware.plugin != Plugins::default();
        let middlewares = &mut configuration.http.middlewares;
        let plugins: Vec<_> = middlewares.extract_if(.., |_, middleware| is_plugin(middleware)).collect();
        for (name, _) in plugins {
            let label = format!("traefik.http.middlewares.{name}.plugin");
            let message = "a plugin is code that runs in everybody's Traefik; labels cannot configure one";
            self.find(FindingCode::Plugin, Severity::Error, message, None, label);
        }
    }

    /// The DNS label of the service, and a router for its auto-route's host.
    fn auto_router(&mut self) -> Option<(String, http::Router)> {
        let domain = self.policy.base_domain.as_ref()?;
        let service = dns_label(&self.identity.service, self.id)?;
        let host = format!("{}.{domain}", published(&service, self.id));
        let resolver = self.policy.resolvers.first();
        let kind = if resolver.is_some() { EntryPointKind::Https } else { EntryPointKind::Http };
        let tls = resolver.map(|resolver| {
            let wildcard = || tls::CertificateDomain { main: format!("*.{domain}").into(), sans: Vec::new() };
            let domains = match self.policy.auto_route_certificate {
                AutoRouteCertificate::Wildcard => vec![wildcard()],
                // Without domains Traefik takes the rule's host.
                AutoRouteCertificate::Each => Vec::new(),
            };
            Box::new(http::RouterTls { cert_resolver: resolver.as_str().into(), domains, ..Default::default() })
        });
        let router = http::Router {
            rule: HttpRule(format!("Host(`{host}`)")),
            entry_points: self.policy.entry_points.of_kind(kind).map(Into::into).collect(),
            tls,
            ..Default::default()
        };
        Some((service, router))
    }

    /// Says why there is no auto-route, where one was to be expected.
    pub(crate) fn explain_missing_auto_route(&mut self) {
        if self.policy.base_domain.is_none() {
            let message = "auto-routes are off: no base domain is set";
            let hint = "rdc context set-infra <name> --base-domain example.com, then push-infra";
            self.find(FindingCode::AutoRoutesOff, Severity::Info, message, Some(hint), String::new());
        } else if dns_label(&self.identity.service, self.id).is_none() {
            let service = &self.identity.service;
            let message =
                format!("service name {service:?} makes no DNS label of at most 63 letters, digits and inner dashes");
            self.find(FindingCode::NoDnsLabel, Severity::Error, message, Some("rename the service"), String::new());
        }
    }

    /// Traefik's name for what a container defines without a name.
    fn default_name(&self) -> String {
        let label = |key: &str| self.container.labels.get(key).filter(|value| !value.is_empty());
        match (label("com.docker.compose.service"), label("com.docker.compose.project")) {
            (Some(service), Some(project)) => normalize(&format!("{service}_{project}")),
            _ => normalize(&self.container.name),
        }
    }

    fn backend(&self, default_port: Option<u16>) -> Backend {
        Backend { address: self.identity.address, default_port, serving: self.serving }
    }

    fn no_rule(&mut self, protocol: &str, name: &str) {
        let label = format!("traefik.{protocol}.routers.{name}.rule");
        let message = format!("router {name:?} has no rule");
        let hint = match protocol {
            "tcp" => format!("{label}=HostSNI(`*`)"),
            _ => format!("{label}=Host(`app.example.com`)"),
        };
        self.find(FindingCode::NoRule, Severity::Error, message, Some(&hint), label);
    }

    fn find(
        &mut self,
        code: FindingCode,
        severity: Severity,
        message: impl Into<String>,
        hint: Option<&str>,
        label: String,
    ) {
        let finding = Finding::new(code, severity, Subject::container(self.id, self.container), message).label(label);
        self.findings.push(Finding { hint: hint.map(str::to_owned), ..finding });
    }
}

/// Which kinds of entries a bad label cost.
#[derive(Debug, Clone, Copy, Default)]
struct Lost {
    http_routers: bool,
    http_services: bool,
    tcp_services: bool,
    udp_services: bool,
}

impl Lost {
    fn of(decoded: &Decoded) -> Self {
        let errors = decoded.problems.iter().filter(|problem| problem.severity == ProblemSeverity::Error);
        let labels: Vec<_> = errors.map(|problem| problem.label.to_ascii_lowercase()).collect();
        let any = |prefix: &str| labels.iter().any(|label| label.starts_with(prefix));
        Self {
            http_routers: any("traefik.http.routers"),
            http_services: any("traefik.http.services"),
            tcp_services: any("traefik.tcp.services"),
            udp_services: any("traefik.udp.services"),
        }
    }
}

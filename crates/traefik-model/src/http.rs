//! HTTP routers, services and servers transports.

use std::collections::BTreeMap;

use crate::{
    Duration, Shape, hidden,
    macros::schema,
    middleware,
    role::{
        BackendPath, BackendPort, BackendScheme, BackendUrl, EntryPointRef, HostFile, HostHeader, HttpRule,
        MiddlewareRef, ResolverRef, RouterRef, ServiceRef, TlsOptionsRef, TransportRef,
    },
    tls,
};

schema! {
    /// The `http` section.
    Http = "dynamic.HTTPConfiguration" {
        routers: BTreeMap<String, Router> = "routers" as "map[string]*dynamic.Router",
        services: BTreeMap<String, Service> = "services" as "map[string]*dynamic.Service",
        middlewares: BTreeMap<String, middleware::Middleware> = "middlewares" as "map[string]*dynamic.Middleware",
        models: BTreeMap<String, Model> = "models" as "map[string]*dynamic.Model",
        servers_transports: BTreeMap<String, ServersTransport> = "serversTransports" as "map[string]*dynamic.ServersTransport" [no_label],
    }
}

schema! {
    /// An HTTP router.
    Router = "dynamic.Router" {
        entry_points: Vec<EntryPointRef> = "entryPoints" as "[]string",
        middlewares: Vec<MiddlewareRef> = "middlewares" as "[]string",
        service: ServiceRef = "service" as "string",
        rule: HttpRule = "rule" as "string",
        parent_refs: Vec<RouterRef> = "parentRefs" as "[]string" [no_label],
        rule_syntax: String = "ruleSyntax" as "string",
        priority: i64 = "priority" as "int",
        tls: Option<Box<RouterTls>> = "tls" as "*dynamic.RouterTLSConfig" [allow_empty],
        observability: Option<Box<Observability>> = "observability" as "*dynamic.RouterObservabilityConfig",
    }
    hidden {
        "defaultRule": Shape::Scalar("bool"),
        "deniedEncodedPathCharacters": Shape::Struct(&hidden::ROUTER_DENIED_ENCODED_PATH_CHARACTERS),
    }
}

schema! {
    /// TLS of an HTTP router; its presence makes the router answer TLS only.
    RouterTls = "dynamic.RouterTLSConfig" {
        options: TlsOptionsRef = "options" as "string",
        cert_resolver: ResolverRef = "certResolver" as "string",
        domains: Vec<tls::CertificateDomain> = "domains" as "[]types.Domain",
    }
    hidden {
        "resolvedOptions": Shape::Scalar("string"),
    }
}

schema! {
    /// What is recorded of a router's requests.
    Observability = "dynamic.RouterObservabilityConfig" {
        access_logs: Option<bool> = "accessLogs" as "*bool",
        metrics: Option<bool> = "metrics" as "*bool",
        tracing: Option<bool> = "tracing" as "*bool",
        trace_verbosity: String = "traceVerbosity" as "types.TracingVerbosity",
    }
    hidden {
        "metadata": Shape::Struct(&hidden::OBSERVABILITY_METADATA),
    }
    defaults {
        trace_verbosity: "minimal".into(),
    }
}

schema! {
    /// An HTTP service: exactly one of its kinds is set.
    Service = "dynamic.Service" {
        middlewares: Vec<MiddlewareRef> = "middlewares" as "[]string",
        load_balancer: Option<Box<LoadBalancer>> = "loadBalancer" as "*dynamic.ServersLoadBalancer",
        highest_random_weight: Option<Box<HighestRandomWeight>> = "highestRandomWeight" as "*dynamic.HighestRandomWeight" [no_label],
        weighted: Option<Box<Weighted>> = "weighted" as "*dynamic.WeightedRoundRobin" [no_label],
        mirroring: Option<Box<Mirroring>> = "mirroring" as "*dynamic.Mirroring" [no_label],
        failover: Option<Box<Failover>> = "failover" as "*dynamic.Failover" [no_label],
    }
}

schema! {
    /// A service that spreads requests over servers.
    LoadBalancer = "dynamic.ServersLoadBalancer" {
        sticky: Option<Box<Sticky>> = "sticky" as "*dynamic.Sticky" [allow_empty],
        servers: Vec<Server> = "servers" as "[]dynamic.Server" [servers],
        strategy: String = "strategy" as "dynamic.BalancerStrategy",
        health_check: Option<Box<HealthCheck>> = "healthCheck" as "*dynamic.ServerHealthCheck",
        passive_health_check: Option<Box<PassiveHealthCheck>> = "passiveHealthCheck" as "*dynamic.PassiveServerHealthCheck",
        pass_host_header: Option<bool> = "passHostHeader" as "*bool" [json_always],
        response_forwarding: Option<Box<ResponseForwarding>> = "responseForwarding" as "*dynamic.ResponseForwarding",
        servers_transport: TransportRef = "serversTransport" as "string",
    }
    hidden {
        "nginxUpstreamHashBy": Shape::Scalar("string"),
    }
    defaults {
        strategy: "wrr".into(),
        pass_host_header: Some(true),
        response_forwarding: Some(Box::new(ResponseForwarding::with_defaults())),
    }
}

schema! {
    /// Sticky sessions.
    Sticky = "dynamic.Sticky" {
        cookie: Option<Box<Cookie>> = "cookie" as "*dynamic.Cookie" [allow_empty],
    }
}

schema! {
    /// The cookie of sticky sessions.
    Cookie = "dynamic.Cookie" {
        name: String = "name" as "string",
        secure: bool = "secure" as "bool",
        http_only: bool = "httpOnly" as "bool",
        same_site: String = "sameSite" as "string",
        max_age: i64 = "maxAge" as "int",
        path: Option<String> = "path" as "*string",
        domain: String = "domain" as "string",
    }
    hidden {
        "expires": Shape::Scalar("int"),
    }
    defaults {
        path: Some("/".into()),
    }
}

schema! {
    /// One server of an HTTP service. Labels set `scheme` and `port`, documents set `url`.
    Server = "dynamic.Server" {
        url: BackendUrl = "url" as "string",
        weight: Option<i64> = "weight" as "*int",
        preserve_path: bool = "preservePath" as "bool",
        scheme: BackendScheme = "scheme" as "string" [no_file, no_json],
        port: BackendPort = "port" as "string" [no_file, no_json],
    }
    hidden {
        "fenced": Shape::Scalar("bool"),
    }
}

schema! {
    /// Active health checks of HTTP servers.
    HealthCheck = "dynamic.ServerHealthCheck" {
        scheme: BackendScheme = "scheme" as "string",
        mode: String = "mode" as "string",
        path: BackendPath = "path" as "string",
        method: String = "method" as "string",
        status: i64 = "status" as "int",
        port: i64 = "port" as "int",
        interval: Duration = "interval" as "types.Duration",
        unhealthy_interval: Option<Duration> = "unhealthyInterval" as "*types.Duration",
        timeout: Duration = "timeout" as "types.Duration",
        hostname: HostHeader = "hostname" as "string",
        follow_redirects: Option<bool> = "followRedirects" as "*bool",
        headers: BTreeMap<String, String> = "headers" as "map[string]string",
    }
    defaults {
        mode: "http".into(),
        interval: Duration::from_millis(30000),
        timeout: Duration::from_millis(5000),
        follow_redirects: Some(true),
    }
}

schema! {
    /// Passive health checks of HTTP servers.
    PassiveHealthCheck = "dynamic.PassiveServerHealthCheck" {
        failure_window: Duration = "failureWindow" as "types.Duration",
        max_failed_attempts: i64 = "maxFailedAttempts" as "int",
    }
    defaults {
        failure_window: Duration::from_millis(10000),
        max_failed_attempts: 1,
    }
}

schema! {
    /// How responses are forwarded.
    ResponseForwarding = "dynamic.ResponseForwarding" {
        flush_interval: Duration = "flushInterval" as "types.Duration",
    }
    defaults {
        flush_interval: Duration::from_millis(100),
    }
}

schema! {
    /// A service that picks one of other services by rendezvous hashing.
    HighestRandomWeight = "dynamic.HighestRandomWeight" {
        services: Vec<HrwService> = "services" as "[]dynamic.HRWService",
        health_check: Option<Box<tls::ServiceHealthCheck>> = "healthCheck" as "*dynamic.HealthCheck" [allow_empty],
    }
}

schema! {
    /// One choice of a [`HighestRandomWeight`] service.
    HrwService = "dynamic.HRWService" {
        name: ServiceRef = "name" as "string",
        weight: Option<i64> = "weight" as "*int",
    }
    defaults {
        weight: Some(1),
    }
}

schema! {
    /// A service that spreads requests over other services by weight.
    Weighted = "dynamic.WeightedRoundRobin" {
        services: Vec<WeightedService> = "services" as "[]dynamic.WRRService",
        sticky: Option<Box<Sticky>> = "sticky" as "*dynamic.Sticky",
        health_check: Option<Box<tls::ServiceHealthCheck>> = "healthCheck" as "*dynamic.HealthCheck" [allow_empty],
    }
}

schema! {
    /// One choice of a [`Weighted`] service.
    WeightedService = "dynamic.WRRService" {
        name: ServiceRef = "name" as "string",
        weight: Option<i64> = "weight" as "*int",
    }
    hidden {
        "headers": Shape::Map(&Shape::Scalar("string")),
        "status": Shape::Scalar("*int"),
        "grpcStatus": Shape::Struct(&hidden::GRPCSTATUS),
    }
    defaults {
        weight: Some(1),
    }
}

schema! {
    /// A service that copies requests to mirrors.
    Mirroring = "dynamic.Mirroring" {
        service: ServiceRef = "service" as "string",
        mirror_body: Option<bool> = "mirrorBody" as "*bool",
        max_body_size: Option<i64> = "maxBodySize" as "*int64",
        mirrors: Vec<Mirror> = "mirrors" as "[]dynamic.MirrorService",
        health_check: Option<Box<tls::ServiceHealthCheck>> = "healthCheck" as "*dynamic.HealthCheck" [allow_empty],
    }
    defaults {
        mirror_body: Some(true),
        max_body_size: Some(-1),
    }
}

schema! {
    /// One mirror.
    Mirror = "dynamic.MirrorService" {
        name: ServiceRef = "name" as "string",
        percent: i64 = "percent" as "int",
    }
}

schema! {
    /// A service with a fallback.
    Failover = "dynamic.Failover" {
        service: ServiceRef = "service" as "string",
        fallback: ServiceRef = "fallback" as "string",
        health_check: Option<Box<tls::ServiceHealthCheck>> = "healthCheck" as "*dynamic.HealthCheck" [allow_empty],
        errors: Option<Box<FailoverErrors>> = "errors" as "*dynamic.FailoverError",
    }
}

schema! {
    /// Which answers count as failures.
    FailoverErrors = "dynamic.FailoverError" {
        max_request_body_bytes: Option<i64> = "maxRequestBodyBytes" as "*int64",
        status: Vec<String> = "status" as "[]string",
    }
    defaults {
        max_request_body_bytes: Some(-1),
    }
}

schema! {
    /// What an entry point adds to its routers; only Traefik's own are used.
    Model = "dynamic.Model" {
        middlewares: Vec<MiddlewareRef> = "middlewares" as "[]string",
        tls: Option<Box<RouterTls>> = "tls" as "*dynamic.RouterTLSConfig" [allow_empty],
        observability: Observability = "observability" as "dynamic.RouterObservabilityConfig",
    }
    hidden {
        "deniedEncodedPathCharacters": Shape::Struct(&hidden::ROUTER_DENIED_ENCODED_PATH_CHARACTERS),
        "defaultRuleSyntax": Shape::Scalar("string"),
    }
}

schema! {
    /// How Traefik talks to HTTP servers.
    ServersTransport = "dynamic.ServersTransport" {
        server_name: String = "serverName" as "string",
        insecure_skip_verify: bool = "insecureSkipVerify" as "bool",
        root_c_as: Vec<HostFile> = "rootCAs" as "[]types.FileOrContent",
        certificates: Vec<tls::Certificate> = "certificates" as "tls.Certificates",
        cipher_suites: Vec<String> = "cipherSuites" as "[]string",
        min_version: String = "minVersion" as "string",
        max_version: String = "maxVersion" as "string",
        max_idle_conns_per_host: i64 = "maxIdleConnsPerHost" as "int",
        forwarding_timeouts: Option<Box<ForwardingTimeouts>> = "forwardingTimeouts" as "*dynamic.ForwardingTimeouts",
        disable_http2: bool = "disableHTTP2" as "bool",
        peer_cert_uri: String = "peerCertURI" as "string",
        spiffe: Option<Box<tls::Spiffe>> = "spiffe" as "*dynamic.Spiffe" [allow_empty],
    }
}

schema! {
    /// Time limits of a [`ServersTransport`].
    ForwardingTimeouts = "dynamic.ForwardingTimeouts" {
        dial_timeout: Duration = "dialTimeout" as "types.Duration",
        response_header_timeout: Duration = "responseHeaderTimeout" as "types.Duration",
        idle_conn_timeout: Duration = "idleConnTimeout" as "types.Duration",
        read_idle_timeout: Duration = "readIdleTimeout" as "types.Duration",
        ping_timeout: Duration = "pingTimeout" as "types.Duration",
        read_timeout: Duration = "readTimeout" as "types.Duration" [no_json],
        write_timeout: Duration = "writeTimeout" as "types.Duration" [no_json],
    }
    defaults {
        dial_timeout: Duration::from_millis(30000),
        idle_conn_timeout: Duration::from_millis(90000),
        ping_timeout: Duration::from_millis(15000),
    }
}

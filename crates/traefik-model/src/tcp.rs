//! TCP routers, services, middlewares and servers transports.

use std::collections::BTreeMap;

use crate::{
    Duration, Shape, hidden,
    macros::schema,
    role::{
        BackendAddress, BackendPort, EntryPointRef, HostFile, MiddlewareRef, ResolverRef, ServiceRef, TcpRule,
        TlsOptionsRef, TransportRef,
    },
    tls,
};

schema! {
    /// The `tcp` section.
    Tcp = "dynamic.TCPConfiguration" {
        routers: BTreeMap<String, Router> = "routers" as "map[string]*dynamic.TCPRouter",
        services: BTreeMap<String, Service> = "services" as "map[string]*dynamic.TCPService",
        middlewares: BTreeMap<String, Middleware> = "middlewares" as "map[string]*dynamic.TCPMiddleware",
        servers_transports: BTreeMap<String, ServersTransport> = "serversTransports" as "map[string]*dynamic.TCPServersTransport" [no_label],
    }
    hidden {
        "models": Shape::Map(&Shape::Struct(&hidden::TCPMODEL)),
    }
}

schema! {
    /// A TCP router.
    Router = "dynamic.TCPRouter" {
        entry_points: Vec<EntryPointRef> = "entryPoints" as "[]string",
        middlewares: Vec<MiddlewareRef> = "middlewares" as "[]string",
        service: ServiceRef = "service" as "string",
        rule: TcpRule = "rule" as "string",
        rule_syntax: String = "ruleSyntax" as "string",
        priority: i64 = "priority" as "int",
        tls: Option<Box<RouterTls>> = "tls" as "*dynamic.RouterTCPTLSConfig" [allow_empty],
    }
}

schema! {
    /// TLS of a TCP router.
    RouterTls = "dynamic.RouterTCPTLSConfig" {
        passthrough: bool = "passthrough" as "bool" [json_always],
        options: TlsOptionsRef = "options" as "string",
        cert_resolver: ResolverRef = "certResolver" as "string",
        domains: Vec<tls::CertificateDomain> = "domains" as "[]types.Domain",
    }
}

schema! {
    /// A TCP service: exactly one of its kinds is set.
    Service = "dynamic.TCPService" {
        load_balancer: Option<Box<LoadBalancer>> = "loadBalancer" as "*dynamic.TCPServersLoadBalancer",
        weighted: Option<Box<Weighted>> = "weighted" as "*dynamic.TCPWeightedRoundRobin" [no_label],
    }
}

schema! {
    /// A service that spreads connections over servers.
    LoadBalancer = "dynamic.TCPServersLoadBalancer" {
        servers: Vec<Server> = "servers" as "[]dynamic.TCPServer" [servers],
        servers_transport: TransportRef = "serversTransport" as "string",
        proxy_protocol: Option<Box<ProxyProtocol>> = "proxyProtocol" as "*dynamic.ProxyProtocol" [allow_empty],
        termination_delay: Option<i64> = "terminationDelay" as "*int",
        health_check: Option<Box<HealthCheck>> = "healthCheck" as "*dynamic.TCPServerHealthCheck" [allow_empty],
    }
}

schema! {
    /// One server of a TCP service. Labels set `port`, documents set `address`.
    Server = "dynamic.TCPServer" {
        address: BackendAddress = "address" as "string" [no_label],
        port: BackendPort = "port" as "string" [no_json],
        tls: bool = "tls" as "bool",
    }
}

schema! {
    /// The PROXY protocol towards servers.
    ProxyProtocol = "dynamic.ProxyProtocol" {
        version: i64 = "version" as "int",
    }
    defaults {
        version: 2,
    }
}

schema! {
    /// Active health checks of TCP servers.
    HealthCheck = "dynamic.TCPServerHealthCheck" {
        port: i64 = "port" as "int",
        send: String = "send" as "string",
        expect: String = "expect" as "string",
        interval: Duration = "interval" as "types.Duration",
        unhealthy_interval: Option<Duration> = "unhealthyInterval" as "*types.Duration",
        timeout: Duration = "timeout" as "types.Duration",
    }
    defaults {
        interval: Duration::from_millis(30000),
        timeout: Duration::from_millis(5000),
    }
}

schema! {
    /// A service that spreads connections over other services by weight.
    Weighted = "dynamic.TCPWeightedRoundRobin" {
        services: Vec<WeightedService> = "services" as "[]dynamic.TCPWRRService",
        health_check: Option<Box<tls::ServiceHealthCheck>> = "healthCheck" as "*dynamic.HealthCheck" [allow_empty],
    }
}

schema! {
    /// One choice of a [`Weighted`] service.
    WeightedService = "dynamic.TCPWRRService" {
        name: ServiceRef = "name" as "string",
        weight: Option<i64> = "weight" as "*int",
    }
    defaults {
        weight: Some(1),
    }
}

schema! {
    /// A TCP middleware: exactly one of its kinds is set.
    Middleware = "dynamic.TCPMiddleware" {
        in_flight_conn: Option<Box<InFlightConn>> = "inFlightConn" as "*dynamic.TCPInFlightConn",
        ip_white_list: Option<Box<IpWhiteList>> = "ipWhiteList" as "*dynamic.TCPIPWhiteList",
        ip_allow_list: Option<Box<IpAllowList>> = "ipAllowList" as "*dynamic.TCPIPAllowList",
    }
}

schema! {
    /// Limits simultaneous connections.
    InFlightConn = "dynamic.TCPInFlightConn" {
        amount: i64 = "amount" as "int64",
    }
}

schema! {
    /// The former name of [`IpAllowList`].
    IpWhiteList = "dynamic.TCPIPWhiteList" {
        source_range: Vec<String> = "sourceRange" as "[]string",
    }
}

schema! {
    /// Only these client addresses.
    IpAllowList = "dynamic.TCPIPAllowList" {
        source_range: Vec<String> = "sourceRange" as "[]string",
    }
}

schema! {
    /// How Traefik talks to TCP servers.
    ServersTransport = "dynamic.TCPServersTransport" {
        dial_keep_alive: Duration = "dialKeepAlive" as "types.Duration",
        dial_timeout: Duration = "dialTimeout" as "types.Duration",
        proxy_protocol: Option<Box<ProxyProtocol>> = "proxyProtocol" as "*dynamic.ProxyProtocol" [allow_empty],
        termination_delay: Duration = "terminationDelay" as "types.Duration",
        tls: Option<Box<ClientTls>> = "tls" as "*dynamic.TLSClientConfig" [allow_empty],
    }
    defaults {
        dial_keep_alive: Duration::from_millis(15000),
        dial_timeout: Duration::from_millis(30000),
        termination_delay: Duration::from_millis(100),
    }
}

schema! {
    /// TLS towards TCP servers.
    ClientTls = "dynamic.TLSClientConfig" {
        server_name: String = "serverName" as "string",
        insecure_skip_verify: bool = "insecureSkipVerify" as "bool",
        root_c_as: Vec<HostFile> = "rootCAs" as "[]types.FileOrContent",
        certificates: Vec<tls::Certificate> = "certificates" as "tls.Certificates",
        peer_cert_uri: String = "peerCertURI" as "string",
        spiffe: Option<Box<tls::Spiffe>> = "spiffe" as "*dynamic.Spiffe" [allow_empty],
    }
}

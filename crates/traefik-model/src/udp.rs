//! UDP routers and services.

use std::collections::BTreeMap;

use crate::{
    macros::schema,
    role::{BackendAddress, BackendPort, EntryPointRef, ServiceRef},
};

schema! {
    /// The `udp` section.
    Udp = "dynamic.UDPConfiguration" {
        routers: BTreeMap<String, Router> = "routers" as "map[string]*dynamic.UDPRouter",
        services: BTreeMap<String, Service> = "services" as "map[string]*dynamic.UDPService",
    }
}

schema! {
    /// A UDP router.
    Router = "dynamic.UDPRouter" {
        entry_points: Vec<EntryPointRef> = "entryPoints" as "[]string",
        service: ServiceRef = "service" as "string",
    }
}

schema! {
    /// A UDP service: exactly one of its kinds is set.
    Service = "dynamic.UDPService" {
        load_balancer: Option<Box<LoadBalancer>> = "loadBalancer" as "*dynamic.UDPServersLoadBalancer",
        weighted: Option<Box<Weighted>> = "weighted" as "*dynamic.UDPWeightedRoundRobin" [no_label],
    }
}

schema! {
    /// A service that spreads sessions over servers.
    LoadBalancer = "dynamic.UDPServersLoadBalancer" {
        servers: Vec<Server> = "servers" as "[]dynamic.UDPServer" [servers],
    }
}

schema! {
    /// One server of a UDP service. Labels set `port`, documents set `address`.
    Server = "dynamic.UDPServer" {
        address: BackendAddress = "address" as "string" [no_label],
        port: BackendPort = "port" as "string" [no_file, no_json],
    }
}

schema! {
    /// A service that spreads sessions over other services by weight.
    Weighted = "dynamic.UDPWeightedRoundRobin" {
        services: Vec<WeightedService> = "services" as "[]dynamic.UDPWRRService",
    }
}

schema! {
    /// One choice of a [`Weighted`] service.
    WeightedService = "dynamic.UDPWRRService" {
        name: ServiceRef = "name" as "string",
        weight: Option<i64> = "weight" as "*int",
    }
    defaults {
        weight: Some(1),
    }
}

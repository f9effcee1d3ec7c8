//! Other names of things: of Traefik's earlier versions, of other proxies, and what people call them.

/// For a word in a struct of Go's that name: the path of fields from there that it stands for.
const SYNONYMS: &[(&str, &str, &str)] = &[
    ("dynamic.HTTPConfiguration", "frontends", "routers"),
    ("dynamic.HTTPConfiguration", "frontend", "routers"),
    ("dynamic.HTTPConfiguration", "backends", "services"),
    ("dynamic.HTTPConfiguration", "backend", "services"),
    ("dynamic.HTTPConfiguration", "filters", "middlewares"),
    ("", "ssl", "tls"),
    ("", "enabled", "enable"),
    ("", "enabling", "enable"),
    ("dynamic.Router", "ssl", "tls"),
    ("dynamic.Router", "host", "rule"),
    ("dynamic.Router", "hosts", "rule"),
    ("dynamic.Router", "rules", "rule"),
    ("dynamic.Router", "resolver", "tls.certResolver"),
    ("dynamic.Router", "backend", "service"),
    ("dynamic.Router", "filters", "middlewares"),
    ("dynamic.TCPRouter", "ssl", "tls"),
    ("dynamic.TCPRouter", "resolver", "tls.certResolver"),
    ("dynamic.RouterTLSConfig", "resolver", "certResolver"),
    ("dynamic.RouterTLSConfig", "domain", "domains"),
    ("dynamic.RouterTCPTLSConfig", "resolver", "certResolver"),
    ("dynamic.Service", "lb", "loadBalancer"),
    ("dynamic.Service", "balancer", "loadBalancer"),
    ("dynamic.Service", "protocol", "loadBalancer.server.scheme"),
    ("dynamic.ServersLoadBalancer", "protocol", "server.scheme"),
    ("dynamic.ServersLoadBalancer", "method", "strategy"),
    ("dynamic.ServersLoadBalancer", "algorithm", "strategy"),
    ("dynamic.ServersLoadBalancer", "stickiness", "sticky.cookie"),
    ("dynamic.ServersLoadBalancer", "check", "healthCheck"),
    ("dynamic.Server", "protocol", "scheme"),
    ("dynamic.Middleware", "ipfilter", "ipAllowList"),
    ("dynamic.Middleware", "whitelist", "ipAllowList"),
    ("dynamic.Middleware", "allowlist", "ipAllowList"),
    ("dynamic.Middleware", "gzip", "compress"),
    ("dynamic.Middleware", "compression", "compress"),
    ("dynamic.Middleware", "redirect", "redirectScheme"),
    ("dynamic.Middleware", "redirecttohttps", "redirectScheme"),
    ("dynamic.Middleware", "auth", "basicAuth"),
    ("dynamic.Middleware", "limit", "rateLimit"),
    ("dynamic.Middleware", "maxconn", "inFlightReq"),
    ("dynamic.Middleware", "errorpages", "errors"),
    ("dynamic.Middleware", "plugins", "plugin"),
    ("dynamic.BasicAuth", "users_file", "usersFile"),
    ("dynamic.DigestAuth", "users_file", "usersFile"),
    ("dynamic.ForwardAuth", "url", "address"),
    ("dynamic.RedirectScheme", "statuscode", "permanent"),
    ("dynamic.IPAllowList", "ranges", "sourceRange"),
    ("dynamic.IPAllowList", "ips", "sourceRange"),
    ("dynamic.IPAllowList", "sourceranges", "sourceRange"),
    ("dynamic.Headers", "requestheaders", "customRequestHeaders"),
    ("dynamic.Headers", "responseheaders", "customResponseHeaders"),
    ("dynamic.Headers", "sslforce", "sslRedirect"),
    ("dynamic.Headers", "hsts", "stsSeconds"),
    ("dynamic.Headers", "stsmaxage", "stsSeconds"),
    ("dynamic.Headers", "accesscontrolalloworigin", "accessControlAllowOriginList"),
    ("dynamic.Headers", "framedenied", "frameDeny"),
    ("dynamic.Headers", "csp", "contentSecurityPolicy"),
];

/// The path of fields that a word stands for in a struct.
pub(super) fn of(go_type: &str, word: &str) -> Option<&'static str> {
    let found = SYNONYMS.iter().find(|(place, name, _)| *place == go_type && name.eq_ignore_ascii_case(word));
    found.map(|(_, _, path)| *path)
}

/// Labels of Traefik v1 by what follows `traefik.`, with their successors; `NAME` is the router's or service's.
const FIRST_VERSION: &[(&str, &str)] = &[
    ("frontend.rule", "http.routers.NAME.rule"),
    ("frontend.entrypoints", "http.routers.NAME.entryPoints"),
    ("frontend.priority", "http.routers.NAME.priority"),
    ("frontend.backend", "http.routers.NAME.service"),
    ("frontend.passhostheader", "http.services.NAME.loadBalancer.passHostHeader"),
    ("frontend.auth.basic.users", "http.middlewares.NAME.basicAuth.users"),
    ("frontend.auth.basic.usersfile", "http.middlewares.NAME.basicAuth.usersFile"),
    ("frontend.auth.basic", "http.middlewares.NAME.basicAuth.users"),
    ("frontend.auth.digest.users", "http.middlewares.NAME.digestAuth.users"),
    ("frontend.auth.forward.address", "http.middlewares.NAME.forwardAuth.address"),
    ("frontend.redirect.entrypoint", "http.middlewares.NAME.redirectScheme.scheme"),
    ("frontend.redirect.regex", "http.middlewares.NAME.redirectRegex.regex"),
    ("frontend.redirect.replacement", "http.middlewares.NAME.redirectRegex.replacement"),
    ("frontend.redirect.permanent", "http.middlewares.NAME.redirectRegex.permanent"),
    ("frontend.whitelist.sourcerange", "http.middlewares.NAME.ipAllowList.sourceRange"),
    ("frontend.headers.customrequestheaders", "http.middlewares.NAME.headers.customRequestHeaders"),
    ("frontend.headers.customresponseheaders", "http.middlewares.NAME.headers.customResponseHeaders"),
    ("frontend.headers.", "http.middlewares.NAME.headers."),
    ("port", "http.services.NAME.loadBalancer.server.port"),
    ("protocol", "http.services.NAME.loadBalancer.server.scheme"),
    ("weight", "http.services.NAME.loadBalancer.server.weight"),
    ("backend.loadbalancer.stickiness", "http.services.NAME.loadBalancer.sticky.cookie"),
    ("backend.loadbalancer.method", "http.services.NAME.loadBalancer.strategy"),
    ("backend.healthcheck.", "http.services.NAME.loadBalancer.healthCheck."),
    ("backend.circuitbreaker.expression", "http.middlewares.NAME.circuitBreaker.expression"),
    ("backend.maxconn.amount", "http.middlewares.NAME.inFlightReq.amount"),
    ("backend.buffering.", "http.middlewares.NAME.buffering."),
    ("backend", "http.routers.NAME.service"),
];

/// What took the place of a label of Traefik v1, given what follows `traefik.`.
pub(super) fn successor(rest: &str, name: &str) -> Option<String> {
    let lower = rest.to_ascii_lowercase();
    let (old, new) = FIRST_VERSION.iter().find(|(old, _)| match old.strip_suffix('.') {
        Some(_) => lower.starts_with(old),
        None => lower == *old,
    })?;
    let tail = if old.ends_with('.') { rest.get(old.len()..).unwrap_or_default() } else { "" };
    Some(format!("traefik.{}{tail}", new.replace("NAME", name)))
}

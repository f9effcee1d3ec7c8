//! The labels that are measured.

pub(crate) type Labels = Vec<(String, String)>;

/// The labels of `webapp` of the examples as Docker's API lists them: its own, those of `renet compose`, and Compose's.
pub(crate) fn webapp() -> Labels {
    let labels = [
        ("com.docker.compose.oneoff", "False"),
        ("com.docker.compose.project", "webapp"),
        ("com.docker.compose.service", "webapp"),
        ("rediacc.network_id", "2816"),
        ("rediacc.service_ip", "127.0.11.2"),
        ("rediacc.service_name", "webapp"),
        ("traefik.enable", "true"),
        ("traefik.http.middlewares.webapp-hsts.headers.stsIncludeSubdomains", "true"),
        ("traefik.http.middlewares.webapp-hsts.headers.stsSeconds", "15768000"),
        ("traefik.http.routers.webapp.entrypoints", "websecure,websecure-v6"),
        ("traefik.http.routers.webapp.middlewares", "webapp-hsts"),
        ("traefik.http.routers.webapp.rule", "Host(`app.example.com`)"),
        ("traefik.http.routers.webapp.tls.certresolver", "letsencrypt"),
        ("traefik.http.services.webapp.loadbalancer.server.port", "3000"),
    ];
    labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// That many labels of one container, sites of ten labels each, in the order of Docker's API: by key.
pub(crate) fn sites(count: usize) -> Labels {
    let site = |site: usize| {
        let (router, service) =
            (format!("traefik.http.routers.site{site}"), format!("traefik.http.services.site{site}"));
        let middleware = format!("traefik.http.middlewares.site{site}-headers.headers");
        [
            (format!("{router}.rule"), format!("Host(`site{site}.example.com`) && PathPrefix(`/app`)")),
            (format!("{router}.entrypoints"), "websecure,websecure-v6".to_owned()),
            (format!("{router}.tls.certresolver"), "letsencrypt".to_owned()),
            (format!("{router}.middlewares"), format!("site{site}-headers")),
            (format!("{router}.service"), format!("site{site}")),
            (format!("{service}.loadbalancer.server.port"), (3000 + site % 1000).to_string()),
            (format!("{service}.loadbalancer.healthcheck.path"), "/health".to_owned()),
            (format!("{service}.loadbalancer.healthcheck.interval"), "10s".to_owned()),
            (format!("{middleware}.stsSeconds"), "15768000".to_owned()),
            (format!("{middleware}.customrequestheaders.X-Forwarded-Site"), format!("site{site}")),
        ]
    };
    let mut labels: Labels = (0..count.div_ceil(10)).flat_map(site).take(count).collect();
    labels.sort();
    labels
}

pub(crate) fn pairs(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

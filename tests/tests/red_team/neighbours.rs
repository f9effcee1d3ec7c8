//! Who else lives on the machine: a victim with services of every kind, and honest neighbours of every kind.

use std::net::Ipv4Addr;

use docker_simulator::Container;
use end_to_end::{Answer, Error, ask_udp, greeting, until};

use crate::{
    backends::hello,
    world::{HONEST, PATIENCE, Part, VICTIM, World},
};

const SHOP: &str = "
http.routers.shop.rule=Host(`shop.example.org`)
http.routers.shop.service=shop
http.routers.shop.middlewares=shop
http.middlewares.shop.headers.customresponseheaders.X-Shop=victim
http.routers.secure.rule=Host(`secure.example.org`)
http.routers.secure.service=shop
http.routers.secure.tls.options=mtls@file
http.routers.portal.rule=Host(`portal.example.org`) && PathPrefix(`/shop`)
http.routers.portal.service=shop
http.services.shop.loadbalancer.server.port=80
tcp.routers.db.rule=HostSNI(`db.example.org`)
tcp.routers.db.entrypoints=tcp-993
tcp.routers.db.tls.passthrough=true
tcp.routers.db.service=db
tcp.services.db.loadbalancer.server.port=993
tcp.routers.pg.rule=HostSNI(`*`)
tcp.routers.pg.entrypoints=tcp-5432
tcp.routers.pg.service=pg
tcp.services.pg.loadbalancer.server.port=5432
tcp.routers.smtp.rule=HostSNI(`*`)
tcp.routers.smtp.entrypoints=tcp-25
tcp.routers.smtp.service=smtp
tcp.services.smtp.loadbalancer.server.port=25
udp.routers.dns.entrypoints=udp-53
udp.services.dns.loadbalancer.server.port=53
rediacc.tcp_ports=7000
";

const OWN: &str = "
http.routers.own.rule=Host(`own.example.net`)
http.routers.own.middlewares=login,broken
http.middlewares.login.forwardauth.address=http://login:80/
http.middlewares.broken.errors.status=500-599
http.middlewares.broken.errors.service=own
http.middlewares.broken.errors.query=/oops
http.routers.portal.rule=Host(`portal.example.org`) && PathPrefix(`/own`)
http.routers.wild.rule=Host(`*.wild.example.net`)
http.services.own.loadbalancer.server.port=80
http.services.own.loadbalancer.healthcheck.path=/
tcp.routers.mail.rule=HostSNI(`mail.example.net`)
tcp.routers.mail.entrypoints=tcp-993
tcp.routers.mail.tls.passthrough=true
tcp.routers.mail.service=mail
tcp.services.mail.loadbalancer.server.port=993
tcp.routers.redis.rule=HostSNI(`*`)
tcp.routers.redis.entrypoints=tcp-6379
tcp.routers.redis.service=redis
tcp.services.redis.loadbalancer.server.port=6379
rediacc.tcp_ports=7000
";

/// A service's address in a repository.
pub(crate) fn address(id: u32, slot: u8) -> Ipv4Addr {
    Ipv4Addr::from(0x7f00_0000 + id + 2 + u32::from(slot))
}

/// A container with labels as they are listed, `traefik.` left out, beside those of tier 1.
pub(crate) fn labelled(container: Container, service: &str, id: u32, slot: u8, labels: &str) -> Container {
    let tier_1 = container
        .label("rediacc.service_name", service)
        .label("rediacc.service_ip", address(id, slot).to_string())
        .label("rediacc.network_id", id.to_string());
    labels.lines().filter(|line| !line.is_empty()).fold(tier_1, |container, line| {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        match key.starts_with("rediacc.") || key.starts_with("com.") {
            true => container.label(key, value),
            false => container.label("traefik.enable", "true").label(format!("traefik.{key}"), value),
        }
    })
}

/// A container with one router.
pub(crate) fn web(container: Container, name: &str, id: u32, slot: u8, rule: &str) -> Container {
    let labels = format!("http.routers.{name}.rule={rule}\nhttp.services.{name}.loadbalancer.server.port=80");
    labelled(container, name, id, slot, &labels)
}

pub(crate) fn victim() -> [Container; 2] {
    [labelled(Container::new("shop"), "shop", VICTIM, 0, SHOP), labelled(Container::new("web"), "web", VICTIM, 1, "")]
}

pub(crate) fn honest() -> [Container; 3] {
    [
        // After the victim, so that the victim's port is the first.
        labelled(Container::new("own").generation(1), "own", HONEST, 0, OWN),
        labelled(Container::new("login"), "login", HONEST, 1, ""),
        labelled(Container::new("hello"), "hello", HONEST, 2, ""),
    ]
}

/// Fails unless the victim's and the neighbours' parts of the document are as they were.
pub(crate) fn unchanged(world: &World) -> Result<(), Error> {
    for (id, expected) in [VICTIM, HONEST].into_iter().zip(&world.expected) {
        let now = world.part(id)?;
        let changed = [differing(expected, &now), differing(&now, expected)].concat();
        expect(changed.is_empty(), &format!("repository {id}: {changed:?}"))?;
    }
    Ok(())
}

fn differing(one: &Part, other: &Part) -> Vec<String> {
    one.iter().filter(|(name, entry)| other.get(*name) != Some(entry)).map(|(name, _)| name.clone()).collect()
}

/// Fails unless everything of the victim's goes to the victim, and asks for a certificate where it did.
pub(crate) fn victim_is_served(world: &World) -> Result<(), Error> {
    let client = world.client();
    let is = |answer: Answer| expect(answer.status == 200 && answer.body == "victim", &answer);
    for host in ["shop.example.org", "SHOP.Example.ORG", "shop.example.org.", "shop.example.org:443"] {
        is(client.get("https://shop.example.org/", &["--header", &format!("Host: {host}")])?)?;
    }
    is(client.get("https://web-12800.example.com/", &[])?)?;
    is(client.get("https://portal.example.org/shop", &[])?)?;
    let redirected = client.get("http://shop.example.org/", &[])?;
    expect(matches!(redirected.status, 301 | 308), &redirected)?;
    mutual_tls(world)?;
    let at = world.traefik.address();
    for port in [25, 5432, 10000] {
        let said = greeting(at, port)?;
        expect(said == "victim", &(port, said))?;
    }
    let said = hello(at, 993, "db.example.org")?;
    expect(said == "victim", &said)?;
    until("the victim's UDP service answers", PATIENCE, || {
        let said = ask_udp(at, 53, "?")?;
        expect(said == "victim", &said)
    })
}

/// Nobody gets to the guarded host without a certificate: not by its name, not through somebody else's.
fn mutual_tls(world: &World) -> Result<(), Error> {
    let client = world.client();
    let path = |name: &str| world.scratch.path().join(name).display().to_string();
    let with =
        client.get("https://secure.example.org/", &["--cert", &path("client.pem"), "--key", &path("client.key")])?;
    expect(with.status == 200 && with.body == "victim", &with)?;
    let guarded = ["--header", "Host: secure.example.org"];
    for (url, arguments) in [
        ("https://secure.example.org/", &[][..]),
        ("https://shop.example.org/", &guarded[..]),
        ("https://own.evil.example/", &guarded[..]),
    ] {
        if let Ok(answer) = client.get(url, arguments) {
            expect(answer.status != 200 && answer.body != "victim", &(url, answer))?;
        }
    }
    Ok(())
}

/// Fails unless everything of the honest neighbours' is answered by them.
pub(crate) fn neighbours_are_served(world: &World) -> Result<(), Error> {
    for url in ["hello-12928.example.com", "own.example.net", "any.wild.example.net", "portal.example.org/own"] {
        let answer = world.client().get(&format!("https://{url}"), &[])?;
        expect(answer.status == 200 && answer.body == "honest", &(url, answer))?;
    }
    let at = world.traefik.address();
    for port in [6379, 10001] {
        let said = greeting(at, port)?;
        expect(said == "honest", &(port, said))?;
    }
    let said = hello(at, 993, "mail.example.net")?;
    expect(said == "honest", &said)
}

/// Fails, showing what was seen, unless it is as it has to be.
pub(crate) fn expect(holds: bool, seen: &impl std::fmt::Debug) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Unexpected(format!("{seen:?}"))) }
}

//! Attacks that take more than one list of labels.

use docker_simulator::{Container, State};
use end_to_end::{Error, until};

use crate::{
    fended_off,
    neighbours::{self, expect, labelled, unchanged, web},
    world::{ATTACKER, PATIENCE, VICTIM, World},
};

type Scene = fn(&mut World) -> Result<(), Error>;

pub(crate) const ALL: &[(&str, Scene)] = &[
    ("a container that is older and starts later", older),
    ("a container with the name of the victim's", same_names),
    ("names that are like published ones", names),
    ("lines and markup in names", lines),
    ("control characters and what is no character", controls),
    ("5000 routers on the same host", many_routers),
    ("a rule of nearly 64 KiB with 2000 hosts", long_rule),
    ("rules that are hard to read", hard_rules),
    ("a chain that doubles forty times", doubling),
    ("five hundred certificates", certificates),
    ("a thousand hosts and one", hosts),
    ("a shared host with other TLS options", shared_options),
    ("the victim is recreated while the attacker waits", recreated),
    ("the victim's daemon is lost while the attacker asks", lost),
];

/// Publishes a container of the attacker's as long as the test takes.
fn with(world: &mut World, container: Container, code: &str) -> Result<(), Error> {
    let id = world.attacker.start(container);
    let outcome = fended_off(world, "evil", code);
    world.attacker.remove(&id);
    outcome
}

fn evil(world: &mut World, labels: &str) -> Container {
    let round = world.next();
    labelled(Container::new("evil").generation(round), "attacker", ATTACKER, 0, labels)
}

fn older(world: &mut World) -> Result<(), Error> {
    let waiting = web(Container::new("evil").created(1), "x", ATTACKER, 0, "Host(`shop.example.org`)");
    world.attacker.set_containers([waiting.clone().state(State::Created)]);
    world.attacker.drop_connections();
    world.canary()?;
    with(world, waiting, "RS036")
}

fn same_names(world: &mut World) -> Result<(), Error> {
    let labels = "http.routers.shop.rule=Host(`shop.example.org`)\nhttp.services.shop.loadbalancer.server.port=80";
    let shop = labelled(Container::new("shop"), "shop", ATTACKER, 0, labels);
    let id = world.attacker.start(shop);
    let outcome = fended_off(world, "shop", "RS036");
    world.attacker.remove(&id);
    outcome
}

fn names(world: &mut World) -> Result<(), Error> {
    let names =
        ["shop-12800", "shop-12800.auto", "shop-12800@http", "web-12800.auto", "SHOP-12800", "shop-12800-12864"];
    let labels = names.map(|name| {
        format!("http.routers.{name}.rule=Host(`own.evil.example`)\nhttp.services.{name}.loadbalancer.server.port=80\nhttp.routers.{name}.service={name}\n")
    });
    let compose = "com.docker.compose.service=shop\ncom.docker.compose.project=12800";
    let container = evil(world, &format!("{}{compose}", labels.concat()));
    with(world, container, "")
}

fn lines(world: &mut World) -> Result<(), Error> {
    let text = "x\n  shop-12800:\n    rule: Host(`shop.example.org`)\nerror[RS036] 12800 shop: \u{1b}[31m`) || Host(`shop.example.org";
    let container =
        evil(world, "http.routers.x.rule=Host(`own.evil.example`)\nhttp.services.a.loadbalancer.server.port=80")
            .label("rediacc.service_name", text)
            .label(format!("traefik.http.middlewares.{text}.addprefix.prefix"), text)
            .label("traefik.http.routers.x.observability.traceverbosity", text)
            .label("traefik.http.services.a.loadbalancer.strategy", text)
            .label(format!("traefik.http.routers.{text}.rule"), "Host(`own.evil.example`)\n|| Host(`shop.example.org`)")
            .label("rediacc.tcp_ports", "1\n2, 70000, \u{202e}3");
    with(world, container, "")
}

fn controls(world: &mut World) -> Result<(), Error> {
    let labels = "http.routers.x\u{0}\u{7f}.rule=Host(`own.evil.example`)\n\
                  http.middlewares.m.headers.customresponseheaders.X-\u{85}\u{feff}\u{ffff}=\u{1}\u{2028}\u{fffe}\n\
                  http.routers.y.rule=Host(`own.evil.example`)\nhttp.routers.y.middlewares=m\n\
                  http.services.a.loadbalancer.server.port=80";
    let container = evil(world, labels);
    with(world, container, "RS029")
}

fn many_routers(world: &mut World) -> Result<(), Error> {
    let mut container = evil(world, "http.services.a.loadbalancer.server.port=80");
    for n in 0..5000 {
        container = container.label(format!("traefik.http.routers.r{n}.rule"), "Host(`shop.example.org`)");
    }
    with(world, container, "RS0")
}

fn long_rule(world: &mut World) -> Result<(), Error> {
    let hosts: Vec<_> = (0..2000).map(|n| format!("Host(`h{n}.evil.example`)")).collect();
    let rule = format!("{} || Host(`shop.example.org`)", hosts.join("||"));
    let container = web(evil(world, ""), "x", ATTACKER, 0, &rule);
    with(world, container, "RS036")
}

fn hard_rules(world: &mut World) -> Result<(), Error> {
    let pairs: Vec<_> = (0..12).map(|n| format!("(Host(`a{n}.evil.example`)||Host(`b{n}.evil.example`))")).collect();
    let mut container = evil(world, "http.services.a.loadbalancer.server.port=80");
    for n in 0..3 {
        container = container.label(format!("traefik.http.routers.r{n}.rule"), pairs.join("&&"));
    }
    let nested = format!("{}Host(`own.evil.example`){}", "(".repeat(5000), ")".repeat(5000));
    let container = container
        .label("traefik.http.routers.nested.rule", nested)
        .label("traefik.http.routers.not.rule", format!("{}Host(`own.evil.example`)", "!".repeat(20_000)))
        .label(
            "traefik.http.routers.regexp.rule",
            "Host(`own.evil.example`) && PathRegexp(`((((a{1,10}){1,10}){1,10}){1,10})`)",
        );
    with(world, container, "TL")
}

fn doubling(world: &mut World) -> Result<(), Error> {
    let chain = |n: u32| format!("http.middlewares.c{n}.chain.middlewares=c{0},c{0}\n", n - 1);
    let chains: String = (1..=40).map(chain).collect();
    let router = "http.routers.x.rule=Host(`own.evil.example`)\nhttp.routers.x.middlewares=c40\nhttp.middlewares.c0.addprefix.prefix=/x\nhttp.services.a.loadbalancer.server.port=80\n";
    let container = evil(world, &format!("{router}{chains}"));
    with(world, container, "RS045")
}

fn certificates(world: &mut World) -> Result<(), Error> {
    let container = many_names(world, 500);
    with(world, container, "RS039")
}

fn hosts(world: &mut World) -> Result<(), Error> {
    let container = many_names(world, 1000);
    with(world, container, "RS047")
}

/// One router with a host and certificates for that many more.
fn many_names(world: &mut World, number: usize) -> Container {
    let names: Vec<_> = (0..number).map(|n| format!("n{n}.evil.example")).collect();
    let labels = format!(
        "http.routers.x.rule=Host(`own.evil.example`)\nhttp.routers.x.tls.certresolver=letsencrypt\n\
         http.routers.x.tls.domains[0].main=own.evil.example\nhttp.routers.x.tls.domains[0].sans={}\n\
         http.services.a.loadbalancer.server.port=80",
        names.join(",")
    );
    evil(world, &labels)
}

/// Routers of one host with different TLS options make Traefik take none of them.
fn shared_options(world: &mut World) -> Result<(), Error> {
    let labels = "http.routers.x.rule=Host(`portal.example.org`) && Path(`/evil`)\nhttp.routers.x.tls.options=mtls@file\n\
                  http.services.a.loadbalancer.server.port=80";
    let container = evil(world, labels);
    with(world, container, "RS036")
}

fn recreated(world: &mut World) -> Result<(), Error> {
    let waiting = web(evil(world, ""), "x", ATTACKER, 0, "Host(`shop.example.org`)");
    let id = world.attacker.start(waiting);
    world.canary()?;
    let victims = neighbours::victim();
    if let Some(daemon) = &world.victim {
        victims.iter().for_each(|container| daemon.remove(container.id()));
    }
    // Longer than the grace time: for a moment there is no router of the victim's.
    until("the victim's routers are gone", PATIENCE, || {
        let part = world.part(VICTIM)?;
        expect(part.is_empty(), &part.len())
    })?;
    world.canary()?;
    let stolen = world.client().get("https://shop.example.org/", &[])?;
    expect(stolen.status == 404, &stolen)?;
    if let Some(daemon) = &world.victim {
        victims.into_iter().for_each(|container| drop(daemon.start(container.generation(9))));
    }
    let outcome =
        until("the victim is back", PATIENCE, || unchanged(world)).and_then(|()| fended_off(world, "evil", "RS036"));
    world.attacker.remove(&id);
    outcome
}

fn lost(world: &mut World) -> Result<(), Error> {
    if let Some(daemon) = world.victim.take() {
        daemon.kill();
    }
    let labels = "http.routers.x.rule=Host(`shop.example.org`)\nhttp.services.a.loadbalancer.server.port=80\n\
                  tcp.routers.x.rule=HostSNI(`*`)\ntcp.routers.x.entrypoints=tcp-25\n\
                  tcp.services.a.loadbalancer.server.port=25\nudp.routers.x.entrypoints=udp-53\n\
                  udp.services.a.loadbalancer.server.port=53\nrediacc.tcp_ports=7000";
    let container = evil(world, labels);
    let outcome = with(world, container, "RS036");
    world.revive_victim()?;
    outcome?;
    until("the victim is back", PATIENCE, || unchanged(world))
}

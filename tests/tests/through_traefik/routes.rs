//! What is routed, with all parts running.

use std::fs;

use end_to_end::{Error, Image, Service, ask_udp, greeting, until};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::world::{PATIENCE, World, unexpected};

pub(crate) fn auto_route(world: &mut World) -> Result<(), Error> {
    world.page("myapp-2816.example.com", "myapp of 2816")?;
    world.page("myapp-2880.example.com", "myapp of 2880")
}

pub(crate) fn redirect(world: &mut World) -> Result<(), Error> {
    let answer = world.client().get("http://myapp-2816.example.com/x", &[])?;
    let target = answer.headers.get("location").map(String::as_str);
    expect(matches!(answer.status, 301 | 308) && target == Some("https://myapp-2816.example.com/x"), &answer)
}

pub(crate) fn hsts(world: &mut World) -> Result<(), Error> {
    world.page("app.example.com", "webapp of 2816")?;
    let answer = world.client().get("https://app.example.com/", &[])?;
    let header = answer.headers.get("strict-transport-security").map(String::as_str);
    expect(header == Some("max-age=15768000; includeSubDomains"), &answer)
}

pub(crate) fn chain(world: &mut World) -> Result<(), Error> {
    world.page("upload.example.com", "upload of 2816")?;
    let post = |size: usize| {
        let file = world.scratch.path().join("body");
        fs::write(&file, "x".repeat(size)).map_err(|error| unexpected(&error))?;
        let body = format!("@{}", file.display());
        world.client().get("https://upload.example.com/cgi-bin/echo", &["--data-binary", &body])
    };
    let small = post(1024)?;
    expect(small.status == 200 && small.body.len() == 1024, &small)?;
    expect(small.headers.contains_key("strict-transport-security"), &small)?;
    let large = post(1025)?;
    expect(large.status == 413, &large)
}

pub(crate) fn greeting_first(world: &mut World) -> Result<(), Error> {
    for (port, expected) in [(25, "220 mail of 2816"), (5432, "postgres of 2880")] {
        until(&format!("{expected:?} on port {port}"), PATIENCE, || {
            let said = greeting(world.traefik.address(), port)?;
            expect(said == expected, &said)
        })?;
    }
    Ok(())
}

pub(crate) fn passthrough(world: &mut World) -> Result<(), Error> {
    let own = own_certificate(world)?;
    until("the backend's certificate", PATIENCE, || {
        let shown = world.client().certificate(993, Image::CERTIFIED)?;
        expect(shown.as_ref() == Some(&own), &shown)
    })?;
    let answer = world.client().get(&format!("https://{}:993/", Image::CERTIFIED), &[])?;
    expect(answer.status == 200 && answer.body.contains("s_server"), &answer)
}

pub(crate) fn another_name(world: &mut World) -> Result<(), Error> {
    let own = own_certificate(world)?;
    let shown = world.client().certificate(993, "other.example.com")?;
    expect(shown.as_ref() != Some(&own), &shown)?;
    // Traefik may take the connection itself, with its default certificate; the backend must not get to see it.
    match world.client().get("https://other.example.com:993/", &[]) {
        Ok(answer) => expect(answer.status == 404 && !answer.body.contains("s_server"), &answer),
        Err(_) => Ok(()),
    }
}

pub(crate) fn udp(world: &mut World) -> Result<(), Error> {
    until("an answer to a datagram", PATIENCE, || {
        let answer = ask_udp(world.traefik.address(), 53, "who is there")?;
        expect(answer == "dns of 2816 heard who is there", &answer)
    })
}

pub(crate) fn tables(world: &mut World) -> Result<(), Error> {
    let health = world.server.json("/health")?;
    let number = |pointer: &str| health.pointer(pointer).and_then(Value::as_u64);
    expect(health.pointer("/status") == Some(&"ok".into()), &health)?;
    expect(health.pointer("/auto_routes") == Some(&true.into()), &health)?;
    expect(number("/routers/http") == Some(4) && number("/services/http") == Some(4), &health)?;
    expect(number("/routers/tcp") == Some(3) && number("/routers/udp") == Some(1), &health)?;
    let table = world.server.json("/routes.json")?;
    expect(same::<route_api::Routes>(&table) && same::<route_api::Health>(&health), &table)?;
    expect(same::<route_api::Ports>(&world.server.json("/ports")?), &table)?;
    let http = table.pointer("/http").and_then(Value::as_array).ok_or_else(|| unexpected(&table))?;
    let backend = |router: &Value| router.pointer("/backends/0").map(Value::to_string).unwrap_or_default();
    expect(http.iter().any(|router| backend(router).contains("http://127.0.11.3:3000")), &http)?;
    // Not one router that Traefik would complain about.
    for kind in ["http", "tcp", "udp"] {
        let routers = world.traefik.api(&format!("/api/{kind}/routers"))?;
        let refused: Vec<&Value> = routers
            .as_array()
            .into_iter()
            .flatten()
            .filter(|router| router.get("status") != Some(&"enabled".into()))
            .collect();
        expect(refused.is_empty(), &refused)?;
    }
    Ok(())
}

/// Whether our own programs read all that is said.
fn same<T: DeserializeOwned + Serialize>(said: &Value) -> bool {
    let read = serde_json::from_value::<T>(said.clone()).and_then(serde_json::to_value);
    read.is_ok_and(|read| read == *said)
}

fn own_certificate(world: &World) -> Result<String, Error> {
    world.first.docker(["exec", "mail-server", "cat", "/tls/cert.pem"])
}

/// Fails, showing what was seen, unless it is as it has to be.
/// A router that leads to a middleware of the operator's, which is not there: published, and refused by Traefik alone.
pub(crate) fn acknowledged(world: &mut World) -> Result<(), Error> {
    let health = |world: &World, what: &str, is_so: &dyn Fn(&Value) -> bool| {
        until(what, PATIENCE, || {
            let health = world.server.json("/health")?;
            if is_so(&health) { Ok(()) } else { Err(unexpected(&health)) }
        })
    };
    let is_applied = |health: &Value| health.pointer("/traefik/applied_revision") == health.pointer("/revision");
    health(world, "Traefik has applied the newest document", &is_applied)?;
    let service = Service::pages("guarded", 22, 80)
        .label("traefik.enable=true")
        .label("traefik.http.routers.guarded.rule=Host(`guarded.example.com`)")
        .label("traefik.http.routers.guarded.entrypoints=websecure")
        .label("traefik.http.routers.guarded.tls=true")
        .label("traefik.http.routers.guarded.middlewares=missing@file")
        .label("traefik.http.services.guarded.loadbalancer.server.port=80");
    world.with(&service, |world| {
        health(world, "Traefik refuses a router", &|health| {
            let reason = health.pointer("/traefik/refused/0/reason").and_then(Value::as_str).unwrap_or_default();
            is_applied(health) && reason.contains("missing@file")
        })?;
        until("whose label it was is told", PATIENCE, || {
            let table = world.server.json("/routes.json")?;
            let findings = table.pointer("/findings").and_then(Value::as_array).into_iter().flatten();
            let mut told = findings.filter(|finding| finding.pointer("/code") == Some(&"RS061".into()));
            let is_it = told.any(|finding| finding.pointer("/subject/container") == Some(&"guarded".into()));
            if is_it { Ok(()) } else { Err(unexpected(&table)) }
        })
    })?;
    health(world, "and nothing is refused any more", &|health| {
        is_applied(health) && health.pointer("/traefik/refused/0").is_none()
    })
}

pub(crate) fn expect(holds: bool, seen: &impl std::fmt::Debug) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(unexpected(seen)) }
}

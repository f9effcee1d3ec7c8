//! Backends where nobody listens, or not whom the labels mean: what clients get, and what is said about it.

use std::{thread, time::Duration};

use end_to_end::{Error, RouteServer, Service, until};
use serde_json::Value;

use crate::world::{PATIENCE, World, arguments, unexpected};

/// Waits until `/routes.json` has a finding of this code about a container, and returns its message.
fn finding(world: &World, code: &str, container: &str) -> Result<String, Error> {
    until(&format!("{code} about {container}"), PATIENCE, || {
        let table = world.server.json("/routes.json")?;
        let findings = table.get("findings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |it: &Value, path: &str| it.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let about = |it: &&Value| text(it, "/code") == code && text(it, "/subject/container") == container;
        let found = findings.iter().find(about).map(|it| text(it, "/message"));
        found.ok_or_else(|| unexpected(&findings))
    })
}

fn says(message: &str, parts: &[&str]) -> Result<(), Error> {
    if parts.iter().all(|part| message.contains(part)) { Ok(()) } else { Err(unexpected(&message)) }
}

/// A server on every address answers for its service, as long as nobody else is there; it is said.
pub(crate) fn own_wildcard(world: &mut World) -> Result<(), Error> {
    let page = "echo \"$SERVICE_NAME of $REPOSITORY_NETWORK_ID\" >/www/index.html";
    let sloppy = Service::shell("sloppy", 30, &format!("{page}; exec httpd -f -p 0.0.0.0:8088 -h /www"));
    world.with(&sloppy.label("rediacc.service_port=8088"), |world| {
        world.page("sloppy-2816.example.com", "sloppy of 2816")?;
        says(&finding(world, "RS051", "sloppy")?, &["0.0.0.0:8088"])
    })
}

/// Nobody, the wrong address, the wrong port: 502 each, and each is told apart.
pub(crate) fn nobody(world: &mut World) -> Result<(), Error> {
    let absent = Service::shell("absent", 31, "exec sleep 1000");
    let local = Service::shell("local", 32, "exec httpd -f -p 127.0.0.1:8089 -h /www");
    let shifted = Service::pages("shifted", 33, 3000);
    world.with(&absent, |world| {
        world.with(&local.label("rediacc.service_port=8089"), |world| {
            world.with(&shifted, |world| {
                says(&finding(world, "RS050", "absent")?, &["127.0.11.33:80"])?;
                says(&finding(world, "RS052", "local")?, &["127.0.0.1:8089"])?;
                says(&finding(world, "RS053", "shifted")?, &["3000"])?;
                ["absent", "local", "shifted"]
                    .iter()
                    .try_for_each(|service| world.status(&format!("{service}-2816.example.com"), &[502]))
            })
        })
    })
}

/// Another repository's server on every address would receive what is meant for a service that cannot listen because
/// of it: nothing is sent there. Once it is gone the service is routed.
pub(crate) fn neighbours_wildcard(world: &mut World) -> Result<(), Error> {
    let squatting = "echo stolen >/www/index.html; exec httpd -f -p 0.0.0.0:8090 -h /www";
    world.second.run(&Service::shell("squatter", 34, squatting).label("rediacc.auto_route=false"))?;
    let page = "echo \"$SERVICE_NAME of $REPOSITORY_NETWORK_ID\" >/www/index.html";
    // Its bind fails for as long as the other has the wildcard.
    let patient = format!("{page}; until httpd -f -p $SERVICE_IP:8090 -h /www; do sleep 0.2; done");
    let outcome = world.with(&Service::shell("patient", 35, &patient).label("rediacc.service_port=8090"), |world| {
        let message = finding(world, "RS054", "patient")?;
        says(&message, &["squatter", "2880"])?;
        unprivileged_too(world)?;
        // Traefik takes two documents that follow each other closely one after the other, 100 ms apart: the 503 of the
        // time before the backend was known must not be taken for the one that is meant.
        thread::sleep(Duration::from_millis(500));
        world.status("patient-2816.example.com", &[503])?;
        for _ in 0..20 {
            let answer = world.client().get("https://patient-2816.example.com/", &[])?;
            if answer.status != 503 || answer.body.contains("stolen") {
                return Err(unexpected(&answer));
            }
        }
        world.second.remove("squatter")?;
        world.page("patient-2816.example.com", "patient of 2816")
    });
    if outcome.is_err() {
        // It may be gone already.
        let _ = world.second.remove("squatter");
    }
    outcome
}

/// As the user of its unit it may not look at other processes' descriptors, and withholds the same.
fn unprivileged_too(world: &World) -> Result<(), Error> {
    let server =
        RouteServer::start_unprivileged(&world.scratch, "unprivileged", &arguments(&world.scratch.sockets()?))?;
    until("the unprivileged server's finding", PATIENCE, || {
        let table = server.json("/routes.json")?;
        let all = table.get("findings").map(ToString::to_string).unwrap_or_default();
        let is_told = all.contains("squatter") && all.contains("nothing is sent to 127.0.11.37:8090");
        if is_told { Ok(()) } else { Err(unexpected(&all)) }
    })?;
    let document = server.text("/routes.yaml")?;
    if document.contains("127.0.11.37:8090") { Err(unexpected(&document)) } else { Ok(()) }
}

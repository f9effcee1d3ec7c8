//! What must not disturb the rest.

use std::{fs, os::unix::net::UnixListener, thread};

use end_to_end::{Error, RouteServer, Service, until};
use serde_json::Value;

use crate::{
    routes::expect,
    world::{PATIENCE, World, arguments, unexpected},
};

pub(crate) fn sockets(world: &mut World) -> Result<(), Error> {
    let bad = world.scratch.dir("bad")?;
    let io = |error: std::io::Error| unexpected(&error);
    fs::write(bad.join("docker-64.sock"), "no socket").map_err(io)?;
    // Takes connections into its backlog and never says a word.
    let _hanging = UnixListener::bind(bad.join("docker-128.sock")).map_err(io)?;
    let nonsense = UnixListener::bind(bad.join("docker-192.sock")).map_err(io)?;
    // Ends with the test program.
    thread::spawn(move || {
        for connection in nonsense.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut &connection, b"SSH-2.0-nonsense \xff\xfe\r\n");
        }
    });
    fs::write(bad.join("docker-seven.sock"), "no number").map_err(io)?;

    let mut list = arguments(&world.scratch.sockets()?).to_vec();
    list.extend(["--sockets".to_owned(), format!("{}/docker-*.sock", bad.display())]);
    let server = RouteServer::start(&world.scratch, "route-server-bad-input", &list)?;
    until("the good daemons' routes, and why the others are not there", PATIENCE, || {
        let health = server.json("/health")?;
        expect(health.get("status") == Some(&"degraded".into()), &health)?;
        for id in [64, 128, 192] {
            let daemon = daemon(&health, id).ok_or_else(|| unexpected(&health))?;
            let reason = daemon.get("reason").and_then(Value::as_str).unwrap_or_default();
            expect(daemon.get("state") != Some(&"live".into()) && !reason.is_empty(), daemon)?;
        }
        for id in [2816, 2880] {
            expect(daemon(&health, id).and_then(|daemon| daemon.get("state")) == Some(&"live".into()), &health)?;
        }
        expect(health.pointer("/routers/http").and_then(Value::as_u64) == Some(4), &health)
    })
    .map_err(|error| Error::Unexpected(format!("{error}\n{}", server.tail())))
}

pub(crate) fn huge_label(world: &mut World) -> Result<(), Error> {
    let huge = format!("traefik.http.routers.huge.rule={}", "Host(`huge.example.com`)||".repeat(1 << 15));
    expect(huge.len() > 800 << 10, &huge.len())?;
    let huge = Service::pages("huge", 30, 80).label(&huge).label(&format!("note={}", "x".repeat(1 << 20)));
    world.first.run_by_api(&huge)?;
    let outcome = world.with(&Service::pages("beside", 31, 80), |world| {
        world.page("beside-2816.example.com", "beside of 2816")?;
        world.page("myapp-2816.example.com", "myapp of 2816")
    });
    world.first.remove(huge.name())?;
    outcome
}

pub(crate) fn flags(_: &mut World) -> Result<(), Error> {
    for arguments in [["--no-such-flag", "x"], ["--listen", "nowhere"], ["--grace", "soon"]] {
        let output =
            RouteServer::command()?.arg("serve").args(arguments).output().map_err(|error| unexpected(&error))?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let first = text.lines().next().unwrap_or_default();
        expect(output.status.code() == Some(2) && first.contains(arguments[0]), &(arguments, &output.status, &text))?;
    }
    Ok(())
}

fn daemon(health: &Value, id: u64) -> Option<&Value> {
    health.get("daemons")?.as_array()?.iter().find(|daemon| daemon.get("network_id") == Some(&id.into()))
}

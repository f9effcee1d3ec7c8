//! What happens to routes when something starts, stops or is replaced.

use std::{
    thread,
    time::{Duration, Instant},
};

use end_to_end::{Dockerd, Error, Service, until};

use crate::{
    routes::{self, expect},
    world::{PATIENCE, World, network},
};

pub(crate) fn new_container(world: &mut World) -> Result<(), Error> {
    world.status("late-2816.example.com", &[404])?;
    world.with(&Service::pages("late", 20, 80), |world| {
        let started = Instant::now();
        world.page("late-2816.example.com", "late of 2816")?;
        world.measured("docker run returned → answered through Traefik", started);
        Ok(())
    })?;
    world.status("late-2816.example.com", &[404])
}

pub(crate) fn stopped_container(world: &mut World) -> Result<(), Error> {
    world.with(&Service::pages("brief", 21, 80), |world| {
        world.page("brief-2816.example.com", "brief of 2816")?;
        world.first.docker(["stop", "brief"])?;
        let stopped = Instant::now();
        // 503 while it may be on its way back, 404 when it was not; no 502, which is a backend that is missing.
        world.status("brief-2816.example.com", &[503])?;
        world.measured("docker stop returned → no longer sent to it", stopped);
        world.status("brief-2816.example.com", &[404])?;
        world.first.docker(["start", "brief"])?;
        world.page("brief-2816.example.com", "brief of 2816")
    })?;
    world.status("brief-2816.example.com", &[404])?;
    world.page("myapp-2816.example.com", "myapp of 2816")
}

pub(crate) fn third_daemon(world: &mut World) -> Result<(), Error> {
    let mut third = Dockerd::start(&world.scratch, network("2944")?)?;
    third.import(&world.image)?;
    third.run(&Service::pages("myapp", 0, 80))?;
    let started = Instant::now();
    world.page("myapp-2944.example.com", "myapp of 2944")?;
    world.measured("a new daemon's container, docker run returned → answered", started);
    third.stop()?;
    world.status("myapp-2944.example.com", &[404])?;
    world.page("myapp-2816.example.com", "myapp of 2816")
}

pub(crate) fn route_server_restart(world: &mut World) -> Result<(), Error> {
    world.page("myapp-2816.example.com", "myapp of 2816")?;
    world.server.process().kill()?;
    // Long enough for Traefik to ask in vain: it keeps what it has.
    thread::sleep(Duration::from_millis(700));
    world.page("myapp-2816.example.com", "myapp of 2816")?;
    world.server.start_again()?;
    let deadline = Instant::now() + Duration::from_secs(2);
    while Instant::now() < deadline {
        let answer = world.client().get("https://myapp-2816.example.com/", &[])?;
        expect(answer.status == 200, &answer)?;
    }
    // And it follows again.
    new_container(world)
}

pub(crate) fn traefik_restart(world: &mut World) -> Result<(), Error> {
    world.traefik.restart()?;
    let started = Instant::now();
    for again in [routes::auto_route, routes::hsts, routes::chain, routes::greeting_first, routes::passthrough] {
        again(world)?;
    }
    routes::udp(world)?;
    world.measured("Traefik started → all of it answered", started);
    until("no complaint of Traefik", PATIENCE, || routes::tables(world))
}

//! What can go wrong, how it is brought about, how `/health` tells of it, and how it is mended.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    thread,
    time::Duration,
};

use docker_simulator::Fault as Wrong;
use end_to_end::Error;
use rustix::process::Signal;
use serde_json::Value;

use crate::world::{FAULTY, REAL, World, container};

/// Something that goes wrong.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) begin: fn(&mut World) -> Result<(), Error>,
    /// Whether `/health` tells of it.
    pub(crate) is_told: fn(&Value) -> bool,
    pub(crate) end: fn(&mut World) -> Result<(), Error>,
    /// What it is about; two of one kind do not come together.
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Faulty,
    Real,
    Server,
    Disk,
    Clock,
}

/// Of the simulated daemon: it misbehaves, and says so in these words.
macro_rules! misbehaves {
    ($name:literal, $fault:expr, $reason:literal) => {
        Fault {
            name: $name,
            begin: |world| {
                let daemon = world.faulty()?;
                daemon.set_fault($fault);
                daemon.drop_connections();
                Ok(())
            },
            is_told: |health| reason(health, FAULTY).contains($reason),
            end: World::heal,
            kind: Kind::Faulty,
        }
    };
}

pub(crate) const ALL: &[Fault] = &[
    misbehaves!("a daemon accepts and never answers", Wrong::Hang, "did not answer"),
    misbehaves!("a daemon answers half", Wrong::HalfAnswer, "did not arrive completely"),
    misbehaves!("a daemon speaks no HTTP", Wrong::Garbage, "does not speak HTTP"),
    misbehaves!("a daemon's list is not UTF-8", Wrong::NonUtf8, "not UTF-8"),
    misbehaves!("a daemon's event never ends", Wrong::EndlessLine, "more than"),
    misbehaves!("a daemon's list has 100 MiB", Wrong::HugeAnswer(100 << 20), "more than"),
    misbehaves!("a daemon lists a million times nothing", Wrong::Empties(1_000_000), "more than 20000 entries"),
    misbehaves!("a daemon ends its event streams", Wrong::CloseEvents, "ended its event stream"),
    misbehaves!("a daemon answers with status 500", Wrong::ServerError, "status 500"),
    Fault {
        name: "a daemon is killed",
        begin: |world| {
            if let Some(daemon) = world.faulty.take() {
                daemon.kill();
            }
            Ok(())
        },
        is_told: |health| reason(health, FAULTY).contains("no daemon listens"),
        end: World::heal,
        kind: Kind::Faulty,
    },
    Fault {
        name: "a daemon's socket is removed",
        begin: |world| {
            world.faulty = None;
            let _ = fs::remove_file(world.faulty_socket()?);
            Ok(())
        },
        is_told: |health| state(health, FAULTY) == "gone",
        end: World::heal,
        kind: Kind::Faulty,
    },
    Fault {
        name: "a directory is in the place of a socket",
        begin: |world| {
            world.faulty = None;
            let socket = world.faulty_socket()?;
            let _ = fs::remove_file(&socket);
            fs::create_dir(&socket).map_err(io)
        },
        is_told: |health| reason(health, FAULTY).contains("is a directory, not a socket"),
        end: World::heal,
        kind: Kind::Faulty,
    },
    Fault {
        name: "a socket may not be opened any more",
        begin: |world| {
            fs::set_permissions(world.faulty_socket()?, Permissions::from_mode(0o600)).map_err(io)?;
            world.faulty()?.drop_connections();
            Ok(())
        },
        is_told: |health| reason(health, FAULTY).contains("permission denied"),
        end: World::heal,
        kind: Kind::Faulty,
    },
    Fault {
        name: "20,000 events at once, half of them made up",
        begin: |world| {
            let daemon = world.faulty()?;
            let real = container(FAULTY, 0);
            for number in 0..10_000 {
                daemon.send_line(format!(r#"{{"Action":"start","Actor":{{"ID":"made up {number}"}}}}"#));
                daemon.send_line(format!(r#"{{"Action":"health_status: healthy","Actor":{{"ID":"{}"}}}}"#, real.id()));
            }
            Ok(())
        },
        is_told: |health| state(health, FAULTY) == "live",
        end: |_| Ok(()),
        kind: Kind::Faulty,
    },
    Fault {
        name: "dockerd is killed, and its containers live on",
        begin: |world| world.real.process().kill(),
        is_told: |health| state(health, REAL) == "stale",
        end: |world| world.real.start_again(),
        kind: Kind::Real,
    },
    Fault {
        name: "dockerd is stopped for an upgrade, and its containers live on",
        begin: |world| {
            world.real.process().stop()?;
            let _ = fs::remove_file(world.real.socket());
            Ok(())
        },
        is_told: |health| state(health, REAL) == "gone",
        end: |world| world.real.start_again(),
        kind: Kind::Real,
    },
    Fault {
        name: "dockerd hangs (SIGSTOP)",
        begin: |world| {
            world.real.process().signal(Signal::STOP);
            // It takes a moment until none of its threads runs.
            thread::sleep(Duration::from_millis(200));
            // Whoever says nothing is found out by being asked.
            world.server.process().signal(Signal::HUP);
            Ok(())
        },
        is_told: |health| reason(health, REAL).contains("did not answer"),
        end: |world| {
            world.real.process().signal(Signal::CONT);
            Ok(())
        },
        kind: Kind::Real,
    },
    Fault {
        name: "the route server is killed and started again",
        begin: |world| {
            world.server.process().kill()?;
            world.server.start_again()
        },
        is_told: |health| !health.is_null(),
        end: |_| Ok(()),
        kind: Kind::Server,
    },
    Fault {
        name: "the route server is away for two seconds",
        begin: |world| {
            world.server.process().stop()?;
            thread::sleep(Duration::from_secs(2));
            world.server.start_again()
        },
        is_told: |health| !health.is_null(),
        end: |_| Ok(()),
        kind: Kind::Server,
    },
    Fault {
        name: "the state directory cannot be written",
        begin: |world| {
            fs::set_permissions(world.state(), Permissions::from_mode(0o500)).map_err(io)?;
            // So that there is something to write.
            world.stranger();
            Ok(())
        },
        is_told: |health| health.pointer("/state/error").is_some_and(Value::is_string),
        end: |world| fs::set_permissions(world.state(), Permissions::from_mode(0o700)).map_err(io),
        kind: Kind::Disk,
    },
    Fault {
        name: "the clock jumps a day forward",
        begin: |world| set_clock(world, 86_400),
        is_told: |health| !health.is_null(),
        end: |world| set_clock(world, 0),
        kind: Kind::Clock,
    },
    Fault {
        name: "the clock jumps an hour backward",
        begin: |world| set_clock(world, -3600),
        is_told: |health| !health.is_null(),
        end: |world| set_clock(world, 0),
        kind: Kind::Clock,
    },
];

/// The server's clock, which a debug build takes from there.
fn set_clock(world: &mut World, seconds: i64) -> Result<(), Error> {
    fs::write(world.clock(), seconds.to_string()).map_err(io)?;
    // Something changes, so that all is looked at anew by the new time.
    world.stranger();
    Ok(())
}

fn daemon(health: &Value, id: u32) -> Option<&Value> {
    health.get("daemons")?.as_array()?.iter().find(|daemon| daemon.get("network_id") == Some(&id.into()))
}

fn state(health: &Value, id: u32) -> &str {
    daemon(health, id).and_then(|daemon| daemon.get("state")?.as_str()).unwrap_or_default()
}

fn reason(health: &Value, id: u32) -> &str {
    daemon(health, id).and_then(|daemon| daemon.get("reason")?.as_str()).unwrap_or_default()
}

fn io(source: std::io::Error) -> Error {
    Error::Unexpected(source.to_string())
}

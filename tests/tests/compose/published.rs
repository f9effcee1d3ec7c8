//! Projects of the shapes that people publish: each comes up as it is, or is refused with the right words.
//!
//! Their images are busybox under the names that stand in the files; each listens on `$SERVICE_IP`, where the real one
//! would have to be told to.

use std::{fs, net::TcpStream, path::Path, time::Duration};

use end_to_end::{Error, Image, until};

use crate::{World, expect};

/// The images, each with the port that it listens on.
const IMAGES: [(&str, u16); 9] = [
    ("mariadb:11", 3306),
    ("wordpress:6", 80),
    ("nextcloud:30", 80),
    ("redis:7-alpine", 6379),
    ("redis:7", 6379),
    ("elasticsearch:8", 9200),
    ("kibana:8", 5601),
    ("example/app:1", 3000),
    ("mailpit:1", 8025),
];

enum Expected {
    /// Comes up, and answers there; this stands in what is said.
    Answers(&'static [&'static str], &'static str),
    /// Refused, with each of these in the words.
    Refused(&'static [&'static str]),
}

use Expected::{Answers, Refused};

const PROJECTS: [(&str, &str, Expected); 12] = [
    ("blog", include_str!("published/blog.yml"), Answers(&["127.0.11.2:80", "127.0.11.3:3306"], "mariadb listens on")),
    (
        "cloud",
        include_str!("published/cloud.yml"),
        Answers(&["127.0.11.2:80", "127.0.11.4:5432", "127.0.11.5:6379"], "redis listens on every address"),
    ),
    ("search", include_str!("published/search.yml"), Answers(&["127.0.11.2:9200", "127.0.11.3:5601"], "")),
    ("queue", include_str!("published/queue.yml"), Answers(&["127.0.11.5:3000", "127.0.11.3:5432"], "")),
    ("developer", include_str!("published/developer.yml"), Answers(&["127.0.11.2:3000", "127.0.11.3:8025"], "")),
    ("sidecar", include_str!("published/sidecar.yml"), Answers(&["127.0.11.2:3000", "127.0.11.4:6379"], "")),
    (
        "proxy",
        include_str!("published/proxy.yml"),
        Refused(&["RC014", ":7:15: services.traefik.volumes.0:", "the machine has a Traefik: remove this service"]),
    ),
    (
        "monitoring",
        include_str!("published/monitoring.yml"),
        Refused(&["services.node.pid", "/ tells everything", "cadvisor.privileged", "/dev/kmsg is a device"]),
    ),
    ("vpn", include_str!("published/vpn.yml"), Refused(&["NET_ADMIN reaches beyond", "/dev/net/tun is a device"])),
    ("scaled", include_str!("published/scaled.yml"), Refused(&["3 containers are asked for"])),
    (
        "management",
        include_str!("published/management.yml"),
        Refused(&["root on the machine", "outside of containers"]),
    ),
    ("dns", include_str!("published/dns.yml"), Refused(&["NET_ADMIN", "SYS_TIME", "/etc/pihole is the system's"])),
];

pub(crate) fn all(world: &World) -> Result<(), Error> {
    for (name, port) in IMAGES {
        let listen =
            format!("CMD [\"sh\", \"-c\", \"echo up >/www/index.html; exec httpd -f -p $SERVICE_IP:{port} -h /www\"]");
        image(world, name, &listen)?;
    }
    image(world, "example/idle:1", "CMD [\"sleep\", \"1000\"]")?;
    // Like the real one it is told by its command.
    let postgres = "ENTRYPOINT [\"sh\", \"-c\", \"case \\\"$*\\\" in *listen_addresses=$SERVICE_IP*) echo up \
                    >/www/index.html; exec httpd -f -p $SERVICE_IP:5432 -h /www;; esac\", \"postgres\"]";
    image(world, "postgres:17", postgres)?;
    image(world, "postgres:17-alpine", postgres)?;
    let failed: Vec<String> = PROJECTS
        .iter()
        .filter_map(|(name, text, expected)| {
            let directory = world.renet.repository(&format!("published-{name}"), &world.dockerd, text).ok()?;
            let outcome = prepare(&directory).and_then(|()| look(world, &directory, expected));
            let down = world.renet.run(&directory, &["compose", "--", "down", "--timeout", "0", "--volumes"]);
            outcome.and(down).err().map(|error| format!("{name}: {error}"))
        })
        .collect();
    expect("each shape", failed.is_empty(), &failed.join("\n"))
}

fn image(world: &World, name: &str, change: &str) -> Result<(), Error> {
    let seed = world.dockerd.docker(["create", "--stop-signal", "KILL", Image::NAME, "true"])?;
    let made = world.dockerd.docker(["commit", "--change", change, seed.trim(), name]);
    world.dockerd.docker(["rm", seed.trim()])?;
    made.map(drop)
}

/// The files beside the compose files.
fn prepare(directory: &Path) -> Result<(), Error> {
    let write = || {
        fs::create_dir(directory.join("app"))?;
        fs::write(directory.join("cloud.env"), "REDIS_HOST=redis\n")?;
        fs::write(directory.join("key.txt"), "secret\n")?;
        let dockerfile = "FROM example/app:1\nARG GREETING\nRUN echo $GREETING >/greeting && test -s /greeting\n";
        fs::write(directory.join("app/Dockerfile"), dockerfile)
    };
    write().map_err(|source| Error::Io { what: "write the project".to_owned(), source })
}

fn look(world: &World, directory: &Path, expected: &Expected) -> Result<(), Error> {
    let output = world.renet.run(directory, &["compose", "--", "up", "-d"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    match expected {
        Refused(words) => {
            expect("it is refused", output.status.code() == Some(3), &said)?;
            // Each with its code where the plan is asked for it.
            let plan = world.renet.run(directory, &["compose", "plan", "--json"])?;
            let plan = format!("{said}{}", String::from_utf8_lossy(&plan.stdout));
            words.iter().try_for_each(|word| expect(word, plan.contains(word), &plan))?;
            let left = world.dockerd.docker(["ps", "--all", "--quiet"])?;
            expect("nothing was started", left.is_empty(), &left)
        }
        Answers(addresses, words) => {
            expect("it comes up", output.status.success(), &said)?;
            expect("what is said", said.contains(words), &said)?;
            for address in *addresses {
                until(address, Duration::from_secs(20), || TcpStream::connect(address))?;
            }
            let format = "{{.Label \"com.docker.compose.service\"}} {{.State}} {{.Status}}";
            let all = world.dockerd.docker(["ps", "--all", "--format", format])?;
            let fine = |line: &str| line.contains(" running ") || line.contains("Exited (0)");
            expect("all of it runs", all.lines().all(fine), &all)?;
            let before = world.dockerd.docker(["ps", "--quiet", "--no-trunc"])?;
            world.renet.done(directory, &["compose", "--", "up", "-d"])?;
            let after = world.dockerd.docker(["ps", "--quiet", "--no-trunc"])?;
            expect("nothing is recreated", before == after, &after)?;
            let diff = world.renet.done(directory, &["compose", "diff"])?;
            expect("nothing would change", !diff.contains("create"), &diff)
        }
    }
}

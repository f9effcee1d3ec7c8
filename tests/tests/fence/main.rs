//! The fence on real control groups: what processes try with it, and the same without it, so that each case can fail.
//! Beside the programs' own tests this sees that the kernel takes them, and means the same by them.

mod act;
mod ground;

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    process::ExitCode,
};

use end_to_end::Error;
use ground::{Ground, NEIGHBOUR, OWN, id};
use libtest_mimic::{Arguments, Failed, Trial};
use loopback_fence::{FenceError, Policy, Role, State, attach, detach, state};

/// Something that is tried in a service's control group. Ports of the own service's: 8080 TCP, 5353 UDP; of its sibling's
/// and of the neighbour's service: the same; of the host's: 127.0.0.1:7511 TCP and UDP, 0.0.0.0:7522 TCP.
struct Case {
    what: &'static str,
    fenced: &'static str,
    unfenced: &'static str,
}

type Test = fn() -> Result<(), Error>;

const fn case(what: &'static str, fenced: &'static str, unfenced: &'static str) -> Case {
    Case { what, fenced, unfenced }
}

/// 127.250.0.2 is the service itself, 127.250.0.3 its sibling, 127.250.0.66 a service of the neighbour's.
const CASES: &[Case] = &[
    // What programs do that know nothing of the fence.
    case("tcp bind 0.0.0.0:9000", "127.250.0.2:9000", "0.0.0.0:9000"),
    case("tcp bind 127.0.0.1:9000", "127.250.0.2:9000", "127.0.0.1:9000"),
    case("tcp bind 127.250.0.2:9000", "127.250.0.2:9000", "127.250.0.2:9000"),
    case("udp bind 0.0.0.0:9000", "127.250.0.2:9000", "0.0.0.0:9000"),
    case("mptcp bind 0.0.0.0:9000", "127.250.0.2:9000", "0.0.0.0:9000"),
    case("tcp6 bind [::]:9000", "[::ffff:127.250.0.2]:9000", "[::]:9000"),
    case("tcp6 bind [::1]:9000", "[::ffff:127.250.0.2]:9000", "[::1]:9000"),
    case("udp6 bind [::]:9000", "[::ffff:127.250.0.2]:9000", "[::]:9000"),
    case("tcp connect 127.0.0.1:8080", "peer 127.0.0.1 from 127.250.0.2", "ECONNREFUSED"),
    case("tcp connect 0.0.0.0:8080", "peer 127.0.0.1 from 127.250.0.2", "ECONNREFUSED"),
    case("tcp6 connect [::1]:8080", "peer 127.0.0.1 from 127.250.0.2", "ECONNREFUSED"),
    case("tcp connect 127.250.0.2:8080", "peer 127.250.0.2 from 127.250.0.2", "peer 127.0.0.1 from 127.250.0.2"),
    case("tcp connect 127.250.0.3:8080", "peer 127.250.0.2 from 127.250.0.3", "peer 127.0.0.1 from 127.250.0.3"),
    case(
        "tcp6 connect [::ffff:127.250.0.3]:8080",
        "peer 127.250.0.2 from 127.250.0.3",
        "peer 127.0.0.1 from 127.250.0.3",
    ),
    case("udp send 127.250.0.3:5353", "peer 127.250.0.2 from 127.250.0.3", "peer 127.0.0.1 from 127.250.0.3"),
    case("udp connect 127.250.0.3:5353", "peer 127.250.0.2 from 127.250.0.3", "peer 127.0.0.1 from 127.250.0.3"),
    case("udp connect 127.0.0.1:5353", "peer 127.0.0.1 from 127.0.0.1", "ECONNREFUSED"),
    case("udp6 connect [::1]:5353", "peer 127.0.0.1 from 127.0.0.1", "ECONNREFUSED"),
    case("udp send 127.0.0.1:5353", "peer 127.0.0.1 from 127.0.0.1", "silence"),
    case("udp6 send [::1]:5353", "EPERM", "silence"),
    // Attacks: another's address, wildcards, the host's services.
    case("tcp bind 127.250.0.3:9000", "EPERM", "127.250.0.3:9000"),
    case("tcp bind 127.250.0.66:9000", "EPERM", "127.250.0.66:9000"),
    case("udp bind 127.250.0.66:9000", "EPERM", "127.250.0.66:9000"),
    case("mptcp bind 127.250.0.66:9000", "EPERM", "127.250.0.66:9000"),
    case("tcp6 bind [::ffff:127.250.0.66]:9000", "EPERM", "[::ffff:127.250.0.66]:9000"),
    case("tcp reuse 127.250.0.66:8080", "EPERM", "Address already in use (os error 98)"),
    case("tcp bind 127.0.0.2:9000", "EPERM", "127.0.0.2:9000"),
    case("tcp connect 127.250.0.66:8080", "EPERM", "peer 127.0.0.1 from 127.250.0.66"),
    case("tcp6 connect [::ffff:127.250.0.66]:8080", "EPERM", "peer 127.0.0.1 from 127.250.0.66"),
    case("mptcp connect 127.250.0.66:8080", "EPERM", "peer 127.0.0.1 from 127.250.0.66"),
    case("tcp fastopen 127.250.0.66:8080", "EPERM", "peer 127.0.0.1 from 127.250.0.66"),
    case("udp send 127.250.0.66:5353", "EPERM", "peer 127.0.0.1 from 127.250.0.66"),
    case("udp connect 127.250.0.66:5353", "EPERM", "peer 127.0.0.1 from 127.250.0.66"),
    case("udp6 send [::ffff:127.250.0.66]:5353", "EPERM", "peer 127.0.0.1 from 127.250.0.66"),
    case("tcp connect 127.0.0.1:7511", "ECONNREFUSED", "peer 127.0.0.1 from 127.0.0.1"),
    case("tcp6 connect [::ffff:127.0.0.1]:7511", "ECONNREFUSED", "peer 127.0.0.1 from 127.0.0.1"),
    case("udp send 127.0.0.1:7511", "silence", "peer 127.0.0.1 from 127.0.0.1"),
    case("udp6 send [::ffff:127.0.0.1]:7511", "silence", "peer 127.0.0.1 from 127.0.0.1"),
    case("tcp connect 127.250.0.9:7522", "EPERM", "peer 127.0.0.1 from 127.250.0.9"),
    case("tcp connect 127.0.0.1:7522", "EPERM", "peer 127.0.0.1 from 127.0.0.1"),
    case("tcp connect 127.9.9.9:7522", "EPERM", "peer 127.0.0.1 from 127.9.9.9"),
    // Of the squat at the place of a service of the host's that is down nothing comes but an own listener.
    case("tcp bind 127.0.0.1:7111", "127.250.0.2:7111", "127.0.0.1:7111"),
];

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let Some((first, rest)) = words.split_first()
        && first == act::ACT
    {
        act::act(rest);
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // They share the addresses.
    arguments.test_threads = Some(1);
    let tests: &[(&str, Test)] = &[
        ("what_is_tried_with_and_without_it", || [true, false].into_iter().try_for_each(cases)),
        ("a_group_without_a_slot_fails_closed", unslotted),
        ("the_host_reaches_every_service", from_the_host),
        ("ipv6_only_sockets_beside_ipv4_ones", ipv6_only),
        ("ports_below_1024_need_no_capability", low_ports),
        ("attached_again_replaced_and_taken_off", life),
        ("what_cannot_be_fenced_is_told", bad_input),
    ];
    let trials = tests.iter().map(|(name, test)| Trial::test(*name, || test().map_err(Failed::from)));
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn expect(what: &str, said: &str, expected: &str) -> Result<(), Error> {
    if said == expected { Ok(()) } else { Err(Error::Unexpected(format!("{what}: {said}; expected {expected}"))) }
}

/// The fence's own words.
pub(crate) fn done<T>(result: Result<T, FenceError>) -> Result<T, Error> {
    result.map_err(|error| Error::Unexpected(format!("{error}: {:?}", std::error::Error::source(&error))))
}

fn cases(is_fenced: bool) -> Result<(), Error> {
    let ground = Ground::new(is_fenced)?;
    let mut servers = Vec::new();
    for (network, slot, address) in
        [(OWN, "slot-0", "127.250.0.2"), (OWN, "slot-1", "127.250.0.3"), (NEIGHBOUR, "slot-0", "127.250.0.66")]
    {
        // As an image does it, where that is possible.
        let at = if is_fenced { "0.0.0.0" } else { address };
        for (kind, port) in [("tcp", 8080), ("udp", 5353)] {
            let server = ground.serve(Some((network, slot)), kind, &format!("{at}:{port}"))?;
            expect("a service", &server.said, &format!("{address}:{port}"))?;
            servers.push(server);
        }
    }
    for (kind, address) in [("tcp", "127.0.0.1:7511"), ("udp", "127.0.0.1:7511"), ("tcp", "0.0.0.0:7522")] {
        let server = ground.serve(None, kind, address)?;
        expect("a service of the host's", &server.said, address)?;
        servers.push(server);
    }
    let mut wrong = Vec::new();
    for Case { what, fenced, unfenced } in CASES {
        let said = ground.tried(Some((OWN, "slot-0")), what)?;
        let expected = if is_fenced { fenced } else { unfenced };
        wrong.extend(expect(what, &said, expected).err().map(|error| error.to_string()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Unexpected(format!("fenced: {is_fenced}\n{}", wrong.join("\n")))) }
}

fn unslotted() -> Result<(), Error> {
    let ground = Ground::new(true)?;
    let _sibling = ground.serve(Some((OWN, "slot-0")), "tcp", "0.0.0.0:8080")?;
    let _host = ground.serve(None, "tcp", "127.0.0.1:7511")?;
    // Also in a group below, as of a container that has one of its own.
    for group in ["unslotted", "unslotted/nested"] {
        for (what, expected) in [
            ("tcp bind 0.0.0.0:9100", "EPERM"),
            ("tcp bind 127.0.0.1:9100", "EPERM"),
            ("tcp bind 127.250.0.9:9100", "127.250.0.9:9100"),
            ("tcp connect 127.0.0.1:7511", "EPERM"),
            ("tcp connect 127.250.0.2:8080", "peer 127.0.0.1 from 127.250.0.2"),
        ] {
            expect(what, &ground.tried(Some((OWN, group)), what)?, expected)?;
        }
    }
    Ok(())
}

fn from_the_host() -> Result<(), Error> {
    let ground = Ground::new(true)?;
    for (kind, address, port) in
        [("tcp", "0.0.0.0", 8080), ("tcp6", "[::]", 8081), ("udp", "0.0.0.0", 5353), ("udp6", "[::]", 5354)]
    {
        let _server = ground.serve(Some((OWN, "slot-0")), kind, &format!("{address}:{port}"))?;
        let kind = kind.trim_end_matches('6');
        let said = ground.tried(None, &format!("{kind} connect 127.250.0.2:{port}"))?;
        expect("as Traefik does it", &said, "peer 127.0.0.1 from 127.250.0.2")?;
    }
    Ok(())
}

/// As nginx does it with `listen 80; listen [::]:80 ipv6only=on`.
fn ipv6_only() -> Result<(), Error> {
    let ground = Ground::new(true)?;
    let own = Some((OWN, "slot-0"));
    let _first = ground.serve(own, "tcp", "0.0.0.0:8080")?;
    for kind in ["tcp6only", "udp6only"] {
        for address in ["[::]:8080", "[::1]:8080"] {
            let said = ground.tried(own, &format!("{kind} bind {address}"))?;
            let is_elsewhere = said.starts_with("[::1]:") && !said.ends_with(":8080");
            expect(&format!("{kind} {address} is {said}"), &is_elsewhere.to_string(), "true")?;
        }
    }
    Ok(())
}

fn low_ports() -> Result<(), Error> {
    let ground = Ground::new(true)?;
    // This program may be where only root gets to.
    let place = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
    let program = place.path().join("act");
    let own = env::current_exe().map_err(Error::io("find this program"))?;
    let everybodys = || {
        fs::copy(own, &program)?;
        fs::set_permissions(place.path(), Permissions::from_mode(0o755))
    };
    everybodys().map_err(Error::io("copy this program"))?;
    let bind = |group: &str, address: &str| -> Result<String, Error> {
        // The group is entered by root; nobody has no capability.
        let script = format!(
            "echo $$ >{}/cgroup.procs && exec setpriv --reuid=65534 --regid=65534 --clear-groups {} act - tcp bind {address}",
            ground.group(OWN, group).display(),
            program.display()
        );
        let output = std::process::Command::new("sh").args(["-c", &script]).output().map_err(Error::io("run sh"))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    expect("port 80 as nobody", &bind("slot-0", "0.0.0.0:80")?, "127.250.0.2:80")?;
    expect("without a slot", &bind("unslotted", "127.250.0.9:80")?, "EACCES")
}

fn life() -> Result<(), Error> {
    let ground = Ground::new(false)?;
    let group = ground.group(OWN, "slot-0");
    let policy = Policy::new(id(OWN), Role::Slot(0.try_into().map_err(|_bad| Error::Unexpected("a slot".to_owned()))?));
    let other = Policy { host_ports: vec![9000], ..policy.clone() };
    let is = |policy: &Policy| done(state(&group, policy));
    let same = |what: &str, is: State, expected: State| expect(what, &format!("{is:?}"), &format!("{expected:?}"));
    same("before", is(&policy)?, State::Absent)?;
    done(attach(&group, &policy))?;
    done(attach(&group, &policy))?;
    same("attached twice", is(&policy)?, State::Whole)?;
    same("by another policy", is(&other)?, State::Other)?;
    done(attach(&group, &other))?;
    same("replaced", is(&other)?, State::Whole)?;
    expect("taken off", &format!("{} {}", done(detach(&group))?, done(detach(&group))?), "true false")?;
    same("then", is(&policy)?, State::Absent)
}

fn bad_input() -> Result<(), Error> {
    let policy = Policy::guard(id(OWN));
    let said = |path: &str| attach(path.as_ref(), &policy).err().map(|error| error.to_string()).unwrap_or_default();
    expect("no such group", &said("/sys/fs/cgroup/none"), "cannot open control group /sys/fs/cgroup/none")?;
    expect("no group at all", &said("/tmp"), "control group /tmp takes no programs; it has to be one of version 2")
}

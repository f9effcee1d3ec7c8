use std::{fs, net::TcpListener};

use container_snapshot::Endpoint;
use machine_sockets::fixtures::{ID, process};
use tokio::time::timeout;

use super::*;

fn expected(backends: &[Endpoint]) -> Comparison {
    Comparison { backends: backends.iter().copied().collect(), ..Comparison::default() }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::tcp(address.to_string().parse().unwrap())
}

#[tokio::test]
async fn a_listener_that_comes_and_goes_is_seen_and_readings_are_a_second_apart() {
    let socket = TcpListener::bind("127.0.11.2:0").unwrap();
    let backend = endpoint(socket.local_addr().unwrap());
    let mut watch = ListenerWatch::new();
    assert!(timeout(Duration::from_millis(50), watch.next()).await.is_err(), "nobody is expected");

    let begin = Instant::now();
    watch.expect(&expected(&[backend]), begin);
    let listeners = watch.next().await.unwrap();
    assert!(listeners.looked_at(backend));
    let owners = listeners.at(backend).unwrap();
    assert!(!owners.contains(&Owner::Unknown), "one's own sockets can be told: {owners:?}");

    drop(socket);
    watch.expect(&expected(&[backend]), Instant::now());
    assert!(timeout(Duration::from_millis(50), watch.next()).await.is_err(), "nothing changed");
    watch.changed(Instant::now());
    assert_eq!(watch.next().await.unwrap().at(backend), None);
    assert!(begin.elapsed() >= APART);
}

#[tokio::test]
async fn a_reading_that_nobody_waited_for_is_not_lost() {
    let socket = TcpListener::bind("127.0.11.2:0").unwrap();
    let backend = endpoint(socket.local_addr().unwrap());
    let mut watch = ListenerWatch::new();
    watch.expect(&expected(&[backend]), Instant::now());
    while watch.reading.is_none() {
        tokio::select! {
            biased;
            _ = watch.next() => panic!("it cannot be through"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(watch.next().await.unwrap().at(backend).is_some());
}

#[test]
fn reading_is_due_soon_and_late_and_ever_more_seldom() {
    let start = Instant::now();
    let after = |secs: f32| start + Duration::from_secs_f32(secs);
    let mut schedule = Schedule::default();
    assert_eq!(schedule.due(), None);
    schedule.changed(start);
    assert_eq!(schedule.due(), Some(start), "at once");
    schedule.begun(start);
    assert_eq!(schedule.due(), Some(start + LATE));
    for secs in [0.2, 0.4, 0.6] {
        schedule.changed(after(secs));
        assert_eq!(schedule.due(), Some(after(1.0)), "a second apart");
    }
    schedule.begun(after(1.0));
    assert_eq!(schedule.due(), Some(after(0.6) + LATE), "after the last change");
    schedule.begun(after(0.6) + LATE);
    assert_eq!(schedule.due(), None, "at rest");

    let mut now = after(20.0);
    let mut waits = Vec::new();
    for _ in 0..4 {
        schedule.again(now);
        let due = schedule.due().unwrap();
        waits.push((due - now).as_secs());
        schedule.begun(due);
        now = due;
    }
    assert_eq!(waits, [20, 40, 60, 60]);
    schedule.changed(now);
    assert_eq!(schedule.due(), Some(now + APART));
}

/// A directory in the form of `/proc`, with the fixtures' tables.
fn proc() -> tempfile::TempDir {
    let proc = tempfile::tempdir().unwrap();
    fs::create_dir(proc.path().join("net")).unwrap();
    let tables = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/proc-net");
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        fs::copy(format!("{tables}/{table}"), proc.path().join("net").join(table)).unwrap();
    }
    process(proc.path(), 1, "systemd", "/init.scope", "1", &[]);
    process(proc.path(), 20, "web", &format!("/docker/{ID}"), "2", &[580_044]);
    process(proc.path(), 21, "postgres", "/system.slice/postgres.service", "1", &[580_045]);
    proc
}

fn read(proc: &Path, known: Known) -> (io::Result<Listeners>, Known) {
    let backends =
        ["127.0.11.2:8080", "127.0.11.5:5432", "127.0.11.3:7070"].map(|it| Endpoint::tcp(it.parse().unwrap()));
    Reader { processes: Processes::new(proc), groups: Mutex::default() }
        .read(Arc::new(Interest::of(backends.into())), known)
}

#[test]
fn owners_are_told_and_remembered_as_long_as_the_socket_is_there() {
    let proc = proc();
    let (listeners, known) = read(proc.path(), Known::new());
    let told: Vec<_> = listeners.unwrap().tcp.into_iter().map(|(at, owners)| (at.to_string(), owners)).collect();
    let web = Owner::Container(vec![ID.into()]);
    let postgres = Owner::Process { name: "postgres".to_owned(), pid: 21 };
    let expected = [("0.0.0.0:5432", postgres), ("127.0.11.2:8080", web), ("127.0.11.3:7070", Owner::Unknown)];
    assert_eq!(told, expected.map(|(at, owner)| (at.to_owned(), BTreeSet::from([owner]))));
    assert_eq!(known.len(), 2);

    for pid in ["20", "21"] {
        fs::remove_dir_all(proc.path().join(pid)).unwrap();
    }
    assert_eq!(read(proc.path(), known.clone()).1, known);
    fs::write(proc.path().join("net/tcp"), "").unwrap();
    assert_eq!(read(proc.path(), known).1, Known::new());
}

#[test]
fn a_machine_without_ipv6_is_read_and_one_that_hides_is_not() {
    let proc = proc();
    fs::remove_file(proc.path().join("net/tcp6")).unwrap();
    assert_eq!(read(proc.path(), Known::new()).0.unwrap().tcp.len(), 2);
    fs::remove_file(proc.path().join("net/tcp")).unwrap();
    assert!(read(proc.path(), Known::new()).0.is_err());
}

/// What one reading costs: `cargo test --release -p route-server what_a_reading_costs -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "its figures are for people")]
fn what_a_reading_costs() {
    let millis = |runs: u32, work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..runs).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1000.0 / f64::from(runs)
    };
    let socket = TcpListener::bind("127.0.11.2:0").unwrap();
    let backends = BTreeSet::from([endpoint(socket.local_addr().unwrap())]);
    let interest = Arc::new(Interest::of(backends));
    let machine = Reader { processes: Processes::new("/proc"), groups: Mutex::default() };
    let known = machine.read(interest.clone(), Known::new()).1;
    let cold = millis(50, &mut || drop(machine.read(interest.clone(), Known::new())));
    let warm = millis(50, &mut || drop(machine.read(interest.clone(), known.clone())));
    let missing: BTreeSet<_> = [u64::MAX].into();
    let whole = millis(50, &mut || drop(machine.processes.holders(&missing)));
    let sockets: usize = TABLES
        .iter()
        .map(|(_, name)| fs::read_to_string(machine.processes.root().join(name)).unwrap().lines().count() - 1)
        .sum();
    let processes = fs::read_dir("/proc")
        .unwrap()
        .filter(|entry| {
            entry.as_ref().is_ok_and(|it| it.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok()))
        })
        .count();
    println!(
        "this machine: {sockets} sockets, {processes} processes: {cold:.2} ms, {warm:.2} ms with known owners, {whole:.2} ms for all descriptors"
    );

    let proc = proc();
    for state in ["0A", "01"] {
        let row = |index: u32| {
            format!(
                "{index:5}: {:08X}:1F90 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {index} 1 0000000000000000 100 0 0 10 0\n",
                (0x7f00_0b00_u32 + index).swap_bytes()
            )
        };
        fs::write(proc.path().join("net/tcp"), (0..20_000).map(row).collect::<String>()).unwrap();
        let synthetic = Reader { processes: Processes::new(proc.path()), groups: Mutex::default() };
        let backends =
            (0..20_000_u32).map(|index| Endpoint::tcp(std::net::SocketAddrV4::new((0x7f00_0b00 + index).into(), 8080)));
        let interest = Arc::new(Interest::of(backends.collect()));
        let cost = millis(20, &mut || drop(synthetic.read(interest.clone(), Known::new())));
        println!("a table of 20,000 lines in state {state}: {cost:.2} ms");
    }
}

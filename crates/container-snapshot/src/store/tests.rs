use std::net::SocketAddr;

use super::*;
use crate::{Health, Listener, Owner, Transport};

const GRACE: Duration = Duration::from_secs(30);
const STALE_FOR: Duration = Duration::from_hours(1);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn id() -> NetworkId {
    "2816".parse().unwrap()
}

fn container(id: &str, state: ContainerState) -> Container {
    Container {
        id: id.into(),
        name: id.to_owned(),
        labels: Arc::new([("rediacc.service_ip".to_owned(), "127.0.11.2".to_owned())].into()),
        created: at(1),
        state,
        health: Health::Unchecked,
        network_mode: "host".to_owned(),
        defects: Vec::new(),
    }
}

fn live(containers: Vec<Container>) -> Store {
    let mut store = Store::default();
    store.apply(id(), Event::Found { socket: "s".to_owned() }, at(1));
    store.apply(id(), Event::Listed(containers), at(2));
    store
}

fn view(store: &Store) -> &DaemonView {
    &store.snapshot().daemons[&id()]
}

#[test]
fn a_relist_that_finds_nothing_new_is_no_change() {
    let mut store = live(vec![container("a", ContainerState::Running)]);
    let before = store.snapshot().clone();
    assert!(!store.apply(id(), Event::Listed(vec![container("a", ContainerState::Running)]), at(62)));
    assert_eq!(*store.snapshot(), before);
}

#[test]
fn a_container_that_is_missing_from_a_list_is_remembered_for_the_grace_time() {
    let mut store = live(vec![container("a", ContainerState::Running)]);
    assert!(store.apply(id(), Event::Listed(vec![]), at(10)));
    let tracked = &view(&store).containers["a"];
    assert!(tracked.removed);
    assert_eq!(tracked.down_since, Some(at(10)));
    assert_eq!(view(&store).container_count(), 0);
    assert!(!store.prune(at(39), GRACE, STALE_FOR));
    assert!(store.prune(at(40), GRACE, STALE_FOR));
    assert!(view(&store).containers.is_empty());
}

#[test]
fn down_since_is_when_it_went_down_and_not_when_it_was_removed() {
    let mut store = live(vec![container("a", ContainerState::Running)]);
    let asked = vec!["a".into()];
    let found = vec![container("a", ContainerState::Exited)];
    assert!(store.apply(id(), Event::Changed { asked: asked.clone(), found }, at(5)));
    assert!(store.apply(id(), Event::Changed { asked: asked.clone(), found: vec![] }, at(9)));
    assert_eq!(view(&store).containers["a"].down_since, Some(at(5)));
    assert!(!store.apply(id(), Event::Changed { asked, found: vec![] }, at(11)), "removed already");
}

#[test]
fn no_more_than_so_many_are_remembered() {
    let mut store = live(vec![]);
    let large = |id: String, bytes: usize| {
        let labels = [("traefik.x".to_owned(), "x".repeat(bytes))];
        Container { labels: Arc::new(labels.into()), ..container(&id, ContainerState::Running) }
    };
    for round in 0..10 {
        let containers = (0..500).map(|n| container(&format!("{round}-{n}"), ContainerState::Running)).collect();
        store.apply(id(), Event::Listed(containers), at(10 + round));
    }
    let view_of = |store: &Store| store.snapshot().daemons[&id()].clone();
    assert_eq!((view_of(&store).containers.len(), view_of(&store).container_count()), (1500, 500));
    assert!(view_of(&store).containers.contains_key("8-0") && !view_of(&store).containers.contains_key("6-0"));
    for round in 0..10 {
        let containers = (0..10).map(|n| large(format!("large-{round}-{n}"), 200 << 10)).collect();
        store.apply(id(), Event::Listed(containers), at(30 + round));
    }
    assert!(view_of(&store).containers.len() < 100, "{}", view_of(&store).containers.len());
    assert!(view_of(&store).containers.contains_key("large-8-0"));
}

#[test]
fn what_was_never_seen_running_is_not_just_down() {
    let since = |store: &Store| view(store).containers["a"].down_since;
    assert_eq!(since(&live(vec![container("a", ContainerState::Exited)])), Some(at(1)), "when it was made");
    let future = Container { created: at(1000), ..container("a", ContainerState::Created) };
    assert_eq!(since(&live(vec![future])), Some(at(2)), "the daemon's clock is not this one");
}

#[test]
fn a_clock_that_was_set_between_two_processes_moves_nothing() {
    let day = 86_400;
    let mut store = live(vec![container("a", ContainerState::Running), container("b", ContainerState::Running)]);
    store.apply(id(), Event::Lost { reason: "hangs".to_owned() }, at(1000));
    let other = 64.try_into().unwrap_or(id());
    store.apply(other, Event::Found { socket: "s".to_owned() }, at(3000));
    store.apply(other, Event::Listed(vec![container("c", ContainerState::Running)]), at(4000));
    store.apply(other, Event::Listed(vec![]), at(5000));
    for now in [100, 5003, 5000 + day, 1_000_000 * day] {
        let restored = Store::restored(store.snapshot().clone(), at(now));
        let ago = |seconds: i64| Timestamp::from_secs(now).before(Duration::from_secs(seconds.unsigned_abs()));
        assert_eq!(
            (view(&restored).link, view(&restored).since),
            (Link::Stale, ago(4000)),
            "lost for as long as before"
        );
        assert_eq!(view(&restored).containers["a"].up_since, Some(ago(4998)));
        assert_eq!(restored.snapshot().daemons[&other].containers["c"].down_since, Some(at(now)));
        assert_eq!(restored.snapshot().daemons[&other].since, at(now), "what was live is stale from now on");
    }
}

#[test]
fn up_since_is_when_it_was_first_seen_running() {
    let mut store = live(vec![container("a", ContainerState::Running)]);
    let up_since = |store: &Store| view(store).containers["a"].up_since;
    store.apply(id(), Event::Listed(vec![container("a", ContainerState::Running)]), at(4));
    assert_eq!(up_since(&store), Some(at(2)));
    store.apply(id(), Event::Listed(vec![container("a", ContainerState::Exited)]), at(5));
    assert_eq!(up_since(&store), None);
    store.apply(id(), Event::Listed(vec![container("a", ContainerState::Running)]), at(6));
    assert_eq!(up_since(&store), Some(at(6)));
    store.apply(id(), Event::Listed(vec![]), at(7));
    assert_eq!(up_since(&store), None);
}

#[test]
fn listeners_are_replaced() {
    let mut store = live(vec![]);
    let read_at = |secs| Some(Listeners { read_at: at(secs), ..Listeners::default() });
    assert!(store.set_listeners(read_at(3)));
    assert!(!store.set_listeners(read_at(3)));
    assert!(store.set_listeners(read_at(4)), "a later reading says more");
    assert!(store.set_listeners(None));
}

#[test]
fn a_lost_daemon_keeps_its_view_and_a_daemon_that_never_listed_stays_connecting() {
    let mut store = live(vec![container("a", ContainerState::Running)]);
    assert!(store.apply(id(), Event::Lost { reason: "hangs".to_owned() }, at(7)));
    assert!(!store.apply(id(), Event::Lost { reason: "hangs".to_owned() }, at(8)), "nothing new");
    assert_eq!((view(&store).link, view(&store).since), (Link::Stale, at(7)));
    assert_eq!(view(&store).containers.len(), 1);

    let mut store = Store::default();
    store.apply(id(), Event::Found { socket: "s".to_owned() }, at(1));
    store.apply(id(), Event::Lost { reason: "refused".to_owned() }, at(2));
    assert_eq!((view(&store).link, view(&store).since), (Link::Connecting, at(1)));
    assert_eq!(view(&store).reason.as_deref(), Some("refused"));
    store.apply(id(), Event::Vanished, at(3));
    assert!(store.snapshot().daemons.is_empty());
}

#[test]
fn a_socket_that_comes_back_keeps_the_view() {
    let mut store = live(vec![container("a", ContainerState::Running)]);
    store.apply(id(), Event::Vanished, at(5));
    assert_eq!(view(&store).link, Link::Gone);
    store.apply(id(), Event::Found { socket: "s".to_owned() }, at(6));
    assert_eq!((view(&store).link, view(&store).containers.len()), (Link::Stale, 1));
    store.apply(id(), Event::Vanished, at(7));
    assert!(!store.prune(at(7 + 3599), GRACE, STALE_FOR));
    // Somebody on its address: it may well serve.
    let mut listeners = Listeners::default();
    let address = SocketAddr::from(([127, 0, 11, 2], 8080));
    listeners.insert(Listener { transport: Transport::Tcp, address, inode: 1 }, Owner::Unknown);
    store.set_listeners(Some(listeners));
    assert!(!store.prune(at(1_000_000), GRACE, STALE_FOR));
    store.set_listeners(Some(Listeners::default()));
    assert!(store.prune(at(7 + 3600), GRACE, STALE_FOR));
    assert!(store.snapshot().daemons.is_empty());

    let mut store = live(vec![]);
    store.apply(id(), Event::Vanished, at(5));
    assert!(!store.prune(at(34), GRACE, STALE_FOR));
    assert!(store.prune(at(35), GRACE, STALE_FOR), "without containers it is nothing to anybody");
}

#[test]
fn of_a_deleted_repository_nothing_is_remembered() {
    let mut store = live(vec![container("a", ContainerState::Running)]);
    // Its socket is gone, and nobody has noticed yet.
    assert!(store.forget(id(), at(3)));
    assert_eq!((view(&store).link, view(&store).containers.len()), (Link::Connecting, 0));
    store.apply(id(), Event::Vanished, at(4));
    assert!(store.snapshot().daemons.is_empty());
    let mut store = live(vec![container("a", ContainerState::Running)]);
    store.apply(id(), Event::Vanished, at(3));
    assert!(store.forget(id(), at(4)) && store.snapshot().daemons.is_empty());
    assert!(!store.forget(id(), at(5)));
}

#[test]
fn health_is_read_from_the_status() {
    assert_eq!(Health::from_status("Up 3 seconds (healthy)"), Health::Healthy);
    assert_eq!(Health::from_status("Up 3 seconds (unhealthy)"), Health::Unhealthy);
    assert_eq!(Health::from_status("Up 3 seconds (health: starting)"), Health::Starting);
    assert_eq!(Health::from_status("Up 3 seconds"), Health::Unchecked);
}

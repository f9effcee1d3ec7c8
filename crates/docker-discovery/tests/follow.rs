//! What well-behaved daemons have is known, at the cost that was promised.

mod common;

use std::{fs, os::unix::fs::symlink, time::Duration};

use common::{Machine, Watch, glob};
use container_snapshot::{Defect, Link};
use docker_discovery::Settings;
use docker_simulator::{Container, Simulator, State};

#[tokio::test]
async fn the_first_view_is_one_call_per_daemon() {
    let machine = Machine::new();
    let daemons = [machine.daemon(2816), machine.daemon(2880)];
    daemons[0].set_containers([Container::new("web"), Container::new("db").state(State::Exited)]);
    let mut watch = machine.watch();
    watch.until("scanned", |watch| watch.has_told("scanned")).await;
    assert_eq!(watch.snapshot().daemons.len(), 2, "all are found before the scan is over");
    watch.until_serving(2816, &["web"]).await;
    watch.until_live(2880).await;
    assert_eq!(watch.view(2816).container_count(), 2);
    for daemon in &daemons {
        let counts = daemon.counts();
        assert_eq!((counts.lists, counts.events, counts.inspects, counts.others), (1, 1, 0, 0));
    }
    watch.end().await;
}

#[tokio::test]
async fn the_scan_is_over_when_a_directory_was_read() {
    let machine = Machine::new();
    let missing = machine.directory.path().join("none");
    let mut watch = Watch::new(Settings { globs: vec![glob(&missing)], ..machine.settings() });
    watch.pass(Duration::from_millis(300)).await;
    assert!(watch.log.is_empty(), "a missing directory proves nothing: {:?}", watch.log);
    fs::create_dir(missing).unwrap();
    watch.until("scanned", |watch| watch.has_told("scanned")).await;
    assert_eq!(watch.log, ["scanned"]);
    watch.deafen().await;
}

#[tokio::test]
async fn sockets_appear_vanish_and_are_replaced() {
    let machine = Machine::new();
    let mut watch = machine.watch();
    watch.until("scanned", |watch| watch.has_told("scanned")).await;

    let daemon = machine.daemon(2816);
    daemon.start(Container::new("old"));
    watch.until_serving(2816, &["old"]).await;

    let replacement = machine.daemon(2816);
    replacement.start(Container::new("new"));
    watch.until_serving(2816, &["new"]).await;
    daemon.shut_down();

    replacement.shut_down();
    watch.until("the socket is gone", |watch| watch.is(2816, Link::Gone)).await;
    let _again = machine.daemon(2816);
    watch.until_live(2816).await;
    assert_eq!(watch.log.iter().filter(|told| *told == "scanned").count(), 1);
    watch.end().await;
}

#[tokio::test]
async fn two_names_of_a_directory_are_one_daemon() {
    let machine = Machine::new();
    let (run, var) = (machine.directory.path().join("run"), machine.directory.path().join("var"));
    fs::create_dir(&run).unwrap();
    symlink(&run, &var).unwrap();
    let daemon = Simulator::bind(run.join("docker-64.sock")).unwrap();
    let mut watch = Watch::new(Settings { globs: vec![glob(&var), glob(&run)], ..machine.settings() });
    watch.until_live(64).await;
    watch.until("scanned", |watch| watch.has_told("scanned")).await;
    assert_eq!(daemon.counts().events, 1);
    assert!(watch.snapshot().refused_sockets.is_empty());
    watch.end().await;
}

#[tokio::test]
async fn wrong_names_and_wrong_files_are_reported() {
    let machine = Machine::new();
    let _wrong = Simulator::bind(machine.directory.path().join("docker-100.sock")).unwrap();
    fs::create_dir(machine.socket(128)).unwrap();
    let mut watch = machine.watch();
    watch.until_lost(128, "is a directory, not a socket").await;
    watch.until("the name is refused", |watch| watch.snapshot().refused_sockets.len() == 1).await;

    fs::remove_dir(machine.socket(128)).unwrap();
    let _right = machine.daemon(128);
    watch.until_live(128).await;
    watch.end().await;
}

#[tokio::test]
async fn an_event_costs_one_call_at_most() {
    let machine = Machine::new();
    let daemon = machine.daemon(2816);
    let mut watch = machine.watch();
    watch.until_live(2816).await;

    let web = daemon.start(Container::new("web"));
    watch.until_serving(2816, &["web"]).await;
    let healthy = |container: Container| container.status("Up 3 seconds (unhealthy)");
    daemon.change(&web, &["health_status: unhealthy"], healthy);
    watch.until_serving(2816, &[]).await;
    daemon.restart(&web);
    watch.until_serving(2816, &["web"]).await;
    daemon.change(&web, &["pause"], |container| container.state(State::Paused));
    watch.until_serving(2816, &[]).await;
    daemon.change(&web, &["unpause"], |container| container.state(State::Running));
    watch.until_serving(2816, &["web"]).await;
    daemon.stop(&web);
    watch.until_serving(2816, &[]).await;
    // Its end was told before it was asked for.
    watch.pass(Duration::from_millis(200)).await;
    let before = daemon.counts();
    daemon.remove(&web);
    watch.until("it is removed", |watch| watch.view(2816).container_count() == 0).await;
    assert_eq!(daemon.counts(), before, "a removal costs nothing");
    let events =
        ["create", "start", "health_status", "die", "stop", "start", "restart", "pause", "unpause", "die", "stop"];
    assert!(before.lists <= 1 + events.len() as u64, "{before:?}");
    watch.end().await;
}

#[tokio::test]
async fn an_end_is_believed_until_the_list_says_otherwise_often_enough() {
    let machine = Machine::new();
    let daemon = machine.daemon(2816);
    let mut watch = machine.watch();
    watch.until_live(2816).await;
    let web = daemon.start(Container::new("web"));
    watch.until_serving(2816, &["web"]).await;
    daemon.send_line(format!(r#"{{"Type":"container","Action":"die","Actor":{{"ID":"{web}","Attributes":{{}}}}}}"#));
    watch.until_serving(2816, &[]).await;
    watch.pass(Duration::from_millis(300)).await;
    assert!(watch.serving(2816).is_empty(), "the list may be behind the event");
    watch.until_serving(2816, &["web"]).await;
    daemon.stop(&web);
    watch.until_serving(2816, &[]).await;
    watch.end().await;
}

/// A daemon's list may be behind its events, and an event may have come just before the subscription: it is told again.
#[tokio::test]
async fn an_end_just_before_the_subscription_is_not_missed() {
    let machine = Machine::new();
    let daemon = machine.daemon(2816);
    let web = daemon.start(Container::new("web"));
    daemon.change(&web, &["die"], |container| container);
    let mut watch = machine.watch();
    watch.until_live(2816).await;
    assert_eq!(watch.serving(2816), ["web"], "so says the list");
    daemon.change(&web, &[], |container| container.state(State::Exited));
    watch.until_serving(2816, &[]).await;
    let lists = watch.log.iter().filter(|told| told.contains("listed")).count();
    assert_eq!(lists, 1, "it did not wait for the next list: {:?}", watch.log);
    watch.end().await;
}

#[tokio::test]
async fn events_that_change_nothing_cost_nothing() {
    let machine = Machine::new();
    let daemon = machine.daemon(2816);
    daemon.set_containers([Container::new("web")]);
    let mut watch = machine.watch();
    watch.until_serving(2816, &["web"]).await;
    let web = Container::new("web").id().to_owned();
    for action in ["exec_create: sh", "exec_start: sh", "exec_die", "top", "attach", "resize"] {
        daemon.change(&web, &[action], |container| container);
    }
    daemon.start(Container::new("last"));
    watch.until_serving(2816, &["last", "web"]).await;
    assert!(daemon.counts().lists <= 3, "{:?}", daemon.counts());
    watch.end().await;
}

#[tokio::test]
async fn a_burst_of_events_costs_few_calls() {
    let machine = Machine::new();
    let daemon = machine.daemon(2816);
    let mut watch = machine.watch();
    watch.until_live(2816).await;
    for number in 0..500 {
        daemon.start(Container::new(format!("c{number}")));
    }
    watch.until("all are there", |watch| watch.serving(2816).len() == 500).await;
    assert!(daemon.counts().lists < 50, "{:?} for 1000 events", daemon.counts());
    watch.end().await;
}

#[tokio::test]
async fn what_no_event_told_is_found_by_listing_again() {
    let machine = Machine::new();
    let daemon = machine.daemon(2816);
    let mut watch = Watch::new(Settings { relist_interval: Duration::from_millis(50), ..machine.settings() });
    watch.until_live(2816).await;
    daemon.set_containers([Container::new("silent")]);
    watch.until_serving(2816, &["silent"]).await;
    watch.end().await;
}

#[tokio::test]
async fn a_refresh_lists_again() {
    let machine = Machine::new();
    let daemons = [machine.daemon(2816), machine.daemon(2880)];
    let mut watch = machine.watch();
    watch.until_live(2816).await;
    watch.until_live(2880).await;
    for daemon in &daemons {
        daemon.set_containers([Container::new("silent")]);
    }
    watch.refresh.notify_one();
    watch.until_serving(2816, &["silent"]).await;
    watch.until_serving(2880, &["silent"]).await;
    watch.end().await;
}

#[tokio::test]
async fn large_labels_cost_their_container_only() {
    let machine = Machine::new();
    let daemon = machine.daemon(2816);
    let mut watch = machine.watch();
    watch.until_live(2816).await;
    let large = Container::new("large").label("traefik.x", "x".repeat(1 << 20)).label("traefik.enable", "true");
    let id = daemon.start(large);
    daemon.start(Container::new("nameless").unnamed());
    daemon.start(Container::new("web"));
    watch.until_serving(2816, &["", "large", "web"]).await;
    let container = &watch.view(2816).containers[id.as_str()].container;
    assert!(container.labels.is_empty());
    assert!(matches!(container.defects[..], [Defect::LabelsTooLarge(bytes)] if bytes > 1 << 20));
    assert!(!watch.has_told("2816 lost"));
    watch.end().await;
}

#[tokio::test]
async fn ten_thousand_containers() {
    let machine = Machine::new();
    let daemon = machine.daemon(2816);
    daemon
        .set_containers((0..10_000).map(|number| Container::new(format!("c{number}")).label("traefik.enable", "true")));
    let mut watch = machine.watch();
    watch.until("all are there", |watch| watch.serving(2816).len() == 10_000).await;
    daemon.stop(Container::new("c4711").id());
    watch.until("one has stopped", |watch| watch.serving(2816).len() == 9_999).await;
    watch.end().await;
}

//! A daemon that misbehaves is lost, with a reason; the others go on, and it is live again when it behaves.

mod common;

use std::time::Duration;

use common::{Machine, Watch};
use container_snapshot::Link;
use docker_discovery::Settings;
use docker_simulator::{Container, Fault, Simulator, State};

/// Breaks one of two daemons, looks at the other, and heals it.
async fn goes_through(fault: Fault, because: &str) {
    let machine = Machine::new();
    let (faulty, other) = (machine.daemon(64), machine.daemon(128));
    faulty.set_containers([Container::new("kept")]);
    let mut watch = Watch::new(impatient(&machine));
    watch.until_serving(64, &["kept"]).await;
    watch.until_live(128).await;

    faulty.set_fault(fault);
    faulty.drop_connections();
    watch.until_lost(64, because).await;
    assert_eq!(watch.serving(64), ["kept"], "the last view is kept");
    other.start(Container::new("unmoved"));
    watch.until_serving(128, &["unmoved"]).await;
    assert!(!watch.has_told("128 lost"), "{:?}", watch.log);

    faulty.set_fault(None);
    faulty.set_containers([Container::new("healed")]);
    watch.until_serving(64, &["healed"]).await;
    assert!(watch.is(64, Link::Live));
    watch.end().await;
}

/// Gives up soon and reads little.
fn impatient(machine: &Machine) -> Settings {
    Settings {
        call_timeout: Duration::from_millis(400),
        max_answer_bytes: 1 << 20,
        max_event_bytes: 512 << 10,
        ..machine.settings()
    }
}

#[tokio::test]
async fn it_accepts_and_never_answers() {
    goes_through(Fault::Hang, "did not answer the request for the event stream within 400ms").await;
}

#[tokio::test]
async fn it_answers_half() {
    goes_through(Fault::HalfAnswer, "the container list did not arrive completely within 400ms").await;
}

#[tokio::test]
async fn it_speaks_another_language() {
    goes_through(Fault::Garbage, "does not speak HTTP").await;
}

#[tokio::test]
async fn its_answer_is_not_utf8() {
    goes_through(Fault::NonUtf8, "the container list could not be read: it holds bytes that are not UTF-8").await;
}

#[tokio::test]
async fn its_event_never_ends() {
    goes_through(Fault::EndlessLine, "the event stream has more than 524288 bytes").await;
}

#[tokio::test]
async fn its_answer_is_huge() {
    goes_through(Fault::HugeAnswer(100 << 20), "the container list has more than 1048576 bytes").await;
}

#[tokio::test]
async fn it_ends_its_event_streams() {
    goes_through(Fault::CloseEvents, "the daemon ended its event stream").await;
}

#[tokio::test]
async fn it_answers_with_an_error() {
    goes_through(Fault::ServerError, "with status 500: simulated").await;
}

#[tokio::test]
async fn its_events_are_no_events() {
    let machine = Machine::new();
    let daemon = machine.daemon(64);
    let mut watch = machine.watch();
    watch.until_live(64).await;
    for (line, because) in [
        ("not json", "the event stream could not be read: expected"),
        ("\"\u{1}\"", "the event stream could not be read"),
    ] {
        daemon.send_line(line);
        watch.until_lost(64, because).await;
        watch.until_live(64).await;
    }
    watch.end().await;
}

#[tokio::test]
async fn odd_words_cost_no_more_than_themselves() {
    let machine = Machine::new();
    let daemon = machine.daemon(64);
    daemon.set_containers([Container::new("web").state(State::Hibernating)]);
    let mut watch = machine.watch();
    watch.until_live(64).await;
    for line in [
        r#"{"Type":"container","Actor":7}"#,
        r#"{"Type":"container","Action":"start","Actor":{"ID":[]}}"#,
        r#"{"Type":"starship","Action":"warp","Actor":{"ID":"4711"}}"#,
        "[]",
        "",
    ] {
        daemon.send_line(line);
    }
    daemon.start(Container::new("db"));
    watch.until_serving(64, &["db"]).await;
    watch.until("the odd one is known", |watch| watch.view(64).containers.len() == 2).await;
    assert!(!watch.has_told("64 lost"), "{:?}", watch.log);
    watch.end().await;
}

#[tokio::test]
async fn made_up_events_cost_few_calls_and_a_list_without_end_is_cut() {
    let machine = Machine::new();
    let daemon = machine.daemon(64);
    daemon.set_containers([Container::new("web")]);
    let mut watch = machine.watch();
    watch.until_serving(64, &["web"]).await;
    for number in 0..10_000 {
        daemon.send_line(format!(r#"{{"Action":"start","Actor":{{"ID":"made up {number}"}}}}"#));
        daemon.send_line(format!(r#"{{"Action":"die","Actor":{{"ID":"madeup{number}"}}}}"#));
    }
    daemon.start(Container::new("db"));
    watch.until_serving(64, &["db", "web"]).await;
    assert!(daemon.counts().lists < 10, "{:?} for 20,000 events", daemon.counts());
    daemon.set_fault(Fault::Empties(1_000_000));
    daemon.drop_connections();
    watch.until_lost(64, "the container list could not be read: it has more than 20000 entries").await;
    assert_eq!(watch.serving(64), ["db", "web"]);
    watch.end().await;
}

#[tokio::test]
async fn it_is_killed_and_comes_back() {
    let machine = Machine::new();
    let daemon = machine.daemon(64);
    daemon.set_containers([Container::new("web")]);
    let mut watch = machine.watch();
    watch.until_serving(64, &["web"]).await;
    daemon.kill();
    watch.until_lost(64, "no daemon listens on").await;
    assert!(watch.is(64, Link::Stale));
    let _again = machine.daemon(64);
    watch.until_live(64).await;
    assert!(!watch.has_told("64 vanished"), "{:?}", watch.log);
    watch.end().await;
}

#[tokio::test]
async fn repeats_do_not_change_the_reason() {
    let machine = Machine::new();
    let daemon = machine.daemon(64);
    daemon.set_fault(Fault::NonUtf8);
    let mut watch = machine.watch();
    watch.until_lost(64, "not UTF-8").await;
    let before = watch.snapshot().clone();
    let lost = watch.log.len();
    watch.until("it is lost again", |watch| watch.log.len() > lost + 2).await;
    assert_eq!(*watch.snapshot(), before);
    watch.end().await;
}

#[tokio::test]
async fn a_refresh_does_not_wait_for_the_next_attempt() {
    let machine = Machine::new();
    let daemon = machine.daemon(64);
    daemon.set_fault(Fault::ServerError);
    let hour = Duration::from_secs(3600);
    let mut watch = Watch::new(Settings { backoff_min: hour, backoff_max: hour, ..machine.settings() });
    watch.until_lost(64, "status 500").await;
    daemon.set_fault(None);
    watch.refresh.notify_one();
    watch.until_live(64).await;
    watch.end().await;
}

#[tokio::test]
async fn a_socket_with_a_new_inode_is_tried_at_once() {
    let machine = Machine::new();
    let daemon = machine.daemon(64);
    daemon.set_fault(Fault::ServerError);
    let hour = Duration::from_secs(3600);
    let mut watch = Watch::new(Settings { backoff_min: hour, backoff_max: hour, ..machine.settings() });
    watch.until_lost(64, "status 500").await;
    let _new: Simulator = machine.daemon(64);
    watch.until_live(64).await;
    watch.end().await;
}

#[tokio::test]
async fn an_open_stream_notices_that_the_daemon_was_cut_off() {
    let machine = Machine::new();
    let daemon = machine.daemon(64);
    let mut watch = machine.watch();
    watch.until_live(64).await;
    daemon.drop_connections();
    watch.until("it was lost", |watch| watch.has_told("64 lost")).await;
    watch.until_live(64).await;
    watch.end().await;
}

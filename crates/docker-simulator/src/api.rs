use std::{
    convert::Infallible,
    future,
    sync::{Arc, atomic::Ordering},
};

use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use serde_json::{Value, json};

use crate::{
    Fault,
    answer::{Answer, Part},
    query::Query,
    simulator::{Entry, Shared},
};

/// The newest API version that the daemon claims; clients of today refuse daemons below 1.44.
const API_VERSION: &str = "1.51";

/// Which of the daemon's answers a request is for.
enum Call<'a> {
    Ping,
    Version,
    Info,
    List,
    Inspect(&'a str),
    Events,
    Unknown,
}

// === impl Call ===

impl<'a> Call<'a> {
    fn of(path: &'a str) -> Self {
        match unversioned(path) {
            "/_ping" => Self::Ping,
            "/version" => Self::Version,
            "/info" => Self::Info,
            "/containers/json" => Self::List,
            "/events" => Self::Events,
            other => other
                .strip_prefix("/containers/")
                .and_then(|rest| rest.strip_suffix("/json"))
                .map_or(Self::Unknown, Self::Inspect),
        }
    }

    fn count(&self, shared: &Shared) {
        let counter = match self {
            Self::List => &shared.lists,
            Self::Inspect(_) => &shared.inspects,
            Self::Events => &shared.events,
            Self::Ping | Self::Version | Self::Info | Self::Unknown => &shared.others,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Answers one request.
pub(crate) async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    let call = Call::of(request.uri().path());
    call.count(&shared);
    let fault = shared.lock().fault;
    if fault == Some(Fault::Hang) {
        return future::pending().await;
    }
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let (status, body) = if fault == Some(Fault::ServerError) {
        error(StatusCode::INTERNAL_SERVER_ERROR, "simulated")
    } else if !matches!(*request.method(), Method::GET | Method::HEAD) {
        error(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD")
    } else {
        respond(&shared, &call, &query, fault)
    };
    Ok(with_headers(status, body))
}

fn respond(shared: &Shared, call: &Call<'_>, query: &Query, fault: Option<Fault>) -> (StatusCode, Answer) {
    match call {
        Call::Ping => (StatusCode::OK, Answer::whole("OK")),
        Call::Version => json_answer(&version()),
        Call::Info => json_answer(&info(shared)),
        Call::List => (StatusCode::OK, list(shared, query, fault)),
        Call::Events => (StatusCode::OK, events(shared, query, fault)),
        Call::Inspect(id) => inspect(shared, id),
        Call::Unknown => error(StatusCode::NOT_FOUND, "page not found"),
    }
}

fn list(shared: &Shared, query: &Query, fault: Option<Fault>) -> Answer {
    match fault {
        Some(Fault::HalfAnswer) => {
            Answer::of([Part::Bytes(br#"[{"Id":"4711","Names":["/ha"#.as_slice().into()), Part::Hang])
        }
        Some(Fault::NonUtf8) => {
            Answer::whole(b"[{\"Id\":\"4711\",\"Labels\":{\"traefik.x\":\"\xff\xfe\"}}]".as_slice())
        }
        Some(Fault::HugeAnswer(bytes)) => Answer::of([
            Part::Bytes(br#"[{"Id":"4711","Names":["/huge"],"Labels":{"traefik.x":""#.as_slice().into()),
            Part::Filler(bytes),
            Part::Bytes(br#""}}]"#.as_slice().into()),
        ]),
        Some(Fault::Empties(count)) => Answer::whole(format!("[{}]", vec!["{}"; count].join(","))),
        _ => Answer::whole(listing(shared, query)),
    }
}

fn listing(shared: &Shared, query: &Query) -> String {
    let inner = shared.lock();
    let passes = |entry: &&Entry| {
        let container = &entry.container;
        (query.all || query.has("status") || container.is_up())
            && query.passes("status", |status| status == container.word())
            && query.passes("id", |id| container.id().starts_with(id))
    };
    let mut text = String::from("[");
    for entry in inner.containers.values().filter(passes) {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&entry.summary);
    }
    text.push(']');
    text
}

fn events(shared: &Shared, query: &Query, fault: Option<Fault>) -> Answer {
    match fault {
        Some(Fault::CloseEvents) => Answer::of([]),
        Some(Fault::EndlessLine) => Answer::of([Part::Bytes(br#"{"status":""#.as_slice().into()), Part::Endless]),
        _ if !query.passes("type", |kind| kind == "container") => Answer::of([Part::Hang]),
        _ => Answer::of([Part::Live(shared.lock().subscribe(query.since))]),
    }
}

fn inspect(shared: &Shared, id: &str) -> (StatusCode, Answer) {
    let inner = shared.lock();
    match inner.containers.values().find(|entry| entry.container.id().starts_with(id)) {
        Some(entry) => json_answer(&entry.container.inspection()),
        None => error(StatusCode::NOT_FOUND, "no such container"),
    }
}

fn version() -> Value {
    json!({
        "Platform": { "Name": "Simulated" }, "Components": [], "Version": "28.0.0", "ApiVersion": API_VERSION,
        "MinAPIVersion": "1.24", "GitCommit": "simulated", "GoVersion": "none", "Os": "linux", "Arch": "amd64",
        "KernelVersion": "simulated", "BuildTime": "2025-01-01T00:00:00.000000000+00:00",
    })
}

fn info(shared: &Shared) -> Value {
    let inner = shared.lock();
    let running = inner.containers.values().filter(|entry| entry.container.word() == "running").count();
    json!({
        "ID": "simulated", "Name": "simulated", "ServerVersion": "28.0.0", "OSType": "linux",
        "Architecture": "x86_64", "Containers": inner.containers.len(), "ContainersRunning": running,
        "Swarm": { "LocalNodeState": "inactive" },
    })
}

fn json_answer(value: &Value) -> (StatusCode, Answer) {
    (StatusCode::OK, Answer::whole(value.to_string()))
}

fn error(status: StatusCode, message: &str) -> (StatusCode, Answer) {
    (status, Answer::whole(json!({ "message": message }).to_string()))
}

fn with_headers(status: StatusCode, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert("api-version", header::HeaderValue::from_static(API_VERSION));
    headers.insert("ostype", header::HeaderValue::from_static("linux"));
    headers.insert("docker-experimental", header::HeaderValue::from_static("false"));
    response
}

/// The path without `/v1.41` or the like in front.
fn unversioned(path: &str) -> &str {
    let rest = path.strip_prefix("/v").unwrap_or_default();
    match rest.find('/').and_then(|slash| rest.split_at_checked(slash)) {
        Some((version, rest)) if version.starts_with(|first: char| first.is_ascii_digit()) => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_paths_are_optional() {
        assert_eq!(unversioned("/v1.41/containers/json"), "/containers/json");
        assert_eq!(unversioned("/containers/json"), "/containers/json");
        assert_eq!(unversioned("/version"), "/version");
        assert_eq!(unversioned("/volumes/x"), "/volumes/x");
    }
}

//! `route-server claims`: asks a running route server over its control socket.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

use crate::{
    cli::{ClaimsAction, ClaimsOptions},
    control::{Answer, Change, Claim, Claims, Request},
    exit::Failure,
    serve::runtime,
    table::{printable, table},
};

/// Longer than the server may wait for its disk.
const PATIENCE: Duration = Duration::from_secs(15);
/// The most bytes of an answer that are read.
const MAX_ANSWER: u64 = 256 << 20;

/// Asks, and prints the answer.
pub(crate) fn run(options: &ClaimsOptions) -> Result<ExitCode, Failure> {
    let path = &options.control_socket;
    let request = Request::Claims(match &options.action {
        ClaimsAction::List { .. } => Claims::List,
        ClaimsAction::Assign { host, network_id } => Claims::Assign { host: host.to_string(), network_id: *network_id },
        ClaimsAction::Release { host } => Claims::Release { host: host.clone() },
    });
    let answer = ask(path, &request)?;
    let answer = serde_json::from_slice(&answer).map_err(|error| {
        Failure::runtime(format_args!("{} did not answer as a route server does", path.display()), &error)
    })?;
    let mut out = io::stdout().lock();
    match (answer, &options.action) {
        (Answer::Claims(claims), ClaimsAction::List { json: true }) => {
            let text = serde_json::to_string_pretty(&claims)
                .map_err(|error| Failure::runtime("cannot write the claims", &error))?;
            writeln!(out, "{text}")
        }
        (Answer::Claims(claims), _) => list(&claims, &mut out),
        (Answer::Assigned(change) | Answer::Released(change), _) => {
            notes(&change)?;
            writeln!(out, "{}", sentence(&change))
        }
        (Answer::Error { message, .. }, _) => return Err(Failure::Runtime(printable(&message))),
    }
    .map_err(|error| Failure::output(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn list(claims: &[Claim], out: &mut impl Write) -> io::Result<()> {
    let mut rows = vec![["HOST", "NETWORK", "SINCE", "STATE"].map(str::to_owned)];
    rows.extend(claims.iter().map(|claim| {
        [claim.host.as_str(), &claim.network_id.to_string(), &seconds(&claim.since), &state(claim)].map(printable)
    }));
    table(&rows, out)
}

fn state(claim: &Claim) -> String {
    match (claim.assigned, &claim.unused_since) {
        (false, None) => "in use".to_owned(),
        (false, Some(since)) => format!("unused since {}", seconds(since)),
        (true, None) => "assigned".to_owned(),
        (true, Some(since)) => format!("assigned, unused since {}", seconds(since)),
    }
}

/// Milliseconds are for machines.
fn seconds(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

fn sentence(Change { host, network_id, previous, .. }: &Change) -> String {
    let host = printable(host.as_str());
    match (network_id, previous) {
        (Some(id), None) => format!("{host} is assigned to network {id}; it was nobody's"),
        (Some(id), Some(previous)) if id == previous => {
            format!("{host} is assigned to network {id}, whose it was already")
        }
        (Some(id), Some(previous)) => format!("{host} is assigned to network {id}; it was network {previous}'s"),
        (None, Some(previous)) => {
            format!("{host} is released; it was network {previous}'s, and is the next one's that uses it")
        }
        (None, None) => format!("{host} is nobody's"),
    }
}

fn notes(change: &Change) -> Result<(), Failure> {
    let mut err = io::stderr().lock();
    change
        .notes
        .iter()
        .try_for_each(|note| writeln!(err, "route-server: note: {}", printable(note)))
        .map_err(|error| Failure::output(&error))
}

fn ask(path: &Path, request: &Request) -> Result<Vec<u8>, Failure> {
    let mut line = serde_json::to_vec(request).map_err(|error| Failure::runtime("cannot ask", &error))?;
    line.push(b'\n');
    let asked = runtime()?.block_on(async { timeout(PATIENCE, exchange(path, &line)).await });
    asked.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into())).map_err(|error| explain(path, &error))
}

async fn exchange(path: &Path, line: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path).await?;
    let asked = stream.write_all(line).await;
    let mut answer = Vec::new();
    let answered = stream.take(MAX_ANSWER).read_to_end(&mut answer).await;
    // Who is refused is told so without being heard: then there is an answer although the asking failed.
    if answer.is_empty() {
        asked.and(answered)?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

/// What it means for the one who typed it, and what to do.
fn explain(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::Runtime(match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => format!(
            "no route server answers on {path} ({error}); is it running (systemctl status route-server)? If its \
             control socket is elsewhere, say where with --control-socket PATH"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("only root may open {path}; the same with sudo, or as the user whom the route server runs as")
        }
        io::ErrorKind::UnexpectedEof => format!("the route server on {path} went away without an answer"),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("the route server on {path} is too busy to answer; its log and /health say with what")
        }
        _ => format!("cannot ask the route server on {path}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(host: &str, unused_since: Option<&str>, assigned: bool) -> Claim {
        Claim {
            host: host.to_owned().try_into().unwrap(),
            network_id: 2816.try_into().unwrap(),
            since: "2026-01-02T03:04:05.678Z".to_owned(),
            unused_since: unused_since.map(str::to_owned),
            assigned,
        }
    }

    #[test]
    fn a_table() {
        let unused = Some("2026-02-03T00:00:00.000Z");
        let claims = [
            claim("*.example.org", None, true),
            claim("app.example.org", None, false),
            claim("b\u{1b}[2J", unused, false),
            claim("c.example.org", unused, true),
        ];
        let mut out = Vec::new();
        list(&claims, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn sentences() {
        let change = |id: Option<u32>, previous: Option<u32>| Change {
            host: "a.b".parse().unwrap(),
            network_id: id.map(|id| id.try_into().unwrap()),
            previous: previous.map(|id| id.try_into().unwrap()),
            notes: Vec::new(),
        };
        let all = [(Some(64), None), (Some(64), Some(64)), (Some(64), Some(128)), (None, Some(64))];
        let all: Vec<_> = all.into_iter().map(|(id, previous)| sentence(&change(id, previous))).collect();
        insta::assert_snapshot!(all.join("\n"));
    }
}

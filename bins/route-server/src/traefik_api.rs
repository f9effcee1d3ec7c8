//! What Traefik's API says: which document it has applied, and which routers it does not take. Nothing is ever held back
//! because of it: it may be wrong, hang, or be another program, and routes go on.

use std::{
    fs::File,
    io::Read as _,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use route_api::{RefusedRouter, TraefikState, get_at_most};
use route_synthesis::{Finding, FindingCode, Publication, Severity, Subject};
use serde::Deserialize;
use tokio::{select, sync::watch, task::spawn_blocking, time::sleep};

use crate::{changes::Changes, exit::chain, published::Published};

/// The first version that takes every document of ours as it is meant.
const OLDEST: [u64; 3] = [3, 7, 9];
/// How long an answer may take, and how many bytes it may have.
const PATIENCE: Duration = Duration::from_secs(2);
const MAX_ANSWER: usize = 1 << 20;
/// The most bytes of a file with credentials.
const MAX_CREDENTIALS: u64 = 4096;
/// The most routers of each protocol of which is told that they are refused, and the most characters of why.
const MAX_REFUSED: usize = 100;
const MAX_REASON: usize = 300;
/// While a document is not applied yet: the first look at it, each next one twice as late, up to the last.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(2);
/// Once it is: Traefik may be another one by then.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// A Traefik that is being started again need not be spoken of, nor one that takes its time.
const SPOKEN_OF: Duration = Duration::from_secs(5);

/// Where the API is, and who may ask it.
#[derive(Debug, Clone)]
pub(crate) struct TraefikApi {
    pub(crate) address: SocketAddr,
    /// A token (sent as `X-Api-Token`), a header (`Name: value`) or `user:password`.
    pub(crate) credentials: Option<PathBuf>,
}

/// What it was heard to say; whoever has one sees the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<watch::Sender<Told>>);

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Told {
    version: Option<String>,
    applied: Option<String>,
    lag: Option<Lag>,
    refused: Vec<RefusedRouter>,
    error: Option<String>,
}

/// How far Traefik is behind.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lag {
    /// It took this long to apply the newest document.
    Took(Duration),
    /// It has not yet, since then.
    Since(Instant),
    /// The same, and it is time to speak of it.
    Late(Instant),
}

/// One answer to everything that is asked.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    version: String,
    is_applied: bool,
    applied: Option<String>,
    refused: Vec<RefusedRouter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Middleware {
    name: String,
}

#[derive(Deserialize)]
struct Overview {
    http: Section,
    tcp: Section,
    udp: Section,
}

#[derive(Deserialize)]
struct Section {
    routers: Totals,
}

#[derive(Deserialize)]
struct Totals {
    warnings: u64,
    errors: u64,
}

#[derive(Deserialize)]
struct Router {
    name: String,
    #[serde(default)]
    error: Vec<String>,
}

// === impl TraefikApi ===

impl TraefikApi {
    /// Looks whether Traefik has applied what was published, for ever.
    pub(crate) async fn listen(self, mut published: watch::Receiver<Arc<Published>>, heard: Heard) {
        let (mut revision, mut since) = (String::new(), Instant::now());
        let (mut wait, mut failing) = (FIRST_LOOK, None);
        loop {
            // A publishing that changed no byte is no news to Traefik.
            let newest = published.borrow_and_update().revision().to_owned();
            if newest != revision {
                (revision, since, wait) = (newest, Instant::now(), FIRST_LOOK);
            }
            if !revision.is_empty() {
                let (api, asked) = (self.clone(), revision.clone());
                let answer = spawn_blocking(move || api.ask(&asked)).await;
                let answer = answer.unwrap_or_else(|error| Err(chain(&error)));
                let is_applied = answer.as_ref().is_ok_and(|answer| answer.is_applied);
                failing = if answer.is_ok() { None } else { failing.or_else(|| Some(Instant::now())) };
                heard.take(answer, since, failing);
                wait = if is_applied { LOOK_AGAIN } else { (wait * 2).min(LAST_LOOK) };
            } else {
                wait = LOOK_AGAIN;
            }
            let is_new = |published: &Arc<Published>| published.revision() != revision;
            select! {
                changed = published.wait_for(is_new) => if changed.is_err() {
                    // Nobody publishes any more.
                    return;
                },
                () = sleep(wait) => {}
            }
        }
    }

    fn ask(&self, revision: &str) -> Result<Answer, String> {
        let header = self.header()?;
        let Version { version } = self.json("/api/version", &header)?;
        let mark = traefik_model::mark(revision);
        let is_applied = match self.get(&format!("/api/http/middlewares/{mark}@http"), &header)? {
            (200, _) => true,
            (404, _) => false,
            (status, _) => return Err(self.odd(format_args!("status {status}"))),
        };
        let marks = traefik_model::mark("");
        let applied = if is_applied {
            Some(revision.to_owned())
        } else {
            let middlewares: Vec<Middleware> = self.json(&format!("/api/http/middlewares?search={marks}"), &header)?;
            let mut names = middlewares.iter().filter_map(|it| it.name.strip_suffix("@http")?.strip_prefix(&marks));
            names.next().map(short)
        };
        let refused = if is_applied { self.refused(&header)? } else { Vec::new() };
        Ok(Answer { version: short(&version), is_applied, applied, refused })
    }

    fn refused(&self, header: &str) -> Result<Vec<RefusedRouter>, String> {
        let overview: Overview = self.json("/api/overview", header)?;
        let mut refused = Vec::new();
        for (protocol, section) in [("http", overview.http), ("tcp", overview.tcp), ("udp", overview.udp)] {
            let Totals { warnings, errors } = section.routers;
            for (status, count) in [("disabled", errors), ("warning", warnings)] {
                if count == 0 {
                    continue;
                }
                let path = format!("/api/{protocol}/routers?status={status}&per_page={MAX_REFUSED}");
                let routers: Vec<Router> = self.json(&path, header)?;
                let ours = routers.iter().filter_map(|it| Some((it.name.strip_suffix("@http")?, &it.error)));
                refused.extend(ours.take(MAX_REFUSED).map(|(name, error)| RefusedRouter {
                    protocol: protocol.to_owned(),
                    router: short(name),
                    reason: short(&error.join("; ")),
                }));
            }
        }
        refused
            .sort_by(|one: &RefusedRouter, other| (&one.protocol, &one.router).cmp(&(&other.protocol, &other.router)));
        refused.dedup_by(|one, other| (&one.protocol, &one.router) == (&other.protocol, &other.router));
        Ok(refused)
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, path: &str, header: &str) -> Result<T, String> {
        let (status, body) = self.get(path, header)?;
        match (status, serde_json::from_str(&body)) {
            (200, Ok(answer)) => Ok(answer),
            (200, Err(_)) => Err(self.odd("something else than its API would")),
            // Our own router asks for the token, and without it there is nothing at that path.
            (401 | 403 | 404, _) => Err(format!(
                "http://{} answers {path} with status {status}; --traefik-api-credentials names a file with the token, \
                 or user:password, that it wants",
                self.address
            )),
            (status, _) => Err(self.odd(format_args!("status {status}"))),
        }
    }

    fn get(&self, path: &str, header: &str) -> Result<(u16, String), String> {
        let answer = get_at_most(self.address, path, header, PATIENCE, MAX_ANSWER);
        answer.map_err(|error| format!("http://{}: {error}", self.address))
    }

    fn odd(&self, what: impl std::fmt::Display) -> String {
        format!("http://{} does not answer as Traefik does: {what}", self.address)
    }

    /// The header that lets us in; read anew each time, as the file may be.
    fn header(&self) -> Result<String, String> {
        let Some(path) = &self.credentials else { return Ok(String::new()) };
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(MAX_CREDENTIALS).read_to_string(&mut text));
        read.map_err(|error| format!("--traefik-api-credentials {}: {error}", path.display()))?;
        header(text.trim()).ok_or_else(|| {
            format!(
                "--traefik-api-credentials {}: neither a token, nor `Name: value`, nor user:password",
                path.display()
            )
        })
    }
}

/// The header that credentials make.
fn header(text: &str) -> Option<String> {
    if text.is_empty() || text.chars().any(|c| c.is_control() || !c.is_ascii()) {
        return None;
    }
    Some(match text.split_once(':') {
        None => format!("X-Api-Token: {text}"),
        Some((name, value)) if value.starts_with(' ') && !name.contains(' ') => text.to_owned(),
        Some(_) => format!("Authorization: Basic {}", BASE64_STANDARD.encode(text)),
    })
}

/// Foreign words, cut: an API that is none may say anything.
fn short(text: &str) -> String {
    text.chars().take(MAX_REASON).collect()
}

// === impl Heard ===

impl Heard {
    fn take(&self, answer: Result<Answer, String>, since: Instant, failing: Option<Instant>) {
        self.0.send_if_modified(|told| {
            let before = told.clone();
            match answer {
                Ok(Answer { version, is_applied, applied, refused }) => {
                    let lag = match before.lag {
                        Some(took @ Lag::Took(_)) if is_applied && before.applied == applied => took,
                        _ if is_applied => Lag::Took(since.elapsed()),
                        _ if since.elapsed() > SPOKEN_OF => Lag::Late(since),
                        _ => Lag::Since(since),
                    };
                    // Until the new one is applied, what was said of the old one is all that is known.
                    let refused = if is_applied { refused } else { before.refused.clone() };
                    *told = Told { version: Some(version), applied, lag: Some(lag), refused, error: None };
                }
                Err(error) if failing.is_some_and(|failing| failing.elapsed() > SPOKEN_OF) => {
                    *told = Told { version: before.version.clone(), error: Some(error), ..Told::default() };
                }
                Err(_) => {}
            }
            *told != before
        });
    }

    /// Sees every change of it.
    pub(crate) fn changes(&self) -> Changes<Told> {
        Changes::of(&self.0)
    }

    /// For `/health`.
    pub(crate) fn state(&self, last_poll_seconds: Option<u64>) -> TraefikState {
        let Told { version, applied, lag, refused, error } = self.0.borrow().clone();
        let lag = lag.map(|lag| match lag {
            Lag::Took(took) => took,
            Lag::Since(since) | Lag::Late(since) => since.elapsed(),
        });
        // Milliseconds are as exact as it gets.
        let lag_seconds = lag.map(|lag| (lag.as_secs_f64() * 1000.0).round() / 1000.0);
        TraefikState { last_poll_seconds, version, applied_revision: applied, lag_seconds, refused, error }
    }

    /// What there is to say to people: of routers, to those whose labels made them.
    pub(crate) fn findings(&self, publication: &Publication) -> Vec<Finding> {
        let told = self.0.borrow().clone();
        let unclear =
            |message| Finding::new(FindingCode::TraefikUnclear, Severity::Warning, Subject::default(), message);
        let mut findings: Vec<_> = told.refused.iter().filter_map(|it| refused(it, publication)).collect();
        findings.extend(told.error.map(|error| unclear(format!("Traefik's API cannot be asked: {error}"))));
        if let Some(version) = told.version.filter(|version| is_older(version)) {
            let [major, minor, patch] = OLDEST;
            let message = format!("Traefik is of version {version}, older than {major}.{minor}.{patch}");
            let hint = "with an older one, some documents are not taken as they are meant; install a newer one";
            findings.push(unclear(message).hint(hint));
        }
        if let Some(Lag::Late(_)) = told.lag {
            let message = "Traefik has not applied what was published last".to_owned();
            findings.push(unclear(message).hint("Traefik's log says why; /health, how long"));
        }
        findings
    }
}

/// A finding of the container whose router it is; none when the router is not ours any more.
fn refused(RefusedRouter { protocol, router, reason }: &RefusedRouter, publication: &Publication) -> Option<Finding> {
    // Where an entry point has settings for its routers, Traefik makes one of its own of each: websecure-app-2816.
    let is_it = |name: &str| router == name || router.strip_suffix(name).is_some_and(|rest| rest.ends_with('-'));
    let routes = publication.routes().filter(|(of, route)| of.as_str() == protocol && is_it(&route.name));
    let (_, route) = routes.max_by_key(|(_, route)| route.name.len())?;
    let message = format!("Traefik says of router {router:?}: {reason}");
    Some(Finding::new(FindingCode::TraefikRefuses, Severity::Error, route.source.subject(), message))
}

/// Whether a version is known to be older than [`OLDEST`].
fn is_older(version: &str) -> bool {
    let numbers: Vec<u64> =
        version.trim_start_matches('v').split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect();
    <[u64; 3]>::try_from(numbers).is_ok_and(|numbers| numbers < OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_three_kinds_and_nothing_that_ends_the_line() {
        assert_eq!(header("s3cret").unwrap(), "X-Api-Token: s3cret");
        assert_eq!(header("X-Other: s3cret").unwrap(), "X-Other: s3cret");
        assert_eq!(header("rediacc:pass word").unwrap(), "Authorization: Basic cmVkaWFjYzpwYXNzIHdvcmQ=");
        for bad in ["", "a\nX-Evil: b", "a\r", "a\0b", "\u{fc}"] {
            assert_eq!(header(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn versions() {
        for old in ["3.7.8", "v3.6.99", "2.11.0", "3.7.8-rc1"] {
            assert!(is_older(old), "{old}");
        }
        for fine in ["3.7.9", "3.8.0", "v4.0.0", "dev", "", "3.7", "3.7.9+x"] {
            assert!(!is_older(fine), "{fine}");
        }
    }

    #[test]
    fn a_document_that_is_not_applied_is_spoken_of_in_time_and_failures_too() {
        let heard = Heard::default();
        let now = Instant::now();
        let long_ago = now.checked_sub(SPOKEN_OF * 2).unwrap();
        let answer = |is_applied, applied: &str| {
            Ok(Answer {
                version: "3.7.9".to_owned(),
                is_applied,
                applied: Some(applied.to_owned()),
                refused: Vec::new(),
            })
        };
        let codes = || {
            let findings = heard.findings(&Publication::default());
            findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>()
        };
        let old = Answer { version: "3.7.8".to_owned(), is_applied: true, ..Answer::default() };
        heard.take(Ok(old), now, None);
        let said: Vec<_> = heard.findings(&Publication::default()).iter().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].contains("Traefik is of version 3.7.8, older than 3.7.9"), "{said:?}");
        heard.take(answer(false, "old"), now, None);
        assert_eq!((heard.state(None).applied_revision.as_deref(), codes()), (Some("old"), vec![]));
        heard.take(answer(false, "old"), long_ago, None);
        assert_eq!(codes(), ["RS062"]);
        assert!(heard.state(None).lag_seconds.unwrap() >= 10.0);
        heard.take(answer(true, "new"), now, None);
        let took = heard.state(None).lag_seconds;
        heard.take(answer(true, "new"), long_ago, None);
        assert_eq!((heard.state(None).lag_seconds, codes()), (took, vec![]), "how long it took stays");
        heard.take(Err("away".to_owned()), now, Some(now));
        assert_eq!(codes(), [""; 0], "it may be starting again");
        heard.take(Err("away".to_owned()), now, Some(long_ago));
        assert_eq!((codes(), heard.state(None).error.as_deref()), (vec!["RS062"], Some("away")));
    }
}

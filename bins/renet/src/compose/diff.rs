//! `renet compose diff`: what `up -d` would do to the containers that exist.

use std::{collections::BTreeSet, process::ExitCode};

use command_line::Failure;
use serde::Serialize;
use serde_json::json;
use similar::TextDiff;

use super::{Session, text};
use crate::{
    containers::Existing,
    files::read,
    output::{say, table},
};

/// What would be done for one service, or for what is left of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Change {
    service: String,
    action: Action,
    why: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Create,
    Recreate,
    Start,
    Keep,
}

// === impl Session ===

impl Session {
    /// Prints it; exit code 3 when `up` would be refused.
    pub(super) fn diff(self, as_json: bool) -> Result<ExitCode, Failure> {
        self.repository.needs_daemon()?;
        let prepared = match self.prepare()? {
            Ok(prepared) => prepared,
            Err(code) => return Ok(code),
        };
        let temporary = text(prepared.document.path())?;
        let flags = self.invocation.flags_with(self.files.names.iter().chain([&temporary]));
        let wanted = match self.ask(&flags, &["config", "--services"], &prepared.slots)? {
            Ok(wanted) => wanted,
            Err(refusal) => return refusal.say(),
        };
        // Its own decision: the hashes that `config --hash` prints are not those that it compares.
        let create = ["--dry-run", "--progress", "plain", "create"];
        let reported = match self.reported(&flags, &create, &prepared.slots)? {
            Ok(reported) => reported,
            Err(refusal) => return refusal.say(),
        };
        let project = &prepared.plan.project;
        let existing = Existing::all(&self.repository.socket())?;
        let existing: Vec<_> = existing.iter().filter(|it| it.project() == project && !it.is_one_off()).collect();
        let is_known = |name: &str| prepared.plan.services.iter().any(|it| it.name == name);
        let changes = changes(&wanted, &reported, &existing, &is_known);
        let state = self.repository.project_directory(project);
        let added = added(&read(&state.join("override.yml"))?.unwrap_or_default(), &prepared.plan.override_document());
        if as_json {
            say(json!({"project": project, "services": changes, "override": added, "problems": prepared.problems}))?;
        } else {
            let rows = changes.iter().map(|it| [it.service.clone(), it.action.to_string(), it.why.to_owned()]);
            let heading = ["SERVICE", "ACTION", "WHY"].map(str::to_owned);
            table(&[heading].into_iter().chain(rows).collect::<Vec<_>>())?;
            if !added.is_empty() {
                say(format_args!("\nwhat renet compose adds:\n{}", added.trim_end()))?;
            }
            for problem in prepared.problems.iter().filter(|it| it.severity != compose_inject::Severity::Info) {
                say(format_args!("{}: {problem}", problem.severity))?;
            }
        }
        Ok(ExitCode::from(if prepared.is_refused() { 3 } else { 0 }))
    }
}

// === impl Action ===

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Recreate => "recreate",
            Self::Start => "start",
            Self::Keep => "keep",
        })
    }
}

/// `wanted` is what `docker compose config --services` prints: the services that `up` is about; `reported` what
/// `create --dry-run` says of their containers. `is_known` tells services of idle profiles from those that are gone.
fn changes(wanted: &str, reported: &str, existing: &[&Existing], is_known: &dyn Fn(&str) -> bool) -> Vec<Change> {
    let wanted: BTreeSet<&str> = wanted.split_whitespace().collect();
    let recreated: BTreeSet<&str> = reported.lines().filter_map(recreated).collect();
    let of_wanted = wanted.iter().map(|service| {
        let container = existing.iter().find(|it| it.service() == *service);
        let (action, why) = match container {
            None => (Action::Create, "it has no container"),
            Some(it) if recreated.contains(it.name()) => {
                (Action::Recreate, "its configuration or its image is another")
            }
            Some(it) if it.state != "running" => (Action::Start, "its container does not run"),
            Some(_) => (Action::Keep, ""),
        };
        Change { service: (*service).to_owned(), action, why }
    });
    let others = existing.iter().filter(|it| !wanted.contains(it.service()));
    let others = others.map(|it| {
        let why = if is_known(it.service()) {
            "its profile is not active"
        } else {
            "no service of this name is left; up -d --remove-orphans removes it"
        };
        Change { service: it.service().to_owned(), action: Action::Keep, why }
    });
    of_wanted.chain(others).collect()
}

/// The container of ` DRY-RUN MODE -  Container shop-web-1  Recreate`.
fn recreated(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "Container").skip(1);
    let name = words.next()?;
    (words.next() == Some("Recreate")).then_some(name)
}

/// The lines of the override document that change, with some around them.
fn added(old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    TextDiff::from_lines(old, new).unified_diff().context_radius(2).header("now", "then").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_action_and_its_reason() {
        let containers =
            [("web", "running"), ("db", "running"), ("job", "exited"), ("old", "running"), ("idle", "running")].map(
                |(service, state)| {
                    let labels = json!({"com.docker.compose.service": service});
                    let name = format!("/shop-{service}-1");
                    serde_json::from_value::<Existing>(json!({"Names": [name], "State": state, "Labels": labels}))
                        .unwrap()
                },
            );
        let existing: Vec<_> = containers.iter().collect();
        let reported = " DRY-RUN MODE -  Container shop-db-1  Recreate\n Container shop-web-1  Running\nContainer\n";
        let all = changes("web\ndb\njob\nnew\n", reported, &existing, &|name| name == "idle");
        let seen: Vec<_> = all.iter().map(|it| format!("{} {}", it.service, it.action)).collect();
        assert_eq!(seen, ["db recreate", "job start", "new create", "web keep", "old keep", "idle keep"]);
        assert!(all[4].why.contains("--remove-orphans") && all[5].why.contains("profile"), "{all:?}");
    }

    #[test]
    fn what_is_added_is_shown_as_a_diff() {
        assert_eq!(added("a\n", "a\n"), "");
        assert_eq!(added("a\nb\n", "a\nc\n"), "--- now\n+++ then\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
    }
}

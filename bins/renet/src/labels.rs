//! `renet labels check`: what is wrong with the labels of a compose file or of a container.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Write as _},
    path::Path,
    process::{ExitCode, Stdio},
    time::Duration,
};

use command_line::Failure;
use compose_inject::{Places, locate};
use serde::Deserialize;
use serde_json::{Value, json};
use traefik_labels::{Decoder, Problem, Rules, Severity};

use crate::{
    cli::LabelsCheckOptions,
    compose::program,
    files::read,
    output::say,
    repository::{Repository, bare_command},
};

const ANSWER: Duration = Duration::from_secs(5);

/// Labels of one service or container, and where they come from.
struct Subject {
    name: String,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(default)]
    labels: BTreeMap<String, Value>,
}

/// Prints every problem with its place and a caret; exit code 3 when one of them is an error.
pub(crate) fn check(options: &LabelsCheckOptions) -> Result<ExitCode, Failure> {
    let mut all = Vec::new();
    let mut errors = false;
    for target in &options.targets {
        let (subjects, places) = if Path::new(target).is_file() {
            let text = read(Path::new(target))?.unwrap_or_default();
            (of_file(target, options)?, vec![(target.clone(), Places::of(&text))])
        } else {
            (vec![of_container(target, options)?], Vec::new())
        };
        for subject in &subjects {
            // As the route server reads them: a router with a bad rule is told, not dropped.
            for problem in Decoder::new().rules(Rules::Keep).decode(&subject.labels).problems {
                errors |= problem.severity == Severity::Error;
                let key = format!("services.{}.labels.{}", subject.name, problem.label);
                let place = locate(&key, &places);
                if options.json {
                    all.push(json!({
                        "service": subject.name, "file": place.map(|(file, _)| file), "line": place.map(|(_, at)| at.line),
                        "column": place.map(|(_, at)| at.column), "severity": problem.severity, "code": problem.code,
                        "label": problem.label, "message": problem.message, "hint": problem.hint,
                    }));
                } else {
                    let place = place.map(|(file, at)| format!("{file}:{}:{}: ", at.line, at.column));
                    say(format_args!("{}{}: {}", place.unwrap_or_default(), subject.name, shown(&problem, subject)))?;
                }
            }
        }
    }
    if options.json {
        say(json!({"problems": all}))?;
    }
    Ok(ExitCode::from(if errors { 3 } else { 0 }))
}

fn shown(problem: &Problem, subject: &Subject) -> String {
    let text = match subject.labels.get(&problem.label) {
        Some(value) => problem.render(value).to_string(),
        None => problem.to_string(),
    };
    text.trim_end().to_owned()
}

/// The services of a compose file, with the variables put in.
fn of_file(file: &str, options: &LabelsCheckOptions) -> Result<Vec<Subject>, Failure> {
    let program: Vec<OsString> = program();
    let mut command = match Repository::find(&options.repository) {
        Ok(repository) => repository.command(&program, &repository.slots()?),
        // A file can be looked at anywhere.
        Err(_) => bare_command(&program),
    };
    command.args(["-f", file, "--profile", "*", "config", "--format", "json", "--no-path-resolution"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.map_err(|error| Failure::runtime("cannot run docker compose", &error))?;
    // That an address is not known here is no news.
    let words = String::from_utf8_lossy(&output.stderr);
    for line in words.lines().filter(|line| !(line.contains("_IP\\\"") && line.contains("is not set"))) {
        writeln!(io::stderr(), "{line}").map_err(|error| Failure::output(&error))?;
    }
    if !output.status.success() {
        return Err(Failure::Usage(format!("{file}: docker compose cannot read it")));
    }
    let model: Model =
        serde_json::from_slice(&output.stdout).map_err(|error| Failure::runtime("docker compose", &error))?;
    let subjects = model.services.into_iter().map(|(name, service)| {
        let labels =
            service.labels.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.replace("$$", "$"))));
        Subject { name, labels: labels.collect() }
    });
    Ok(subjects.collect())
}

/// A container of the repository's daemon.
fn of_container(name: &str, options: &LabelsCheckOptions) -> Result<Subject, Failure> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if !plain {
        return Err(Failure::Usage(format!("{name:?} is neither a file nor a name of a container")));
    }
    let repository = Repository::find(&options.repository)?;
    repository.needs_daemon()?;
    let answer = route_api::get_unix(&repository.socket(), &format!("/containers/{name}/json"), ANSWER);
    let (status, body) = answer.map_err(|error| Failure::runtime(repository.socket().display(), &error))?;
    if status == 404 {
        return Err(Failure::Usage(format!("there is neither a file nor a container {name:?} in this repository")));
    }
    let container: Value = serde_json::from_str(&body).map_err(|error| Failure::runtime("the daemon", &error))?;
    let labels = container.pointer("/Config/Labels").cloned().unwrap_or_default();
    let labels = serde_json::from_value(labels).unwrap_or_default();
    Ok(Subject { name: name.to_owned(), labels })
}

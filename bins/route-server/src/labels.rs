use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use traefik_labels::{Decoded, Decoder, Problem, Rules, decode_first};
use traefik_model::Configuration;

use crate::{cli::LabelsOptions, exit::Failure};

#[derive(Deserialize)]
struct Request {
    labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<Configuration>,
    problems: Vec<Problem>,
}

/// Decodes one label set a line.
pub(crate) fn run(options: &LabelsOptions) -> Result<ExitCode, Failure> {
    each_line(r#"{"labels": {…}}"#, |request: Request| {
        let answer = answer(&request, options);
        if options.explain { Ok(explained(&request, &answer)) } else { json(&answer) }
    })
}

fn answer(request: &Request, options: &LabelsOptions) -> Answer {
    if options.first_problem {
        return match decode_first(&request.labels) {
            Ok(configuration) => Answer { configuration: Some(configuration), problems: Vec::new() },
            Err(problem) => Answer { configuration: None, problems: vec![problem] },
        };
    }
    // Traefik decodes labels without reading their rules, so the configuration has the routers of bad ones too.
    let Decoded { configuration, problems } = Decoder::new().rules(Rules::Keep).decode(&request.labels);
    Answer { configuration: Some(configuration), problems }
}

/// The problems for people; nothing when there are none.
fn explained(request: &Request, answer: &Answer) -> String {
    let show = |problem: &Problem| match request.labels.get(&problem.label) {
        Some(value) => problem.render(value).to_string(),
        None => problem.to_string(),
    };
    answer.problems.iter().map(show).collect()
}

/// Answers each line of standard input, which holds JSON of that form.
pub(crate) fn each_line<T: DeserializeOwned>(
    form: &str,
    answer: impl Fn(T) -> Result<String, Failure>,
) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    for (at, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Failure::Usage(format!("line {}: bytes that are not UTF-8", at + 1)),
            _ => Failure::runtime("cannot read standard input", &error),
        })?;
        if line.trim().is_empty() {
            continue;
        }
        let request = serde_json::from_str(&line)
            .map_err(|error| Failure::Usage(format!("line {}: {error}; expected {form}", at + 1)))?;
        out.write_all(answer(request)?.as_bytes()).map_err(|error| Failure::output(&error))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// An answer as a line of JSON.
pub(crate) fn json(answer: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(answer).map_err(|error| Failure::runtime("cannot write the answer", &error))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(labels: &str) -> Request {
        serde_json::from_str(&format!(r#"{{"labels": {labels}}}"#)).unwrap()
    }

    #[test]
    fn a_bad_rule_is_a_warning_because_traefik_decodes_it() {
        let options = LabelsOptions { first_problem: false, explain: false };
        let answer = answer(&request(r#"{"traefik.http.routers.a.rule": "Host('a.org')"}"#), &options);
        let json: serde_json::Value = serde_json::from_str(&json(&answer).unwrap()).unwrap();
        assert_eq!(json["configuration"]["http"]["routers"]["a"]["rule"], "Host('a.org')");
        assert_eq!(json["problems"][0]["severity"], "warning");
        assert_eq!(json["problems"][0]["code"], "TL102");
        assert_eq!(json["problems"][0]["label"], "traefik.http.routers.a.rule");
    }

    #[test]
    fn problems_are_shown_with_a_caret() {
        let options = LabelsOptions { first_problem: true, explain: true };
        let request = request(r#"{"traefik.http.routers.a.entrypoint": "web"}"#);
        let shown = explained(&request, &answer(&request, &options));
        assert!(shown.ends_with("                         ^^^^^^^^^^ did you mean `entryPoints`?\n"), "{shown}");
    }
}

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};
use traefik_labels::{Decoded, Problem, decode, decode_first};
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
    let mut out = std::io::stdout().lock();
    for (at, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Failure::Usage(format!("line {}: bytes that are not UTF-8", at + 1)),
            _ => Failure::runtime("cannot read standard input", &error),
        })?;
        if line.trim().is_empty() {
            continue;
        }
        let request: Request = serde_json::from_str(&line)
            .map_err(|error| Failure::Usage(format!("line {}: {error}; expected {{\"labels\": {{…}}}}", at + 1)))?;
        let answer = answer(&request, options);
        let text =
            serde_json::to_string(&answer).map_err(|error| Failure::runtime("cannot write the answer", &error))?;
        writeln!(out, "{text}").map_err(|error| Failure::output(&error))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(request: &Request, options: &LabelsOptions) -> Answer {
    if options.first_problem {
        return match decode_first(&request.labels) {
            Ok(configuration) => Answer { configuration: Some(configuration), problems: Vec::new() },
            Err(problem) => Answer { configuration: None, problems: vec![problem] },
        };
    }
    let Decoded { configuration, problems } = decode(&request.labels);
    Answer { configuration: Some(configuration), problems }
}

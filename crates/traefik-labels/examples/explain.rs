//! Reads labels as `key=value` lines and shows what is wrong with them:
//!
//! ```text
//! $ cargo run -p traefik-labels --example explain < labels
//! error[TL001]: `entrypoint` is unknown here
//!   traefik.http.routers.app.entrypoint=websecure
//!                            ^^^^^^^^^^ did you mean `entryPoints`?
//! ```
//!
//! Lines may be those of a compose file: `- "key=value"`. With names as arguments it knows the entry points.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program with arguments")]

use std::{collections::BTreeMap, io, process::ExitCode};

use traefik_labels::{Decoder, Severity};

fn main() -> io::Result<ExitCode> {
    let text = io::read_to_string(io::stdin())?;
    let labels: BTreeMap<&str, &str> = text.lines().filter_map(label).collect();
    let entry_points: Vec<String> = std::env::args().skip(1).collect();
    let mut decoder = Decoder::new();
    if !entry_points.is_empty() {
        decoder = decoder.entry_points(entry_points);
    }
    let decoded = decoder.decode(&labels);
    for problem in &decoded.problems {
        match labels.get(problem.label.as_str()) {
            Some(value) => println!("{}", problem.render(value)),
            None => println!("{problem}"),
        }
    }
    let refused = decoded.problems.iter().any(|problem| problem.severity == Severity::Error);
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The label of a line, without what YAML puts around it.
fn label(line: &str) -> Option<(&str, &str)> {
    line.trim().trim_start_matches("- ").trim_matches(['"', '\'']).split_once('=')
}

//! `route-server claims`: asks a running route server over its control socket.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use command_line::{printable, table};
use route_api::{Answer, Claim, Claims, ControlError, Request};

use crate::{
    cli::{ClaimsAction, ClaimsOptions},
    exit::Failure,
};

/// Asks, and prints the answer.
pub(crate) fn run(options: &ClaimsOptions) -> Result<ExitCode, Failure> {
    let request = Request::Claims(match &options.action {
        ClaimsAction::List { .. } => Claims::List,
        ClaimsAction::Assign { host, network_id } => Claims::Assign { host: host.to_string(), network_id: *network_id },
        ClaimsAction::Release { host } => Claims::Release { host: host.clone() },
    });
    let answer = route_api::ask(&options.control_socket, &request);
    let answer = answer.map_err(|error| {
        let elsewhere = match error {
            ControlError::Nobody { .. } => " If its control socket is elsewhere, say where with --control-socket PATH",
            _ => "",
        };
        Failure::Runtime(printable(&format!("{}{elsewhere}", crate::exit::chain(&error))))
    })?;
    let mut out = io::stdout().lock();
    match (answer, &options.action) {
        (Answer::Claims(claims), ClaimsAction::List { json: true }) => {
            let text = serde_json::to_string_pretty(&claims)
                .map_err(|error| Failure::runtime("cannot write the claims", &error))?;
            writeln!(out, "{text}")
        }
        (Answer::Claims(claims), _) => write!(out, "{}", table(&Claim::rows(&claims))),
        (Answer::Assigned(change) | Answer::Released(change), _) => {
            for note in &change.notes {
                let written = writeln!(io::stderr(), "route-server: note: {}", printable(note));
                written.map_err(|error| Failure::output(&error))?;
            }
            writeln!(out, "{}", printable(&change.sentence()))
        }
        // Answers to questions that are not asked here.
        (
            Answer::Forgotten
            | Answer::Holdings(_)
            | Answer::Restored { .. }
            | Answer::PollsReleased
            | Answer::RoutesGone,
            _,
        ) => Ok(()),
        (Answer::Error { message, .. }, _) => return Err(Failure::Runtime(printable(&message))),
    }
    .map_err(|error| Failure::output(&error))?;
    Ok(ExitCode::SUCCESS)
}

//! What the route server of this machine knows: `renet proxy routes` and `renet proxy claims`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use command_line::{Failure, printable};
use route_api::{Answer, Claim, Claims, Request};
use serde_json::json;

use super::services::ROUTER_ADDRESS;
use crate::{
    cli::ClaimsAction,
    output::{say, table},
    paths::Paths,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Every router, and what is not routed and why.
pub(super) fn routes(as_json: bool) -> Result<ExitCode, Failure> {
    let fault = |error: &dyn std::error::Error| {
        let what = format!("no route server answers at {ROUTER_ADDRESS} (renet proxy up starts it)");
        Failure::runtime(what, error)
    };
    if as_json {
        let (status, body) = route_api::get(ROUTER_ADDRESS, "/routes.json", PATIENCE).map_err(|error| fault(&error))?;
        if status != 200 {
            return Err(Failure::Runtime(format!("the route server answers with status {status}")));
        }
        say(body.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let routes = route_api::routes(ROUTER_ADDRESS, PATIENCE).map_err(|error| fault(&error))?;
    table(&routes.rows())?;
    let unrouted = routes.unrouted_rows();
    if !unrouted.is_empty() {
        say("")?;
        table(&unrouted)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who owns which host.
pub(super) fn claims(action: &ClaimsAction) -> Result<ExitCode, Failure> {
    let (request, as_json) = match action {
        ClaimsAction::List { json } => (Claims::List, *json),
        ClaimsAction::Assign { host, network_id } => {
            (Claims::Assign { host: host.clone(), network_id: *network_id }, false)
        }
        ClaimsAction::Release { host } => (Claims::Release { host: host.clone() }, false),
    };
    let socket = Paths::of_this_machine().control_socket();
    let answer = route_api::ask(&socket, &Request::Claims(request));
    match answer.map_err(|error| Failure::Runtime(printable(&command_line::chain(&error))))? {
        Answer::Claims(claims) if as_json => say(json!(claims))?,
        Answer::Claims(claims) => table(&Claim::rows(&claims))?,
        Answer::Assigned(change) | Answer::Released(change) => {
            for note in &change.notes {
                let written = writeln!(io::stderr(), "renet: note: {}", printable(note));
                written.map_err(|error| Failure::output(&error))?;
            }
            say(printable(&change.sentence()))?;
        }
        // Answers to questions that are not asked here.
        Answer::Forgotten
        | Answer::Holdings(_)
        | Answer::Restored { .. }
        | Answer::PollsReleased
        | Answer::RoutesGone => {}
        Answer::Error { message, .. } => return Err(Failure::Runtime(printable(&message))),
    }
    Ok(ExitCode::SUCCESS)
}

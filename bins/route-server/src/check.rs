use std::{io::Write as _, process::ExitCode};

use crate::{cli::ServeOptions, exit::Failure, settings};

/// Says whether the settings hold.
pub(crate) fn run(options: &ServeOptions) -> Result<ExitCode, Failure> {
    let (policy, token) = settings::validated(options)?;
    let domain = policy.base_domain.as_ref().map_or("off".to_owned(), |domain| format!("*.{domain}"));
    let control = settings::control_socket(options).map_or("none".into(), |path| path.display().to_string());
    let lines = [
        ("listen", options.listen.to_string()),
        ("sockets", options.sockets.join(" ")),
        ("auto-routes", domain),
        ("resolvers", if policy.resolvers.is_empty() { "none".to_owned() } else { policy.resolvers.join(" ") }),
        ("dynamic ports", policy.dynamic_ports.to_string()),
        ("state", options.state_dir.display().to_string()),
        ("control socket", control),
        ("token", if token.is_some() { "required for /routes.yaml".to_owned() } else { "none".to_owned() }),
    ];
    let mut out = std::io::stdout().lock();
    for (name, value) in lines {
        writeln!(out, "{name:<14} {value}").map_err(|error| Failure::output(&error))?;
    }
    writeln!(out, "the settings hold").map_err(|error| Failure::output(&error))?;
    Ok(ExitCode::SUCCESS)
}

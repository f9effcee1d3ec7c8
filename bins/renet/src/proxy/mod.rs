//! `renet proxy`: Traefik and the route server of this machine.

mod addresses;
mod ask;
mod check;
mod configure;
mod hosts;
mod ports;
mod services;
pub(crate) mod units;

pub(crate) use self::{
    check::{CertificateState, certificate_state, failed_certificates},
    hosts::{hosts_of, is_secure},
    services::ROUTER_ADDRESS,
};

use std::process::ExitCode;

use command_line::Failure;
use supervisor::Form;

use crate::{
    cli::{ProxyCommand, ProxyOptions, StatusOptions},
    output::say,
    paths::{Paths, form},
};

/// Does what was asked for.
pub(crate) fn run(options: &ProxyOptions) -> Result<ExitCode, Failure> {
    if let Some(root) = &options.root {
        Paths::move_to(root)?;
    }
    match &options.command {
        ProxyCommand::Configure(options) => configure::run(options),
        ProxyCommand::Up => services::up(),
        ProxyCommand::Down => services::down(),
        ProxyCommand::Status(StatusOptions { json }) => services::status(*json),
        ProxyCommand::Check { json } => check::run(*json),
        ProxyCommand::Logs { follow, lines } => services::logs(*follow, *lines),
        ProxyCommand::Refresh => services::refresh(),
        ProxyCommand::Install => install(),
        ProxyCommand::Uninstall => uninstall(),
        ProxyCommand::Routes { json } => ask::routes(*json),
        ProxyCommand::Claims(action) => ask::claims(action),
    }
}

/// Lets Traefik's held polls go, before it is stopped.
pub(crate) fn release_polls() -> Result<ExitCode, Failure> {
    services::release_polls();
    Ok(ExitCode::SUCCESS)
}

fn install() -> Result<ExitCode, Failure> {
    needs_systemd()?;
    units::install()?;
    say("users, directories and units are there; renet proxy configure and renet proxy up do the rest")?;
    Ok(ExitCode::SUCCESS)
}

fn uninstall() -> Result<ExitCode, Failure> {
    needs_systemd()?;
    for file in units::uninstall()? {
        say(format_args!("removed {}", file.display()))?;
    }
    let paths = Paths::of_this_machine();
    say(format_args!(
        "what stays: {} (settings and certificates), {} (state), the users {} and {}, repositories and their daemons",
        paths.proxy().display(),
        paths.router_state().display(),
        crate::units::ROUTER_USER,
        units::TRAEFIK_USER,
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn needs_systemd() -> Result<(), Failure> {
    match form() {
        Form::Systemd => Ok(()),
        Form::Detached => Err(Failure::Refused(
            "this machine does not run systemd, and so there is nothing to install; renet proxy up starts both programs"
                .to_owned(),
        )),
    }
}

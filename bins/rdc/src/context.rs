//! `rdc context`: machines by name, and what their proxies are to be like.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    process::ExitCode,
};

use command_line::{Failure, chain};
use machine_context::{ContextError, Ended, InfraChange, Input, StoreError, Target};
use serde_json::json;

use crate::{
    cli::{ContextCommand, CreateOptions, InfraOptions},
    settings::{ended, machine, store},
};

/// What can go wrong with the file and with what is changed in it.
enum Fault {
    Store(StoreError),
    Context(ContextError),
}

/// Does what was asked for.
pub(crate) fn run(command: ContextCommand) -> Result<ExitCode, Failure> {
    match command {
        ContextCommand::Create(CreateOptions { name, ssh, local: _ }) => {
            let target = ssh.unwrap_or(Target::Local);
            let line = format!("context {name}: {target}");
            store()?.change(|contexts| Ok::<_, Fault>(contexts.create(name, target)?))?;
            say(&line)?;
        }
        ContextCommand::Delete { name } => {
            store()?.change(|contexts| Ok::<_, Fault>(contexts.delete(&name)?))?;
            say(&format!("context {name} is forgotten; nothing on the machine was changed"))?;
        }
        ContextCommand::List { json } => list(json)?,
        ContextCommand::SetInfra(options) => set_infra(options)?,
        ContextCommand::PushInfra { name } => {
            let contexts = store()?.read().map_err(|error| Failure::runtime("contexts", &error))?;
            let context = contexts.get(&name).map_err(|error| Failure::Usage(error.to_string()))?;
            let infra = serde_json::to_vec(&context.infra).map_err(|error| Failure::runtime("the settings", &error))?;
            let machine = machine(&name)?;
            match machine.renet(&["proxy", "configure"], Input::Bytes(infra)) {
                Ok(Ended::Code(0)) => {}
                other => return ended(other),
            }
            return ended(machine.renet(&["proxy", "up"], Input::Nothing));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(as_json: bool) -> Result<(), Failure> {
    let contexts = store()?.read().map_err(|error| Failure::runtime("contexts", &error))?;
    let mut all = Vec::new();
    for (name, context) in contexts.iter() {
        let infra = &context.infra;
        let token = infra.cf_dns_api_token.is_some();
        if as_json {
            let mut infra = json!(infra);
            if let Some(infra) = infra.as_object_mut() {
                infra.remove("cf_dns_api_token");
                infra.insert("cf_dns_api_token_set".to_owned(), json!(token));
            }
            all.push(json!({"name": name, "target": context.target.to_string(), "infra": infra}));
        } else {
            let domain = infra.base_domain.as_deref().unwrap_or("no base domain");
            say(&format!("{name}  {}  {domain}{}", context.target, if token { "" } else { "  no Cloudflare token" }))?;
        }
    }
    if as_json { say(&json!({"contexts": all}).to_string()) } else { Ok(()) }
}

fn set_infra(options: InfraOptions) -> Result<(), Failure> {
    let name = options.name.clone();
    let change = InfraChange {
        cf_dns_api_token: token(&options)?,
        tcp_ports: ports("tcp-ports", options.tcp_ports.as_deref())?,
        udp_ports: ports("udp-ports", options.udp_ports.as_deref())?,
        public_ipv4: options.public_ipv4,
        public_ipv6: options.public_ipv6,
        base_domain: options.base_domain,
        cert_email: options.cert_email,
        acme_server: options.acme_server,
    };
    store()?.change(|contexts| Ok::<_, Fault>(contexts.set_infra(&name, change)?))?;
    say(&format!("settings of {name} are kept here; `rdc context push-infra {name}` brings them to the machine"))
}

fn token(options: &InfraOptions) -> Result<Option<String>, Failure> {
    let text = match (&options.cf_dns_token, &options.cf_dns_token_file) {
        (Some(token), _) if token == "-" => {
            let mut text = String::new();
            let stdin = io::stdin();
            // A person types one line and is told so; a program sends all there is.
            let read = if stdin.is_terminal() {
                write!(io::stderr(), "Cloudflare's token: ").map_err(|error| Failure::output(&error))?;
                stdin.lock().take(64 << 10).read_line(&mut text)
            } else {
                stdin.lock().take(64 << 10).read_to_string(&mut text)
            };
            read.map_err(|error| Failure::usage("--cf-dns-token - on standard input", &error))?;
            text
        }
        (Some(token), _) => token.clone(),
        (None, Some(file)) => fs::read_to_string(file)
            .map_err(|error| Failure::usage(format_args!("--cf-dns-token-file {}", file.display()), &error))?,
        (None, None) => return Ok(None),
    };
    Ok(Some(text.trim().to_owned()))
}

fn ports(flag: &str, list: Option<&str>) -> Result<Option<BTreeSet<u16>>, Failure> {
    let Some(list) = list else { return Ok(None) };
    let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
    let ports = words.map(|word| {
        let port = word.parse().ok().filter(|port| *port > 0);
        port.ok_or_else(|| {
            Failure::Usage(format!("--{flag}: {word:?} is no port; expected numbers from 1 to 65535, e.g. 25,143,465"))
        })
    });
    ports.collect::<Result<_, _>>().map(Some)
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::output(&error))
}

// === impl Fault ===

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ContextError> for Fault {
    fn from(error: ContextError) -> Self {
        Self::Context(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => Self::Runtime(chain(&error)),
            Fault::Context(error @ ContextError::Taken(_)) => Self::Refused(chain(&error)),
            Fault::Context(error) => Self::Usage(chain(&error)),
        }
    }
}

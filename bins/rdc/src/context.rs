//! `rdc context`: machines by name, and what their proxies are to be like.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, IsTerminal as _, Read as _},
    process::ExitCode,
};

use command_line::{Failure, ask, can_ask, chain, printable};
use machine_context::{
    Context, ContextError, ContextName, Ended, InfraChange, Input, MachineError, StoreError, Target,
};
use serde_json::{Value, json};

use crate::{
    cli::{ContextCommand, CreateOptions, InfraOptions},
    settings::{ended, machine, say, store},
    setup,
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
        ContextCommand::Use { name } => {
            store()?.change(|contexts| Ok::<_, Fault>(contexts.choose(&name)?))?;
            say(&format!("{name} is meant where -m is not given"))?;
        }
        ContextCommand::Show { name, json } => show(&name, json)?,
        ContextCommand::Check { name, json } => {
            let json = if json { &["--json"][..] } else { &[] };
            return ended(machine(Some(&name))?.renet(&[&["proxy", "check"], json].concat(), Input::Nothing));
        }
        ContextCommand::Setup(options) => return setup::run(options),
        ContextCommand::PushInfra { name, dry_run, yes } => return push_infra(&name, dry_run, yes),
    }
    Ok(ExitCode::SUCCESS)
}

/// What changes first, then the question; a machine on which nothing would change is still brought up.
fn push_infra(name: &ContextName, dry_run: bool, yes: bool) -> Result<ExitCode, Failure> {
    let contexts = store()?.read().map_err(|error| Failure::runtime("contexts", &error))?;
    let context = contexts.get(name).map_err(|error| Failure::Usage(error.to_string()))?;
    let infra = serde_json::to_vec(&context.infra).map_err(|error| Failure::runtime("the settings", &error))?;
    let machine = machine(Some(name))?;
    let look = ["proxy", "configure", "--dry-run"];
    if dry_run {
        return ended(machine.renet(&look, Input::Bytes(infra)));
    }
    // A script that says it wants it.
    if !yes && can_ask() {
        let (outcome, said) = match machine.renet_output(&look, Input::Bytes(infra.clone())) {
            Ok((outcome, said)) => (outcome, said),
            Err(error) => return ended(Err(error)),
        };
        if outcome != Ended::Code(0) {
            return ended(Ok(outcome));
        }
        if said.lines().last() != Some(route_api::NOTHING_WOULD_CHANGE) {
            let lines: Vec<_> = said.lines().map(printable).collect();
            say(&lines.get(..lines.len().saturating_sub(1)).unwrap_or_default().join("\n"))?;
            ask(&format!("change this on {name}?"))?;
        }
    }
    let outcome = machine.renet(&["proxy", "configure", "--up"], Input::Bytes(infra));
    if let Err(MachineError::Unreachable { .. }) = &outcome {
        // It may have been cut off before or after the machine began: only the machine knows.
        let hint = format!(
            "what arrived is carried out or taken back there as a whole; `rdc context push-infra {name}` again says which"
        );
        let error = ended(outcome).err();
        return Err(match error {
            Some(Failure::Runtime(said)) => Failure::Runtime(format!("{said}; {hint}")),
            other => other.unwrap_or(Failure::Runtime(hint)),
        });
    }
    ended(outcome)
}

fn list(as_json: bool) -> Result<(), Failure> {
    let contexts = store()?.read().map_err(|error| Failure::runtime("contexts", &error))?;
    if as_json {
        let all: Vec<_> = contexts.iter().map(|(name, context)| without_token(name, context)).collect();
        return say(&json!({"contexts": all}).to_string());
    }
    for (name, context) in contexts.iter() {
        let infra = &context.infra;
        let domain = infra.base_domain.as_deref().unwrap_or("no base domain");
        let token = if infra.cf_dns_api_token.is_some() { "" } else { "  no Cloudflare token" };
        say(&format!("{name}  {}  {domain}{token}", context.target))?;
    }
    Ok(())
}

fn show(name: &ContextName, as_json: bool) -> Result<(), Failure> {
    let contexts = store()?.read().map_err(|error| Failure::runtime("contexts", &error))?;
    let context = contexts.get(name).map_err(|error| Failure::Usage(error.to_string()))?;
    let shown = without_token(name, context);
    if as_json {
        return say(&shown.to_string());
    }
    say(&format!("{name}: {}", context.target))?;
    for (key, value) in shown.get("infra").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        say(&format!("  {key:<21} {value}"))?;
    }
    Ok(())
}

/// What is known of a machine; of the token only whether there is one.
fn without_token(name: &ContextName, context: &Context) -> Value {
    let mut infra = json!(context.infra);
    if let Some(infra) = infra.as_object_mut() {
        let token = infra.remove("cf_dns_api_token").is_some();
        infra.insert("cf_dns_api_token_set".to_owned(), json!(token));
    }
    json!({"name": name, "target": context.target.to_string(), "infra": infra})
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
            let what = "--cf-dns-token - on standard input";
            // A person types one line, which nobody looking on can read; a program sends all there is.
            if io::stdin().is_terminal() {
                rpassword::prompt_password("Cloudflare's token: ").map_err(|error| Failure::usage(what, &error))?
            } else {
                let mut text = String::new();
                let read = io::stdin().lock().take(64 << 10).read_to_string(&mut text);
                read.map_err(|error| Failure::usage(what, &error))?;
                text
            }
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

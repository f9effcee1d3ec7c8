//! What a configuration changes, for people.

use std::path::Path;

use command_line::Failure;
use similar::TextDiff;
use traefik_static::{Infra, Secrets, StaticFile};

use crate::{files::read, output::say};

/// What stands in the place of a secret.
const MASK: &str = "(secret)";

/// The lines that change, without secrets.
pub(super) fn show(
    proxy: &Path,
    files: &[StaticFile],
    infras: &[&Option<Infra>],
    secrets: &Secrets,
    dry_run: bool,
) -> Result<(), Failure> {
    let tokens = infras.iter().filter_map(|infra| infra.as_ref()?.cf_dns_api_token.as_deref());
    let secrets: Vec<_> =
        tokens.chain([secrets.poll.as_str(), secrets.api.as_str(), secrets.certificate.pem()]).collect();
    let masked = |text: &str| secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK));
    for file in files {
        let Some(old) = read(&proxy.join(file.name))? else {
            // All its lines would be. That it is written is said afterwards.
            if dry_run {
                say(format_args!("+++ {}: new", file.name))?;
            }
            continue;
        };
        if old == file.text {
            continue;
        }
        let (old, new) = (masked(&old), masked(&file.text));
        // A file that is nothing but a secret: what stood there may be one too, although nobody knows it any more.
        if old == new || new.trim_end() == MASK {
            say(format_args!("--- {}: another secret", file.name))?;
        } else {
            let diff = TextDiff::from_lines(&old, &new);
            let shown = diff.unified_diff().context_radius(1).header(file.name, file.name).to_string();
            say(shown.trim_end())?;
        }
    }
    Ok(())
}

//! The certificate authority: whether it answers, and what time it is there.

use std::time::{Duration, UNIX_EPOCH};

use ureq::{Agent, tls::TlsConfig};

/// Let's Encrypt's directory, which Traefik asks when nothing else is said.
const DEFAULT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Its URL, and its clock in seconds since 1970 where it tells it; or why it cannot be asked.
pub(super) fn date(server: Option<&str>) -> Result<(String, Option<u64>), (String, String)> {
    let url = server.unwrap_or(DEFAULT).to_owned();
    // Whose certificate it shows is Traefik's to judge. Here a wrong clock has to be found, which would make any
    // certificate invalid; nothing is sent.
    let tls = TlsConfig::builder().disable_verification(true).build();
    let agent = Agent::config_builder().tls_config(tls).timeout_global(Some(PATIENCE)).build().new_agent();
    match agent.get(&url).call() {
        Ok(answer) => {
            let date =
                answer.headers().get("date").and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
            let seconds = date.and_then(|date| Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs()));
            Ok((url, seconds))
        }
        Err(error) => Err((url, format!("the certificate authority cannot be asked: {error}"))),
    }
}

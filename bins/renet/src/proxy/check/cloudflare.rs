//! Cloudflare's API, as far as Traefik (lego) calls it: so what works here works there.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::json;
use ureq::{
    Agent, Body,
    http::Response,
    tls::{RootCerts, TlsConfig, parse_pem},
};

const API: &str = "https://api.cloudflare.com/client/v4";
/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of an answer.
const MAX_ANSWER: u64 = 1 << 20;

pub(super) struct Cloudflare {
    agent: Agent,
    base: String,
    authorization: String,
}

/// A domain in the account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Zone {
    id: String,
    pub(super) name: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Vec<Fault>,
    #[serde(default)]
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

// === impl Zone ===

impl Zone {
    /// Whether a host is the zone, or below it.
    pub(super) fn has(&self, host: &str) -> bool {
        host.strip_suffix(self.name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

// === impl Cloudflare ===

impl Cloudflare {
    /// With a token; `settings` are Traefik's, which may name another server or certificate authority.
    pub(super) fn new(token: &str, settings: &BTreeMap<String, String>) -> Self {
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
        let roots = settings.get("LEGO_CA_CERTIFICATES").and_then(|path| std::fs::read(path).ok());
        let roots: Vec<_> = roots
            .iter()
            .flat_map(|pem| parse_pem(pem))
            .filter_map(|item| match item {
                Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        let config = match roots.is_empty() {
            true => config,
            false => config.tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build()),
        };
        Self {
            agent: config.build().new_agent(),
            base: settings.get("CLOUDFLARE_BASE_URL").cloned().unwrap_or_else(|| API.to_owned()),
            authorization: format!("Bearer {token}"),
        }
    }

    /// The zone that a host is in: the longest of its domains that the account has.
    pub(super) fn zone_of(&self, host: &str) -> Result<Zone, String> {
        let labels: Vec<_> = host.split('.').collect();
        for first in 0..labels.len().saturating_sub(1) {
            let name = labels.get(first..).unwrap_or_default().join(".");
            let url = format!("{}/zones?name={name}&per_page=50", self.base);
            let answer = self.agent.get(&url).header("Authorization", &self.authorization).call();
            let zones: Vec<Zone> = serde_json::from_value(self.read(answer)?).unwrap_or_default();
            if let Some(zone) = zones.into_iter().next() {
                return Ok(zone);
            }
        }
        Err(format!("{host}: zone could not be found"))
    }

    /// Whether the token may write there: a record is made and taken away again.
    pub(super) fn may_write(&self, zone: &Zone) -> Result<(), String> {
        let records = format!("{}/zones/{}/dns_records", self.base, zone.id);
        let record =
            json!({"type": "TXT", "name": format!("_rediacc-check.{}", zone.name), "content": "\"check\"", "ttl": 120});
        let request = self.agent.post(&records).header("Authorization", &self.authorization);
        let made = self.read(request.header("Content-Type", "application/json").send(record.to_string()))?;
        let Some(id) = made.get("id").and_then(serde_json::Value::as_str) else {
            return Err("Cloudflare made a record and does not say which".to_owned());
        };
        let answer = self.agent.delete(format!("{records}/{id}")).header("Authorization", &self.authorization).call();
        self.read(answer).map(drop)
    }

    fn read(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<serde_json::Value, String> {
        // An error of the connection says where to, and never with what.
        let mut response = answer.map_err(|error| format!("cannot ask Cloudflare: {error}"))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        let text = text.map_err(|error| format!("cannot read what Cloudflare answers: {error}"))?;
        let answer: Answer = serde_json::from_str(&text)
            .map_err(|error| format!("Cloudflare answers with status {status} and no JSON ({error})"))?;
        match answer.errors.first() {
            _ if answer.success => Ok(answer.result),
            Some(fault) => Err(format!("[status code {status}] {}: {}", fault.code, fault.message.escape_debug())),
            None => Err(format!("Cloudflare answers with status {status}")),
        }
    }
}

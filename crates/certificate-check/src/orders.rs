use serde::Deserialize;

/// What Traefik logs when an order failed.
const FAILED: &str = "Unable to obtain ACME certificate for domains";

/// An order of a certificate that failed. Traefik does not try it again by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedOrder {
    /// The names that were ordered.
    pub domains: Vec<String>,
    /// The innermost cause, as the certificate authority or the DNS provider said it.
    pub cause: String,
    /// When, as Traefik wrote it: RFC 3339.
    pub time: String,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    message: String,
    #[serde(default)]
    domains: Domains,
    #[serde(default)]
    error: String,
    #[serde(default)]
    time: String,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Domains {
    Many(Vec<String>),
    One(String),
    #[default]
    None,
}

/// The failed orders of Traefik's log in JSON, of each name the last one, in the order of the log. Other lines are passed
/// over.
#[must_use]
pub fn failed_orders(log: &str) -> Vec<FailedOrder> {
    let mut orders: Vec<FailedOrder> = Vec::new();
    for line in log.lines().filter(|line| line.contains(FAILED)) {
        let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
        let domains = match line.domains {
            Domains::Many(domains) => domains,
            Domains::One(domain) => domain.split(',').map(|domain| domain.trim().to_owned()).collect(),
            Domains::None => continue,
        };
        if line.message == FAILED {
            orders.retain(|order| order.domains != domains);
            orders.push(FailedOrder { cause: innermost(&line.error, &domains), domains, time: line.time });
        }
    }
    orders
}

/// lego wraps a cause several times: `…: resolver: one or more domains had a problem: [D: dns01: error presenting token
/// (D): cloudflare: CAUSE]]`.
fn innermost(error: &str, domains: &[String]) -> String {
    let mut cause = error;
    for domain in domains {
        for wrapping in [format!("[{domain}: "), format!("({domain}): ")] {
            if let Some((_, rest)) = cause.rsplit_once(wrapping.as_str()) {
                cause = rest;
            }
        }
    }
    // Only brackets that were opened before.
    let unopened = cause.matches(']').count().saturating_sub(cause.matches('[').count());
    let mut cause = cause.trim();
    for _ in 0..unopened {
        cause = cause.strip_suffix(']').unwrap_or(cause).trim_end();
    }
    cause.replace(['\n', '\r'], " ")
}

/// What to do about a cause.
#[must_use]
pub fn cure(cause: &str) -> &'static str {
    const CURES: [(&[&str], &str); 9] = [
        (
            &["9109", "Invalid access token", "6003", "6111", "Invalid format for Authorization"],
            "the Cloudflare token is not valid: make one with the right Zone:DNS:Edit, then `rdc context set-infra NAME \
             --cf-dns-token …` and `rdc context push-infra NAME`",
        ),
        (
            &["zone could not be found", "could not find zone"],
            "the domain is not a zone of the token's account, or the token is not for that zone",
        ),
        (
            &["10000", "Authentication error"],
            "the Cloudflare token may not write DNS records: it needs the right Zone:DNS:Edit",
        ),
        (&["credentials information are missing"], "there is no Cloudflare token in the file: push-infra brings it"),
        (
            &["rateLimited", "too many certificates"],
            "the weekly limit of the certificate authority is reached: wait, or use the wildcard",
        ),
        (
            &["NXDOMAIN", "no valid A records", "No TXT record", "DNS problem"],
            "the name does not lead to this machine: set its DNS record to the public address",
        ),
        (
            &["Timeout during connect", "Connection refused", "connection reset", "Fetching http"],
            "the certificate authority does not reach port 80 of this machine: open it in the firewall",
        ),
        (
            &["no such host", "dial tcp", "i/o timeout", "context deadline exceeded"],
            "this machine does not reach the certificate authority or the DNS provider: look at its network and DNS",
        ),
        (&["x509", "certificate signed by unknown"], "the certificate authority's own certificate is not trusted here"),
    ];
    let found = CURES.iter().find(|(words, _)| words.iter().any(|word| cause.contains(word)));
    found.map_or("`renet proxy logs` has the whole line", |(_, cure)| cure)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(domains: &str, end: &str) -> String {
        let error = format!(
            "unable to generate a certificate for the domains [a.example.com]: resolver: one or more domains had a \
             problem: [a.example.com: dns01: error presenting token (a.example.com): cloudflare: {end}]"
        );
        serde_json::json!({"level": "error", "message": FAILED, "error": error, "time": "2026-01-02T03:04:05Z"})
            .to_string()
            .replacen('{', &format!("{{\"domains\": {domains}, "), 1)
    }

    #[test]
    fn causes_and_cures() {
        for (end, cure_has) in [
            ("failed to find zone example.com.: [status code 403] 9109: Invalid access token", "not valid"),
            ("failed to find zone example.com.: zone could not be found", "not a zone of the token's account"),
            ("failed to create TXT record: [status code 403] 10000: Authentication error", "may not write"),
            ("something new", "renet proxy logs"),
        ] {
            let orders = failed_orders(&line("[\"a.example.com\"]", end));
            assert_eq!(orders[0].cause, format!("cloudflare: {end}"));
            assert!(cure(end).contains(cure_has), "{end}: {}", cure(end));
        }
    }

    #[test]
    fn the_last_order_of_a_name_counts() {
        let log = format!(
            "nonsense\n{{\"message\": \"other\"}}\n{}\n{}\n",
            line("\"a.example.com\"", "first"),
            line("[\"a.example.com\"]", "second")
        );
        let orders = failed_orders(&log);
        assert_eq!((orders.len(), orders[0].cause.as_str()), (1, "cloudflare: second"));
    }

    proptest! {
        #[test]
        fn nothing_panics(error in ".*", domain in ".{0,20}") {
            let _ = innermost(&error, std::slice::from_ref(&domain));
            let _ = cure(&error);
        }
    }
}

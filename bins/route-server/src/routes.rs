use std::{
    io::{Read as _, Write},
    net::{TcpStream, ToSocketAddrs as _},
    process::ExitCode,
    time::Duration,
};

use serde::Deserialize;

use crate::{
    cli::RoutesOptions,
    exit::Failure,
    table::{printable, table},
};

/// The most bytes of an answer that are read.
const MAX_ANSWER: u64 = 256 << 20;
const PATIENCE: Duration = Duration::from_secs(5);

/// `/routes.json`, as far as the table shows it.
#[derive(Deserialize)]
struct Answer {
    http: Vec<Route>,
    tcp: Vec<Route>,
    udp: Vec<Route>,
    unrouted: Vec<Unrouted>,
}

#[derive(Deserialize)]
struct Route {
    name: String,
    #[serde(default)]
    rule: String,
    entrypoints: Vec<String>,
    backends: Vec<String>,
}

#[derive(Deserialize)]
struct Unrouted {
    network_id: Option<u32>,
    container: String,
    code: String,
    reason: String,
}

/// Asks a running route server and prints a table.
pub(crate) fn run(options: &RoutesOptions) -> Result<ExitCode, Failure> {
    let body = get(&options.url, "/routes.json")?;
    let mut out = std::io::stdout().lock();
    if options.json {
        out.write_all(&body).map_err(|error| Failure::output(&error))?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: Answer = serde_json::from_slice(&body)
        .map_err(|error| Failure::runtime(format_args!("{} is no route server", options.url), &error))?;
    print(&answer, &mut out).map_err(|error| Failure::output(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn print(answer: &Answer, out: &mut impl Write) -> std::io::Result<()> {
    let mut rows = vec![["ROUTER", "PROTOCOL", "RULE", "ENTRY POINTS", "BACKENDS"].map(str::to_owned)];
    for (protocol, routes) in [("http", &answer.http), ("tcp", &answer.tcp), ("udp", &answer.udp)] {
        rows.extend(routes.iter().map(|route| {
            let backends =
                if route.backends.is_empty() { "none at the moment".to_owned() } else { route.backends.join(" ") };
            [&route.name, protocol, &route.rule, &route.entrypoints.join(","), &backends].map(printable)
        }));
    }
    table(&rows, out)?;
    if !answer.unrouted.is_empty() {
        writeln!(out)?;
        let mut rows = vec![["NOT ROUTED", "NETWORK", "CODE", "REASON"].map(str::to_owned)];
        rows.extend(answer.unrouted.iter().map(|it| {
            let id = it.network_id.map(|id| id.to_string()).unwrap_or_default();
            [&it.container, &id, &it.code, &it.reason].map(|text| printable(text))
        }));
        table(&rows, out)?;
    }
    Ok(())
}

/// One request with HTTP/1.0, whose answer ends with the connection.
fn get(url: &str, path: &str) -> Result<Vec<u8>, Failure> {
    let host = url.strip_prefix("http://").and_then(|rest| rest.trim_end_matches('/').split('/').next());
    let host = host.ok_or_else(|| Failure::Usage(format!("--url {url}: expected http://ADDRESS:PORT")))?;
    let fault = |error: std::io::Error| Failure::runtime(format_args!("no route server answers at {url}"), &error);
    let mut addresses = host.to_socket_addrs().map_err(fault)?;
    let address = addresses.next().ok_or_else(|| Failure::Usage(format!("--url {url}: no address")))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(fault)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(fault)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n").map_err(fault)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).map_err(fault)?;
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n");
    match split {
        Some(at) if answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200") => {
            Ok(answer.split_off(at + 4))
        }
        _ => Err(Failure::Runtime(format!("{url} did not answer as a route server does"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let answer = r#"{"http":[{"name":"a-2816","rule":"Host(`a`)","entrypoints":["websecure"],"backends":["http://127.0.11.2:80"]}],
            "tcp":[],"udp":[{"name":"b\u001b[2J-2816","entrypoints":["udp-53"],"backends":[]}],
            "unrouted":[{"network_id":2816,"container":"db","service":"db","code":"RS010","reason":"no address"}]}"#;
        let mut out = Vec::new();
        print(&serde_json::from_str(answer).unwrap(), &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}

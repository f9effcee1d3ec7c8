use std::{
    io::Write,
    net::{SocketAddr, ToSocketAddrs as _},
    process::ExitCode,
    time::Duration,
};

use command_line::table;
use route_api::Routes;

use crate::{cli::RoutesOptions, exit::Failure};

/// How long the whole answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks a running route server and prints a table.
pub(crate) fn run(options: &RoutesOptions) -> Result<ExitCode, Failure> {
    let url = &options.url;
    let server = server(url)?;
    let fault =
        |error: &dyn std::error::Error| Failure::runtime(format_args!("no route server answers at {url}"), error);
    let text = if options.json {
        let (status, body) = route_api::get(server, "/routes.json", PATIENCE).map_err(|error| fault(&error))?;
        if status != 200 {
            return Err(Failure::Runtime(format!("the route server at {url} answers with status {status}")));
        }
        body
    } else {
        shown(&route_api::routes(server, PATIENCE).map_err(|error| fault(&error))?)
    };
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| Failure::output(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn server(url: &str) -> Result<SocketAddr, Failure> {
    let host = url.strip_prefix("http://").and_then(|rest| rest.trim_end_matches('/').split('/').next());
    let host = host.ok_or_else(|| Failure::Usage(format!("--url {url}: expected http://ADDRESS:PORT")))?;
    let addresses = host.to_socket_addrs();
    let address = addresses.map_err(|error| Failure::usage(format_args!("--url {url}"), &error))?.next();
    address.ok_or_else(|| Failure::Usage(format!("--url {url}: no address")))
}

fn shown(routes: &Routes) -> String {
    let unrouted = routes.unrouted_rows();
    let between = if unrouted.is_empty() { "" } else { "\n" };
    format!("{}{between}{}", table(&routes.rows()), table(&unrouted))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_table() {
        let source = r#"{"network_id":2816,"container":"a","service":"a","kind":"auto"}"#;
        let route = |name: &str, rest: &str| {
            format!(
                r#"{{"name":"{name}","service":"s","middlewares":[],"tls":true,"priority":0,"source":{source},{rest}}}"#
            )
        };
        let answer = format!(
            r#"{{"revision":"r","http":[{}],"tcp":[],"udp":[{}],"unrouted":[{}]}}"#,
            route("a-2816", r#""rule":"Host(`a`)","entrypoints":["websecure"],"backends":["http://127.0.11.2:80"]"#),
            route(r"b\u001b[2J-2816", r#""entrypoints":["udp-53"],"backends":[]"#),
            r#"{"network_id":2816,"container":"db","service":"db","code":"RS010","reason":"no address"}"#
        );
        insta::assert_snapshot!(super::shown(&serde_json::from_str(&answer).unwrap()));
    }
}

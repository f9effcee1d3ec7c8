//! Where names lead, by this machine's resolver.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, ToSocketAddrs as _},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// How long all names together may take.
const DNS: Duration = Duration::from_secs(10);
/// So many names are resolved at a time.
const RESOLVERS: usize = 8;

/// The addresses of each name; none where the time was up.
pub(super) fn resolved(hosts: &BTreeSet<String>) -> BTreeMap<String, Option<Vec<IpAddr>>> {
    let mut found: BTreeMap<String, Option<Vec<IpAddr>>> = hosts.iter().map(|host| (host.clone(), None)).collect();
    let (sender, answers) = mpsc::channel();
    let all: Vec<String> = hosts.iter().cloned().collect();
    for part in all.chunks(all.len().div_ceil(RESOLVERS).max(1)) {
        let (part, sender) = (part.to_vec(), sender.clone());
        // The system's resolver cannot be told to hurry: a thread that hangs in it is left behind.
        thread::spawn(move || {
            for host in part {
                let addresses = (host.as_str(), 443).to_socket_addrs();
                let addresses: BTreeSet<_> = addresses.into_iter().flatten().map(|address| address.ip()).collect();
                let _ = sender.send((host, addresses.into_iter().collect()));
            }
        });
    }
    drop(sender);
    let end = Instant::now() + DNS;
    while let Ok((host, addresses)) = answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
        found.insert(host, Some(addresses));
    }
    found
}

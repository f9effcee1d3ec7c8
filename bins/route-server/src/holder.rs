use std::{fs, net::SocketAddr, path::Path};

/// Who listens on a TCP port of the machine, where that can be seen: from `/proc/net/tcp`, `tcp6` and the file
/// descriptors of the processes that this one may look into.
pub(crate) fn of_port(address: SocketAddr) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| listening(&table, address.port()))
        .collect();
    let processes = fs::read_dir("/proc").ok()?;
    let mut pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| holds(*pid, &inodes))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("process {pid} ({})", name.trim()))
}

/// The inodes of the sockets that listen on a port, from a table of the kernel's.
fn listening(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let port = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening =
        rows.filter(|row| row.get(1).is_some_and(|local| local.ends_with(&port)) && row.get(3) == Some(&LISTEN));
    listening.filter_map(|row| row.get(9).map(|inode| format!("socket:[{inode}]"))).collect()
}

fn holds(pid: u32, inodes: &[String]) -> bool {
    let is_one =
        |path: &Path| fs::read_link(path).is_ok_and(|to| inodes.iter().any(|inode| to.as_os_str() == inode.as_str()));
    fs::read_dir(format!("/proc/{pid}/fd"))
        .is_ok_and(|descriptors| descriptors.filter_map(Result::ok).any(|descriptor| is_one(&descriptor.path())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of_port(listener.local_addr().unwrap()).unwrap();
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
    }
}

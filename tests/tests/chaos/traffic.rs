//! Somebody on the internet who never stops asking.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Between two requests for one host.
const EVERY: Duration = Duration::from_millis(15);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// One thread for each host.
pub(crate) struct Traffic {
    stopped: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    threads: Vec<JoinHandle<()>>,
}

/// How often each host was answered how, since the last look.
pub(crate) type Seen = BTreeMap<String, BTreeMap<String, u32>>;

// === impl Traffic ===

impl Traffic {
    pub(crate) fn start(address: Ipv4Addr, hosts: &[String]) -> Self {
        let (stopped, seen) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let spawn = |host: &String| {
            let (host, stopped, seen) = (host.clone(), Arc::clone(&stopped), Arc::clone(&seen));
            thread::spawn(move || ask_on(SocketAddr::from((address, 80)), &host, &stopped, &seen))
        };
        let threads = hosts.iter().map(spawn).collect();
        Self { stopped, seen, threads }
    }

    /// What was seen since the last look.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that fell over has said so.
            let _ = thread.join();
        }
    }
}

fn ask_on(to: SocketAddr, host: &str, stopped: &AtomicBool, seen: &Mutex<Seen>) {
    while !stopped.load(Ordering::Relaxed) {
        let answer = ask(to, host).unwrap_or_else(|error| error.kind().to_string());
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen.entry(host.to_owned()).or_default().entry(answer).or_default() += 1;
        drop(seen);
        thread::sleep(EVERY);
    }
}

/// The status, and the page where it is somebody else's.
pub(crate) fn ask(to: SocketAddr, host: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).unwrap_or("nothing").to_owned();
    let page = answer.rsplit("\r\n").next().unwrap_or_default().trim();
    let name = host.split('.').next().unwrap_or_default();
    Ok(if status == "200" && !page.contains(name) { format!("200 with {page:?}") } else { status })
}

/// Everything but 200, of all hosts but these.
pub(crate) fn lost(seen: &Seen, but: &[&str]) -> Vec<String> {
    let others = seen.iter().filter(|(host, _)| !but.contains(&host.as_str()));
    let all = others.flat_map(|(host, answers)| answers.iter().map(move |(answer, count)| (host, answer, count)));
    all.filter(|(_, answer, _)| *answer != "200")
        .map(|(host, answer, count)| format!("{host}: {answer} ×{count}"))
        .collect()
}

/// How many requests were answered with 200.
pub(crate) fn answered(seen: &Seen) -> u32 {
    seen.values().filter_map(|answers| answers.get("200")).sum()
}

//! Prints what discovery tells: `cargo run -p docker-discovery --example follow -- '/run/rediacc/docker-*.sock'`.
//! The log goes to stderr; `RUST_LOG=debug` shows repeats too.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::{io, sync::Arc};

use docker_discovery::{Message, Settings, follow};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let globs: Vec<_> = std::env::args().skip(1).collect();
    let settings = if globs.is_empty() { Settings::default() } else { Settings { globs, ..Settings::default() } };
    let (sender, mut messages) = mpsc::channel(64);
    let shutdown = CancellationToken::new();
    let following = tokio::spawn(follow(settings, sender, Arc::new(Notify::new()), shutdown.clone()));
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            message = messages.recv() => match message {
                Some(message) => print(&message),
                None => break,
            },
        }
    }
    shutdown.cancel();
    if let Err(error) = following.await {
        println!("{error}");
    }
}

fn print(message: &Message) {
    println!("{message:?}");
}

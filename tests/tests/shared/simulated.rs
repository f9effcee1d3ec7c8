//! Where simulated daemons live, for the tests that have some beside a real Traefik.

use std::thread;

use end_to_end::Error;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// Daemons live on a thread of their own, for as long as the sender.
pub(crate) fn runtime() -> Result<(Handle, oneshot::Sender<()>), Error> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Unexpected(format!("a runtime: {error}")))?;
    let (running, end) = oneshot::channel::<()>();
    let handle = runtime.handle().clone();
    thread::spawn(move || runtime.block_on(end));
    Ok((handle, running))
}

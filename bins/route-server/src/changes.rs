use tokio::sync::watch;

/// Waits for changes of something that others write.
pub(crate) struct Changes<T>(watch::Receiver<T>);

// === impl Changes ===

impl<T> Changes<T> {
    /// Those from now on.
    pub(crate) fn of(sender: &watch::Sender<T>) -> Self {
        Self(sender.subscribe())
    }

    /// The next one; for ever when nobody writes any more. Nothing is lost when it is dropped before it is ready.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

//! Everything that runs at the same time, by name. None of it ends before the end was asked for: where one does, be it by
//! a panic, what is left would serve what is no longer true, and so the whole process ends, and is started again.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    task::{Id, JoinError, JoinSet},
    time::timeout,
};

use crate::exit::chain;

/// Tasks that run until they are told to end.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    running: JoinSet<()>,
    names: BTreeMap<Id, &'static str>,
}

// === impl Tasks ===

impl Tasks {
    /// Starts one. In a debug build it falls over instead where a test wants to see that.
    pub(crate) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.running.spawn(async move {
            #[cfg(debug_assertions)]
            tokio::select! {
                () = task => {}
                () = fall_over(name) => {}
            }
            #[cfg(not(debug_assertions))]
            task.await;
        });
        self.names.insert(handle.id(), name);
    }

    /// Waits until one ends; says which, and how.
    pub(crate) async fn next_end(&mut self) -> String {
        match self.running.join_next_with_id().await {
            Some(ended) => self.describe(ended),
            None => "nothing runs".to_owned(),
        }
    }

    /// Waits until all have ended, but no longer than this. Says which did not, or not well.
    pub(crate) async fn all_end(mut self, limit: Duration) -> Vec<String> {
        let mut faults = Vec::new();
        let all = async {
            while let Some(ended) = self.running.join_next_with_id().await {
                let is_well = ended.is_ok();
                let said = self.describe(ended);
                faults.extend((!is_well).then_some(said));
            }
        };
        if timeout(limit, all).await.is_err() {
            faults.extend(self.names.values().map(|name| format!("{name} did not end within {limit:?}")));
        }
        faults
    }

    fn describe(&mut self, ended: Result<(Id, ()), JoinError>) -> String {
        let (id, how) = match &ended {
            Ok((id, ())) => (*id, "ended".to_owned()),
            Err(error) => (error.id(), format!("fell over: {}", chain(error))),
        };
        format!("{} {how}", self.names.remove(&id).unwrap_or("a task"))
    }
}

/// `ROUTE_SERVER_FALL_OVER=<name>`: that task panics as soon as there is something to lose.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "how tests see what becomes of the process then")]
async fn fall_over(name: &str) {
    if std::env::var("ROUTE_SERVER_FALL_OVER").is_ok_and(|wanted| wanted == name) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        panic!("asked for");
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn the_first_that_ends_is_named_and_how() {
        let mut tasks = Tasks::default();
        tasks.spawn("the quiet one", pending());
        tasks.spawn("the short one", async {});
        assert_eq!(tasks.next_end().await, "the short one ended");
        tasks.spawn("the clumsy one", async { panic!("oops") });
        let said = tasks.next_end().await;
        assert!(said.starts_with("the clumsy one fell over: ") && said.contains("oops"), "{said}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let mut tasks = Tasks::default();
        tasks.spawn("the quiet one", pending());
        tasks.spawn("the short one", async {});
        tasks.spawn("the clumsy one", async { panic!("oops") });
        let faults = tasks.all_end(Duration::from_secs(5)).await;
        assert!(faults[0].starts_with("the clumsy one fell over"), "{faults:?}");
        assert_eq!(faults[1], "the quiet one did not end within 5s");
        assert_eq!(faults.len(), 2);
    }
}

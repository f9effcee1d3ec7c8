//! Tests with names of their own, one after the other, on one stage that the first of them sets.

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use end_to_end::Error;
use libtest_mimic::{Arguments, Failed, Trial};

/// What tests run on: real parts and what belongs to them. They share ports and containers, and a daemon's life is bound to
/// the thread that started it, so there is one, and one test at a time.
pub(crate) trait Stage: Sized + Send + 'static {
    /// Whether what a failed test leaves behind would fail all others, so that they fail at once.
    const IS_SPOILED_BY_FAILURE: bool = false;

    /// Sets it.
    fn set() -> Result<Self, Error>;

    /// The ends of the logs, for the report of a failure.
    fn tail(&self) -> String;
}

/// Set by the first test that runs; the reason when that failed.
type Shared<S> = Arc<Mutex<Option<Result<S, String>>>>;

/// The tests of a program.
pub(crate) struct Trials<S> {
    stage: Shared<S>,
    trials: Vec<Trial>,
}

// === impl Trials ===

impl<S: Stage> Trials<S> {
    pub(crate) fn new() -> Self {
        Self { stage: Shared::default(), trials: Vec::new() }
    }

    /// Adds a test; blanks in its name become underscores.
    pub(crate) fn add(&mut self, name: &str, test: impl FnOnce(&mut S) -> Result<(), Error> + Send + 'static) {
        let shared = Arc::clone(&self.stage);
        self.trials.push(Trial::test(name.replace(' ', "_"), move || {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let stage = shared.get_or_insert_with(|| S::set().map_err(|error| error.to_string()));
            let stage = stage.as_mut().map_err(|error| format!("the parts did not start: {error}"))?;
            let outcome = test(stage).map_err(|error| Failed::from(format!("{error}\n{}", stage.tail())));
            if outcome.is_err() && S::IS_SPOILED_BY_FAILURE {
                *shared = Some(Err("a test before this one failed".to_owned()));
            }
            outcome
        }));
    }

    /// Runs them, as the program's arguments say, on this thread. `last` looks at the stage when all have run.
    pub(crate) fn run(self, last: impl FnOnce(&S)) -> ExitCode {
        let mut arguments = Arguments::from_args();
        arguments.test_threads = Some(1);
        let conclusion = libtest_mimic::run(&arguments, self.trials);
        // Here and not at exit, which would leave everything running.
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Ok(stage)) = &stage {
            last(stage);
        }
        drop(stage);
        conclusion.exit_code()
    }
}

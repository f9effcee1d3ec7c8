//! Traefik's own packages, in a process of their own (`tests/parts/oracle`).

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// The variable that names the program.
const PROGRAM: &str = "TRAEFIK_ORACLE_BIN";

/// A running oracle: one line of JSON in, one out.
pub(crate) struct Oracle {
    process: Child,
    requests: Option<BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts it, or says that the test is skipped, and why.
    pub(crate) fn start() -> Option<Self> {
        let Ok(program) = std::env::var(PROGRAM) else {
            println!(
                "SKIPPED: {PROGRAM} is not set; `{PROGRAM}=$(scripts/parts oracle) cargo test …` builds and asks it"
            );
            return None;
        };
        let mut process = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let requests = process.stdin.take().map(BufWriter::new);
        let answers = BufReader::new(process.stdout.take().unwrap());
        Some(Self { process, requests, answers })
    }

    /// The answers to a batch, in order. The oracle answers while it is still asked, so one thread does each.
    pub(crate) fn ask(&mut self, questions: &[Value]) -> Vec<Value> {
        let (requests, answers) = (self.requests.as_mut().unwrap(), &mut self.answers);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for question in questions {
                    serde_json::to_writer(&mut *requests, question).unwrap();
                    requests.write_all(b"\n").unwrap();
                }
                requests.flush().unwrap();
            });
            let answer = |_| {
                let mut line = String::new();
                answers.read_line(&mut line).unwrap();
                serde_json::from_str(&line).unwrap()
            };
            (0..questions.len()).map(answer).collect()
        })
    }

    /// The answer to one question.
    pub(crate) fn ask_one(&mut self, question: Value) -> Value {
        self.ask(&[question]).remove(0)
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It ends when its requests do.
        self.requests = None;
        let _status = self.process.wait();
    }
}

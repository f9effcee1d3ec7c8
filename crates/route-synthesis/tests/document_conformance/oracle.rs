use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

/// Traefik's packages, in a process of their own.
pub(crate) struct Oracle {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    pub(crate) fn start(program: &str) -> Self {
        let mut process = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { requests: process.stdin.take(), answers, process }
    }

    /// What Traefik reads in a document, or why it refuses it.
    pub(crate) fn decode(&mut self, document: &str) -> Result<Value, String> {
        let request = json!({ "op": "httpdecode", "body": document });
        self.requests.as_mut().unwrap().write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        if answer.get("err").is_some() || answer.get("panic").is_some() {
            Err(line)
        } else {
            Ok(answer["config"].take())
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It ends when its requests do.
        self.requests = None;
        let _status = self.process.wait();
    }
}

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use traefik_labels::rule::{Protocol, Syntax, Tls};

use crate::Verdict;
use crate::generate::Question;

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

    pub(crate) fn ask(&mut self, question: &Question) -> Verdict {
        let op = if question.protocol == Protocol::Http { "httprule" } else { "tcprule" };
        let syntax = if question.syntax == Syntax::V2 { "v2" } else { "" };
        let tls = match question.tls {
            Tls::On => Value::Bool(true),
            Tls::Off => Value::Bool(false),
            Tls::Unknown => Value::Null,
        };
        let request = json!({ "op": op, "rule": question.rule, "syntax": syntax, "tls": tls });
        let requests = self.requests.as_mut().unwrap();
        requests.write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        if answer.get("err").is_some() {
            return Verdict::Refused;
        }
        assert!(answer.get("panic").is_none(), "{question:?}: {answer}");
        let priority = answer["prio"].as_i64().unwrap_or_default();
        let hosts = serde_json::from_value(answer["domains"].clone()).unwrap_or_default();
        Verdict::Accepted { priority, hosts }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It ends when its requests do.
        self.requests = None;
        let _status = self.process.wait();
    }
}

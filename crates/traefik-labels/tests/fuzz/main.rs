//! The harness of `fuzz/` on stable Rust: its corpus, and mutations of it for a moment. `SEED` repeats a run,
//! `FUZZ_RUNS` says how many instead.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test asks the clock and the environment, and reads the corpus"
)]
#![expect(clippy::print_stdout, reason = "it says how to repeat what it did")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

#[path = "../../../../fuzz/harness.rs"]
mod harness;
#[path = "../../../traefik-model/tests/support/random.rs"]
mod random;

use std::time::{Duration, Instant};

use random::{Random, seed};

/// How long each target is run when nothing else is asked for.
const MOMENT: Duration = Duration::from_millis(800);

/// What mutations put in: what means something to either reader.
const PIECES: &[&str] = &[
    ".",
    "[",
    "]",
    "=",
    "\n",
    ",",
    "`",
    "\"",
    "(",
    ")",
    "&&",
    "||",
    "!",
    "║",
    "ſ",
    "\u{0}",
    "\\",
    "{",
    "}",
    "*",
    "traefik.http.",
    "Host(`",
    "tls",
    ":",
    "[0]",
    "9",
    "-",
    "true",
    "HostSNI(`*`)",
    "é",
    " ",
    "^",
    "$",
    "@",
];

fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = random.pick(corpus).clone();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len() + 1);
        let end = (at + random.below(12)).min(data.len());
        match random.below(5) {
            0 => drop(data.drain(at..end)),
            1 => drop(data.splice(at..at, random.pick(PIECES).bytes())),
            2 => drop(data.splice(at..end, random.pick(PIECES).bytes())),
            3 => {
                let piece = data[at..end].to_vec();
                let to = random.below(data.len() + 1);
                drop(data.splice(to..to, piece));
            }
            _ => {
                let other = random.pick(corpus);
                let from = random.below(other.len() + 1);
                data.truncate(at);
                data.extend(&other[from..]);
            }
        }
    }
    data
}

fn run(target: &str, harness: fn(&[u8])) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/").to_owned() + target;
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    corpus.iter().for_each(|data| harness(data));
    let wanted = std::env::var("FUZZ_RUNS").ok().map(|text| text.parse().unwrap());
    let seed = seed();
    println!("{target}: SEED={seed} repeats this run");
    let (mut random, started, mut runs) = (Random::new(seed), Instant::now(), 0_u64);
    while wanted.map_or(started.elapsed() < MOMENT, |wanted| runs < wanted) {
        harness(&mutated(&corpus, &mut random));
        runs += 1;
    }
    println!("{target}: {runs} mutations of {} files", corpus.len());
}

#[test]
fn labels() {
    run("labels", harness::labels);
}

#[test]
fn rule() {
    run("rule", harness::rule);
}

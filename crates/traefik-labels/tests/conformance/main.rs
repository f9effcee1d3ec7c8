//! Our decoder against Traefik's own packages (`tests/parts/oracle`), over generated label sets, and both against
//! the document that we make of them: labels → our document → Traefik's HTTP provider must be what Traefik makes of
//! the labels.
//!
//! Runs when `TRAEFIK_ORACLE_BIN` names the oracle. `SEED` repeats a run, `SETS` says how many sets.
//!
//! Left different on purpose: what is beyond `MAX_KEY_BYTES`, `MAX_SEGMENTS` and the like is refused here; and what
//! `check_document` finds cannot be said in a document.

#![expect(clippy::disallowed_methods, reason = "a test asks the environment and runs a program")]
#![expect(clippy::print_stdout, reason = "it says what it did, or why it did nothing")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod generate;
mod mutate;
#[path = "../../../traefik-model/tests/support/oracle.rs"]
mod oracle;
#[path = "../../../traefik-model/tests/support/random.rs"]
mod random;
mod verdict;

use std::collections::BTreeMap;

use generate::{Kind, Labels};
use oracle::Oracle;
use random::Random;
use verdict::Ours;

const SETS: usize = 24_000;
const WORKERS: usize = 2;
const BATCH: usize = 200;
/// So many failures are shrunk and shown.
const SHOWN: usize = 8;

#[derive(Debug, Default)]
struct Tally {
    sets: BTreeMap<Kind, usize>,
    read: usize,
    refused: usize,
    bounded: usize,
    documents: usize,
    unsayable: usize,
    failures: Vec<String>,
}

// === impl Tally ===

impl Tally {
    fn add(&mut self, other: Self) {
        for (kind, count) in other.sets {
            *self.sets.entry(kind).or_default() += count;
        }
        self.read += other.read;
        self.refused += other.refused;
        self.bounded += other.bounded;
        self.documents += other.documents;
        self.unsayable += other.unsayable;
        self.failures.extend(other.failures);
    }

    fn batch(&mut self, sets: &[Labels], oracle: &mut Oracle) {
        let questions: Vec<_> = sets.iter().map(verdict::question).collect();
        let mut read = Vec::new();
        for (labels, theirs) in sets.iter().zip(oracle.ask(&questions)) {
            let ours = verdict::ours(labels);
            if verdict::difference(&ours, &theirs).is_some() {
                self.fail(labels, oracle);
                continue;
            }
            match ours {
                Ours::Configuration(configuration) => read.push((labels, configuration)),
                Ours::Refused => self.refused += 1,
                Ours::Bounded => self.bounded += 1,
            }
        }
        self.read += read.len();
        let questions: Vec<_> =
            read.iter().map(|(_, configuration)| verdict::document_question(configuration)).collect();
        for ((labels, configuration), theirs) in read.iter().zip(oracle.ask(&questions)) {
            self.documents += 1;
            self.unsayable += usize::from(!traefik_model::check_document(configuration).is_empty());
            if verdict::document_difference(configuration, &theirs).is_some() {
                self.fail(labels, oracle);
            }
        }
    }

    fn fail(&mut self, labels: &Labels, oracle: &mut Oracle) {
        if self.failures.len() < SHOWN {
            let small = verdict::shrink(labels.clone(), oracle);
            let how = verdict::failure(&small, oracle).unwrap_or_else(|| "differs no longer".to_owned());
            self.failures.push(format!("{small:?}\n  {how}"));
        }
    }
}

fn work(seed: u64, sets: usize, mut oracle: Oracle) -> Tally {
    let mut random = Random::new(seed);
    let mut tally = Tally::default();
    for _ in 0..sets.div_ceil(BATCH) {
        let batch = (0..BATCH).map(|_| {
            let (kind, labels) = generate::labels(&mut random);
            *tally.sets.entry(kind).or_default() += 1;
            labels
        });
        let batch: Vec<_> = batch.collect();
        tally.batch(&batch, &mut oracle);
    }
    tally
}

#[test]
fn generated_labels() {
    let oracles: Vec<_> = (0..WORKERS).map_while(|_| Oracle::start()).collect();
    if oracles.is_empty() {
        return;
    }
    let seed = random::seed();
    let sets = std::env::var("SETS").ok().map_or(SETS, |text| text.parse().unwrap());
    println!("SEED={seed} repeats this run");
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..)
            .zip(oracles)
            .map(|(at, oracle)| scope.spawn(move || work(seed ^ (at << 40), sets / WORKERS, oracle)))
            .collect();
        for worker in workers {
            tally.add(worker.join().unwrap());
        }
    });
    let Tally { sets, read, refused, bounded, documents, unsayable, failures } = tally;
    let total: usize = sets.values().sum();
    println!(
        "{total} label sets {sets:?}: {read} read alike, {refused} refused by both, {bounded} beyond our bounds; \
         {documents} of them through our document, {unsayable} of which no document can say; {} failures",
        failures.len()
    );
    assert!(failures.is_empty(), "SEED={seed}\n{}", failures.join("\n"));
    assert!(bounded * 50 < total && read * 4 > total && refused * 10 > total, "the generator is out of balance");
}

#[test]
fn documented_labels() {
    let Some(mut oracle) = Oracle::start() else { return };
    let documented = include_str!("../../../../fixtures/traefik-cases/documented-labels.txt");
    let labels: Vec<(String, String)> =
        documented.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    assert_eq!(labels.len(), 282);
    let mut sets: Vec<Labels> = labels.iter().cloned().map(|label| Labels::from([label])).collect();
    sets.push(labels.into_iter().collect());
    let mut tally = Tally::default();
    tally.batch(&sets, &mut oracle);
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    println!(
        "282 documented labels, one by one and together: {} read alike, {} refused by both",
        tally.read, tally.refused
    );
    assert!(tally.read > 280);
}

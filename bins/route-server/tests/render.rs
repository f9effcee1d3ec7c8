//! Walks `fixtures/render`: each folder has the containers of a fleet, perhaps flags, and what `route-server render`
//! is to make of them. `UPDATE=1 cargo test -p route-server --test render` writes what it makes now.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[test]
fn fixtures() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/render");
    let mut cases: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let wrong: Vec<_> = cases.iter().filter(|case| !holds(case)).map(|case| case.display().to_string()).collect();
    assert!(wrong.is_empty(), "differ: {wrong:#?}");
    assert!(cases.len() >= 20, "only {} cases", cases.len());
}

fn holds(case: &Path) -> bool {
    let flags = fs::read_to_string(case.join("flags")).unwrap_or_default();
    let output = Command::new(env!("CARGO_BIN_EXE_route-server"))
        .arg("render")
        .arg("--input")
        .arg(case.join("fleet.json"))
        .args(flags.split_whitespace())
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", case.display(), String::from_utf8_lossy(&output.stderr));
    let document = is(&case.join("document.yaml"), &String::from_utf8(output.stdout).unwrap());
    let findings = is(&case.join("findings.txt"), &String::from_utf8(output.stderr).unwrap());
    document && findings
}

fn is(path: &Path, text: &str) -> bool {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, text).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected != text {
        eprintln!("--- {}\nexpected:\n{expected}\ngot:\n{text}", path.display());
    }
    expected == text
}

//! Every code of a finding is explained in `docs/FINDINGS.md`, and nothing else is.

use std::collections::BTreeSet;

use route_synthesis::FindingCode;

#[test]
fn every_code_is_documented() {
    let document = include_str!("../../../docs/FINDINGS.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    let documented: BTreeSet<_> = rows.filter(|cell| cell.starts_with("RS")).collect();
    let known: BTreeSet<_> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(documented, known);
}

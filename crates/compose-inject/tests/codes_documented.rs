//! Whoever looks a code up finds it.

use compose_inject::ProblemCode;

#[test]
fn every_code_is_documented_once() {
    let text = include_str!("../../../docs/COMPOSE-PROBLEMS.md");
    for code in ProblemCode::ALL {
        let code = serde_json::to_value(code).unwrap();
        let row = format!("| {} | ", code.as_str().unwrap());
        assert_eq!(text.matches(&row).count(), 1, "{row}");
    }
    assert_eq!(text.matches("| RC0").count(), ProblemCode::ALL.len());
}

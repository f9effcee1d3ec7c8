use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use crate::Failure;

/// The most bytes of an answer.
const MAX_ANSWER: u64 = 100;

/// Whether somebody sits at a terminal who can be asked.
#[must_use]
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks whoever sits at the terminal; only `y` and `yes` agree.
///
/// # Errors
/// [`Failure::Refused`] when it is not agreed to; when the terminal is gone.
pub fn ask(question: &str) -> Result<(), Failure> {
    write!(io::stderr(), "{question} [y/N] ").map_err(|error| Failure::output(&error))?;
    let mut answer = String::new();
    let read = io::stdin().lock().take(MAX_ANSWER).read_line(&mut answer);
    read.map_err(|error| Failure::runtime("cannot read the answer", &error))?;
    if agrees(&answer) { Ok(()) } else { Err(Failure::Refused("nothing was changed".to_owned())) }
}

/// The same for what is not done without a yes: where nobody is there, `--yes` has to say it.
///
/// # Errors
/// As those of [`ask`], and [`Failure::Usage`] where nobody can be asked.
pub fn must_agree(question: &str) -> Result<(), Failure> {
    if can_ask() {
        return ask(question);
    }
    Err(Failure::Usage(format!("{question} Nobody is there to be asked; --yes says it")))
}

fn agrees(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_clear_yes_agrees() {
        assert!(super::agrees("y\n") && super::agrees(" YES\r\n"));
        assert!(!super::agrees("") && !super::agrees("yes please") && !super::agrees("n\n"));
    }
}

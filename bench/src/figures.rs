use std::{fmt, io::Write as _};

use end_to_end::Error;
use serde::Serialize;

use crate::parts::io;

/// What the numbers of a figure count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Time on the clock.
    Seconds,
    /// Time on the clock, of one call.
    Microseconds,
    /// Time on a processor.
    CpuSeconds,
    /// Share of one processor.
    CpuPercent,
    /// Memory.
    MiB,
    /// Requests to a Docker daemon.
    Calls,
}

/// Measurements of one thing on one side.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Side {
    name: String,
    samples: Vec<f64>,
}

/// One thing that was measured: on our side, and on those that it is compared with.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    about: String,
    what: String,
    unit: Unit,
    /// The median shall be below this.
    target: Option<f64>,
    sides: Vec<Side>,
}

/// Prints figures as they come.
#[derive(Debug)]
pub(crate) struct Report {
    form: Form,
    about: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// One line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    about: &'a str,
    what: &'a str,
    unit: Unit,
    target: Option<f64>,
    side: &'a str,
    median: f64,
    min: f64,
    max: f64,
    /// The median beside that of our side.
    ratio: f64,
    samples: &'a [f64],
}

// === impl Side ===

impl Side {
    pub(crate) fn new(name: &str, samples: impl IntoIterator<Item = f64>) -> Self {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        Self { name: name.to_owned(), samples }
    }

    fn at(&self, index: usize) -> f64 {
        self.samples.get(index).copied().unwrap_or(f64::NAN)
    }

    fn median(&self) -> f64 {
        let count = self.samples.len();
        (self.at(count.saturating_sub(1) / 2) + self.at(count / 2)) / 2.0
    }

    fn min(&self) -> f64 {
        self.at(0)
    }

    fn max(&self) -> f64 {
        self.at(self.samples.len().saturating_sub(1))
    }
}

// === impl Figure ===

impl Figure {
    pub(crate) fn new(what: &str, unit: Unit, ours: Side) -> Self {
        Self { about: String::new(), what: what.to_owned(), unit, target: None, sides: vec![ours] }
    }

    /// With what it is compared.
    pub(crate) fn beside(mut self, side: Side) -> Self {
        self.sides.push(side);
        self
    }

    pub(crate) fn target(mut self, below: f64) -> Self {
        self.target = Some(below);
        self
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let ours = self.sides.first().map_or(f64::NAN, Side::median);
        self.sides.iter().enumerate().map(move |(index, side)| Line {
            about: &self.about,
            what: &self.what,
            unit: self.unit,
            target: self.target.filter(|_| index == 0),
            side: &side.name,
            median: side.median(),
            min: side.min(),
            max: side.max(),
            ratio: side.median() / ours,
            samples: &side.samples,
        })
    }
}

// === impl Report ===

impl Report {
    pub(crate) fn text() -> Self {
        Self { form: Form::Text, about: String::new() }
    }

    pub(crate) fn json() -> Self {
        Self { form: Form::Json, about: String::new() }
    }

    /// Begins a group of figures.
    pub(crate) fn about(&mut self, about: &str) -> Result<(), Error> {
        about.clone_into(&mut self.about);
        match self.form {
            Form::Text => print(&format!("\n{about}\n")),
            Form::Json => Ok(()),
        }
    }

    pub(crate) fn add(&self, mut figure: Figure) -> Result<(), Error> {
        figure.about.clone_from(&self.about);
        if self.form == Form::Text {
            print(&format!("  {}\n", figure.what))?;
        }
        for line in figure.lines() {
            match self.form {
                Form::Text => print(&format!("{line}\n"))?,
                Form::Json => {
                    let text = serde_json::to_string(&line).map_err(|error| Error::Unexpected(error.to_string()))?;
                    print(&format!("{text}\n"))?;
                }
            }
        }
        Ok(())
    }
}

fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(io("print"))
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, digits) = match self.unit {
            Unit::Seconds => ("s", 3),
            Unit::Microseconds => ("µs", 2),
            Unit::CpuSeconds => ("CPU-s", 4),
            Unit::CpuPercent => ("% CPU", 3),
            Unit::MiB => ("MiB", 1),
            Unit::Calls => ("calls", 1),
        };
        let Self { side, median, min, max, .. } = self;
        let count = self.samples.len();
        write!(f, "    {side:<34} {median:>9.digits$} {unit:<6}")?;
        if count > 1 {
            write!(f, " ({min:.digits$} … {max:.digits$}, {count} samples)")?;
        }
        match self.target {
            Some(target) if self.median < target => write!(f, "  target < {target}: met"),
            Some(target) => write!(f, "  target < {target}: MISSED"),
            None if self.ratio.is_finite() && (self.ratio - 1.0).abs() > 1e-9 => write!(f, "  x{:.1}", self.ratio),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios() {
        let figure = Figure::new("x", Unit::Seconds, Side::new("ours", [3.0, 1.0, 2.0]))
            .target(2.5)
            .beside(Side::new("theirs", [5.0, 3.0]));
        let lines: Vec<_> = figure.lines().map(|line| line.to_string()).collect();
        assert!(lines[0].ends_with("2.000 s      (1.000 … 3.000, 3 samples)  target < 2.5: met"), "{}", lines[0]);
        assert!(lines[1].ends_with("4.000 s      (3.000 … 5.000, 2 samples)  x2.0"), "{}", lines[1]);
    }
}

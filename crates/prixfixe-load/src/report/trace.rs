//! What a chart draws side by side: whole runs, or the parts of one.

use crate::report::Run;
use crate::result::{Measurement, ResultFile};

/// Something that was measured, with the name and colour it has all over the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trace<'a> {
    /// What it is called.
    pub(super) name: &'a str,
    /// The class of its colour.
    pub(super) colour: &'static str,
    /// What was measured.
    pub(super) measured: &'a Measurement,
}

/// The most traces of a chart: there is a colour for each.
pub(super) const MOST_TRACES: usize = COLOURS.len();

/// The classes of colours that people with any kind of colour vision can tell apart. The later ones
/// are dashed too; the style sheet says what they look like.
const COLOURS: [&str; 8] = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];

impl<'a> Trace<'a> {
    /// The runs of a page.
    pub(super) fn of_runs(runs: &'a [Run<'a>]) -> Vec<Self> {
        runs.iter()
            .zip(COLOURS)
            .map(|(run, colour)| Self {
                name: run.name,
                colour,
                measured: &run.result.whole,
            })
            .collect()
    }

    /// The first parts of a scenario.
    pub(super) fn of_parts(result: &'a ResultFile) -> Vec<Self> {
        result
            .parts
            .iter()
            .zip(COLOURS)
            .map(|(part, colour)| Self {
                name: &part.name,
                colour,
                measured: &part.measured,
            })
            .collect()
    }
}

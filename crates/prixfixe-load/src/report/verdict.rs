//! Whether a run went well, and whether its figures may be believed.

use maud::{Markup, html};

use super::number;
use crate::result::{DiskProbe, Measurement, ResultFile, Verification};

/// What is to be said of a run before its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether the scenario was content.
    pub(super) passed: bool,
    /// Whether the figures are those of the server.
    pub(super) valid: bool,
    /// What went wrong.
    faults: Vec<String>,
    /// Why the figures are not to be believed.
    doubts: Vec<String>,
}

impl Verdict {
    /// Of a run with all its parts.
    pub(super) fn of(result: &ResultFile) -> Self {
        let mut faults = result.faults.clone();
        let kept = |measured: &Measurement| {
            measured
                .verification
                .as_ref()
                .is_none_or(Verification::holds)
        };
        if !(kept(&result.whole) && result.parts.iter().all(|part| kept(&part.measured))) {
            faults.push("What arrived is not what was acknowledged: see Verification.".to_owned());
        }
        let mut doubts = result.whole.invalid_because.clone();
        for part in result.parts.iter().filter(|part| !part.measured.valid) {
            if part.measured.invalid_because.is_empty() {
                doubts.push(format!("{}: no reason was given", part.name));
            }
            for why in &part.measured.invalid_because {
                let told = format!("{}: {why}", part.name);
                if !doubts.contains(why) && !doubts.contains(&told) {
                    doubts.push(told);
                }
            }
        }
        let valid = result.whole.valid && result.parts.iter().all(|part| part.measured.valid);
        if let Some(probe) = result.disk_probe.filter(|probe| probe.void) {
            doubts.push(format!(
                "The disk was too slow to judge a latency by: a bare write and sync took {} at p99.9, and {} is the most.",
                number::milliseconds(probe.sync_ms.p99_9),
                number::milliseconds(DiskProbe::MOST_P99_9_MS),
            ));
        }
        Self {
            passed: result.passed,
            valid,
            faults,
            doubts,
        }
    }

    /// In two words.
    pub(super) fn badges(&self) -> Markup {
        html! {
            @if self.passed { span class="badge good" { "✓ passed" } }
            @else { span class="badge failed" { "✗ failed" } }
            " "
            @if self.valid { span class="badge good" { "✓ valid" } }
            @else { span class="badge doubt" { "! not valid" } }
        }
    }

    /// In boxes that cannot be overlooked; nothing where all is well.
    pub(super) fn boxes(&self, name: Option<&str>) -> Markup {
        html! {
            @if !self.passed || !self.faults.is_empty() {
                section class="box failed" role="alert" {
                    h2 { (heading(name, "Failed")) }
                    (lines(&self.faults))
                }
            }
            @if !self.valid || !self.doubts.is_empty() {
                section class="box doubt" role="alert" {
                    h2 {
                        @if self.valid { (heading(name, "Read with care")) }
                        @else { (heading(name, "Not valid: these are not the figures of the server")) }
                    }
                    (lines(&self.doubts))
                }
            }
        }
    }
}

fn heading(name: Option<&str>, text: &str) -> String {
    match name {
        Some(name) => format!("{name}: {text}"),
        None => text.to_owned(),
    }
}

fn lines(lines: &[String]) -> Markup {
    html! {
        @if lines.is_empty() { p { "No reason was given." } }
        @else { ul { @for line in lines { li { (line) } } } }
    }
}

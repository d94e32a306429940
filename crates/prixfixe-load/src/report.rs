//! A report: result files as one page that a browser shows without asking anybody for anything.
//!
//! Everything is in the page: style, script and drawings. Its own policy forbids it to load more.
//! All text of a file is escaped, since the replies of a hostile server are among it.

mod chart;
mod course;
mod curve;
mod failures;
mod figures;
mod number;
mod origin;
mod over_time;
mod parts;
mod scale;
mod setup;
mod stages;
mod trace;
mod verdict;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::over_time::OverTime;
use self::trace::{MOST_TRACES, Trace};
use self::verdict::Verdict;
use crate::result::ResultFile;

/// A result with the name it has in the report.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What it is called; names that differ tell runs apart.
    pub name: &'a str,
    /// Its figures.
    pub result: &'a ResultFile,
}

/// The most runs of a report: more colours nobody can tell apart.
pub const MOST_RUNS: usize = MOST_TRACES;

/// What stands in the head of every report, by which it is known again.
pub const MARK: &str = "prixfixe results report";

/// Runs that make no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// There is nothing to show.
    #[error("a report needs a result")]
    Empty,
    /// There are more than can be told apart.
    #[error("a report shows {MOST_RUNS} results at most, not {0}")]
    TooMany(usize),
}

/// The page that shows these runs, HTML in UTF-8.
pub fn page(runs: &[Run<'_>]) -> Result<String, ReportError> {
    match runs.len() {
        0 => Err(ReportError::Empty),
        1..=MOST_RUNS => Ok(whole(runs).into_string()),
        more => Err(ReportError::TooMany(more)),
    }
}

/// Nothing is loaded, from nowhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data:; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("report/style.css");
const SCRIPT: &str = include_str!("report/script.js");

fn whole(runs: &[Run<'_>]) -> Markup {
    let title = title(runs);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="generator" content=(MARK);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    button id="theme" type="button" hidden { "light / dark" }
                    @match runs {
                        [run] => { (one(run)) }
                        several => { (side_by_side(several, &title)) }
                    }
                    (rest(runs))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn title(runs: &[Run<'_>]) -> String {
    let mut scenarios: Vec<&str> = runs.iter().map(|run| &run.result.scenario[..]).collect();
    scenarios.dedup();
    match runs.len() {
        1 => scenarios.join(", "),
        count => format!("{}: {count} runs side by side", scenarios.join(", ")),
    }
}

/// The head of a report on one run, and its key figures.
fn one(run: &Run<'_>) -> Markup {
    let verdict = Verdict::of(run.result);
    html! {
        header {
            h1 { (run.result.scenario) " " (verdict.badges()) }
            dl class="facts" { (facts(run.result)) }
        }
        (verdict.boxes(None))
        (figures::tiles(&run.result.whole))
    }
}

fn facts(result: &ResultFile) -> Markup {
    html! {
        div { dt { "begun" } dd { time datetime=(result.started_at) { (moment(&result.started_at)) } } }
        @for (name, value) in setup::facts(result) { div { dt { (name) } dd { (value) } } }
    }
}

/// A time without what nobody reads, if it is one.
fn moment(rfc3339: &str) -> String {
    match rfc3339.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => rfc3339.to_owned(),
    }
}

/// The head of a report on several runs, and their key figures.
fn side_by_side(runs: &[Run<'_>], title: &str) -> Markup {
    let traces = Trace::of_runs(runs);
    html! {
        header { h1 { (title) } }
        section class="runs" aria-label="Runs" {
            @for (run, trace) in runs.iter().zip(&traces) {
                article class=(trace.colour) {
                    h2 { (figures::swatch()) (run.name) }
                    p { strong { (run.result.scenario) } " " (Verdict::of(run.result).badges()) }
                    dl class="facts" { (facts(run.result)) }
                }
            }
        }
        @for run in runs { (Verdict::of(run.result).boxes(Some(run.name))) }
        section { h2 { "Key figures" } (figures::side_by_side(&traces)) }
    }
}

/// Everything below the key figures, for one run as for several.
fn rest(runs: &[Run<'_>]) -> Markup {
    let traces = Trace::of_runs(runs);
    let over_time = OverTime::new(&traces);
    html! {
        section { h2 { "Over time" } div class="pair" { (over_time.throughput()) (over_time.latency()) } }
        section {
            h2 { "Latency" }
            p class="quiet" { "From the intended start of a message to its acknowledgement." }
            (curve::draw(&traces))
            h3 { "Steps of a delivery" }
            (stages::draw(&traces))
        }
        (each(runs, "Parts", |run| !run.result.parts.is_empty(), |run| parts::draw(run.result)))
        (each(runs, "Of this scenario", |run| !run.result.tables.is_empty(), |run| html! {
            @for table in &run.result.tables { (parts::own_table(table)) }
        }))
        (each(runs, "Failures", |_| true, |run| failures::errors(&run.result.whole)))
        (each(runs, "Verification", |run| run.result.whole.verification.is_some(), |run| html! {
            @if let Some(found) = &run.result.whole.verification { (failures::verification(found)) }
        }))
        @if over_time.sees_servers() || !runs.iter().any(|run| parts::sees_servers_of_parts(run.result)) {
            section { h2 { "Servers" } (over_time.resources()) }
        }
        section { h2 { "Generator" } (origin::generator(&traces)) }
        (each(runs, "Disk", |run| run.result.disk_probe.is_some(), |run| html! {
            @if let Some(probe) = &run.result.disk_probe { (origin::disk(probe)) }
        }))
        section {
            h2 { "Where this comes from" }
            @for run in runs { (origin::details(run, runs.len() == 1)) }
        }
    }
}

/// A section with a part for each run that has one; none if no run has.
fn each(
    runs: &[Run<'_>],
    title: &str,
    has: fn(&Run<'_>) -> bool,
    draw: fn(&Run<'_>) -> Markup,
) -> Markup {
    let having = || {
        Trace::of_runs(runs)
            .into_iter()
            .zip(runs)
            .filter(|(_, run)| has(run))
    };
    html! {
        @if having().next().is_some() {
            section {
                h2 { (title) }
                @for (trace, run) in having() {
                    @if runs.len() > 1 { h3 class=(trace.colour) { (figures::swatch()) (trace.name) } }
                    (draw(run))
                }
            }
        }
    }
}

//! What failed, and what arrived otherwise than it was acknowledged.

use maud::{Markup, html};

use super::number;
use super::stages::words;
use crate::result::{Findings, Measurement, Verification};

/// The failures of a run by class and step.
pub(super) fn errors(measured: &Measurement) -> Markup {
    let errors = &measured.errors;
    html! {
        @if !measured.outcomes.is_empty() {
            (outcomes(measured))
        } @else if errors.is_empty() {
            @if measured.failed == 0 { p class="empty good" { "✓ No message failed." } }
            @else { p class="empty" { (number::count(measured.failed)) " failed, and the file does not say how." } }
        } @else {
            div class="scroll" tabindex="0" role="region" aria-label="Failures by class" {
                table class="errors" {
                    thead { tr {
                        th scope="col" { "class" } th scope="col" { "step" }
                        th scope="col" { "count" } th scope="col" { "of all failures" } th scope="col" class="text" { "first of them" }
                    } }
                    tbody {
                        @for error in errors.iter().take(MOST_CLASSES) {
                            tr {
                                th scope="row" { (error.kind) }
                                td class="text" { (words(error.stage)) }
                                td { (number::count(error.count)) }
                                td { (share(error.count, measured.failed)) }
                                td class="text" { code { (error.example) } }
                            }
                        }
                    }
                }
            }
            (left_out(errors.len(), MOST_CLASSES))
        }
    }
}

/// How calls ended, where these were counted.
fn outcomes(measured: &Measurement) -> Markup {
    let outcomes = &measured.outcomes;
    let all = measured.failed.saturating_add(measured.accepted);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Calls by outcome" {
            table class="errors" {
                thead { tr {
                    th scope="col" { "outcome" } th scope="col" class="text" { "because" }
                    th scope="col" { "calls" } th scope="col" { "of all" } th scope="col" { "executions" }
                } }
                tbody {
                    @for ending in outcomes.iter().take(MOST_CLASSES) {
                        tr {
                            th scope="row" { (ending.outcome) }
                            td class="text" { (ending.reason) }
                            td { (number::count(ending.count)) }
                            td { (share(ending.count, all)) }
                            td { (number::count(ending.executed)) }
                        }
                    }
                }
            }
        }
        (left_out(outcomes.len(), MOST_CLASSES))
    }
}

/// The most classes of failures that are listed: there are about ten kinds at ten steps.
const MOST_CLASSES: usize = 100;

fn share(count: u64, of: u64) -> String {
    number::share(count as f64 / of as f64)
}

/// How many rows are in the file alone.
pub(super) fn left_out(rows: usize, most: usize) -> Markup {
    html! {
        @if rows > most { p class="note" { (number::count((rows - most) as u64)) " more are in the file." } }
    }
}

/// What arrived, compared with what was acknowledged.
pub(super) fn verification(found: &Verification) -> Markup {
    let findings = [
        ("lost", "acknowledged and not found", &found.lost),
        (
            "duplicated",
            "found more often than allowed",
            &found.duplicated,
        ),
        (
            "altered",
            "found with other octets than were sent",
            &found.altered,
        ),
        (
            "misdelivered",
            "stored for others than they were acknowledged for, or not for all of these",
            &found.misdelivered,
        ),
        (
            "refused but stored",
            "found though refused or never ended",
            &found.refused_but_stored,
        ),
        (
            "foreign",
            "found where nothing but the run's own messages may be",
            &found.foreign,
        ),
    ];
    html! {
        p {
            (number::count(found.acknowledged)) " acknowledged, "
            (number::count(found.stored)) " found in " code { (found.source) } "."
            @for (count, meaning) in [
                (found.recipients_unknown(), "do not say for whom they were stored, so their recipients were not compared"),
                (found.unanswered_but_stored, "were never answered, since the reply was lost: nobody's fault"),
                (found.unlabelled, "messages beside them have no label of a run"),
                (found.of_other_runs, "are of other runs"),
            ] {
                @if count > 0 { " " (number::count(count)) " " (meaning) "." }
            }
        }
        ul class="findings" {
            @for (name, meaning, findings) in findings {
                li class=(if findings.count == 0 { "good" } else { "failed" }) {
                    (if findings.count == 0 { "✓ " } else { "✗ " })
                    strong { (number::count(findings.count)) " " (name) }
                    span class="quiet" { " – " (meaning) }
                    (named(findings))
                }
            }
        }
    }
}

fn named(findings: &Findings) -> Markup {
    html! {
        @if !findings.named.is_empty() {
            details open[findings.named.len() <= MOST_OPEN] {
                summary { "Messages" }
                ul { @for message in findings.named.iter().take(Findings::MOST_NAMED) { li { code { (message) } } } }
            }
        }
    }
}

/// So many messages are shown without being asked for.
const MOST_OPEN: usize = 10;

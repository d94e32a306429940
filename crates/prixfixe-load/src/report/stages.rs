//! Where the time goes: the steps of a delivery as bars.

use maud::{Markup, html};

use super::figures::{bar, swatch, told};
use super::number;
use super::trace::Trace;
use crate::stage::Stage;

/// The steps of these runs, each with its p50 and p99 as bars on one axis.
pub(super) fn draw(traces: &[Trace<'_>]) -> Markup {
    let stages: Vec<Stage> = Stage::ALL
        .into_iter()
        .filter(|stage| {
            let known = |trace: &Trace<'_>| {
                let stage = trace.measured.stages_ms.get(stage);
                stage.is_some_and(|percentiles| percentiles.count > 0)
            };
            traces.iter().any(known)
        })
        .collect();
    let all = traces
        .iter()
        .flat_map(|trace| trace.measured.stages_ms.values());
    let most = all
        .filter_map(|percentiles| told(percentiles, percentiles.p99))
        .fold(0.0, f64::max);
    html! {
        @if stages.is_empty() {
            p class="empty" { "No step of a delivery was timed." }
        } @else {
            div class="scroll" tabindex="0" role="region" aria-label="Steps of a delivery" {
                table class="stages" {
                    caption class="quiet" { "Bars: p50 in full colour, p99 pale, all on one axis." }
                    thead { tr {
                        th scope="col" { "step" }
                        @if traces.len() > 1 { th scope="col" class="text" { "run" } }
                        th scope="col" class="wide" { "p50 and p99" }
                        th scope="col" { "p50" } th scope="col" { "p99" }
                        th scope="col" { "longest" } th scope="col" { "count" }
                    } }
                    @for stage in stages { tbody { (rows(stage, traces, most)) } }
                }
            }
        }
    }
}

fn rows(stage: Stage, traces: &[Trace<'_>], most: f64) -> Markup {
    let timed = traces.iter().filter_map(|trace| {
        let percentiles = trace.measured.stages_ms.get(&stage)?;
        (percentiles.count > 0).then_some((trace, percentiles))
    });
    let timed: Vec<_> = timed.collect();
    html! {
        @for (place, (trace, it)) in timed.iter().enumerate() {
            tr class=(trace.colour) {
                @if place == 0 { th scope="rowgroup" rowspan=(timed.len()) { (words(stage)) } }
                @if traces.len() > 1 { td class="text" { (swatch()) (trace.name) } }
                td class="wide" {
                    div class="both" title=(format!("p50 {}, p99 {}", number::milliseconds(it.p50), number::milliseconds(it.p99))) {
                        (bar(it.p99, most)) (bar(it.p50, most))
                    }
                }
                @for value in [it.p50, it.p99, it.max] { td { (number::milliseconds(value)) } }
                td { (number::count(it.count)) }
            }
        }
    }
}

/// A step in words.
pub(super) fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Connect => "connect",
        Stage::Banner => "greeting",
        Stage::Tls => "TLS handshake",
        Stage::Ehlo => "EHLO",
        Stage::Auth => "AUTH",
        Stage::Mail => "MAIL",
        Stage::Rcpt => "RCPT",
        Stage::DataStart => "DATA to 354",
        Stage::DataEnd => "body to reply",
        Stage::Total => "whole delivery",
    }
}

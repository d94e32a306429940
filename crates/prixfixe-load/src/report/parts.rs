//! The parts of a scenario, and the tables that belong to it alone.

use maud::{Markup, html};

use super::curve;
use super::failures::left_out;
use super::figures::{bar, swatch, told};
use super::number;
use super::over_time::OverTime;
use super::trace::{MOST_TRACES, Trace};
use crate::result::{Part, ResultFile, Table};

/// The parts of a scenario side by side; nothing where it has none.
pub(super) fn draw(result: &ResultFile) -> Markup {
    let traces = Trace::of_parts(result);
    let over_time = OverTime::new(&traces);
    html! {
        @if !result.parts.is_empty() {
            (table(&result.parts))
            @if traces.len() > 1 && traces.iter().any(|trace| trace.measured.latency_ms.count > 0) {
                (curve::draw(&traces))
            }
            @if !over_time.is_empty() {
                div class="pair" { (over_time.throughput()) (over_time.latency()) }
            }
            @if over_time.sees_servers() { (over_time.resources()) }
            @if result.parts.len() > MOST_TRACES {
                p class="note" { "The charts show the first " (MOST_TRACES) " of " (result.parts.len()) " parts." }
            }
        }
    }
}

/// Whether the servers of parts are drawn with them.
pub(super) fn sees_servers_of_parts(result: &ResultFile) -> bool {
    OverTime::new(&Trace::of_parts(result)).sees_servers()
}

/// The most parts that are listed, above all scenarios there are.
const MOST_PARTS: usize = 200;

fn table(parts: &[Part]) -> Markup {
    let sound = |of: fn(&Part) -> f64| {
        let values = parts.iter().map(of).filter(|value| value.is_finite());
        values.fold(0.0, f64::max)
    };
    let most_rate = sound(|part| part.measured.rate);
    let most_p99 = sound(|part| part.measured.latency_ms.p99);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Parts" {
            table class="figures" {
                thead { tr {
                    th scope="col" { "part" } th scope="col" { "rate" }
                    th scope="col" { "accepted" } th scope="col" { "failed" }
                    th scope="col" { "p50" } th scope="col" { "p99" } th scope="col" { "p99.9" } th scope="col" { "longest" }
                    th scope="col" { "CPU per 1,000" } th scope="col" { "peak memory" }
                } }
                tbody {
                    @for (number, part) in parts.iter().take(MOST_PARTS).enumerate() {
                        tr class=(format!("c{}", number + 1)) { (cells(part, most_rate, most_p99)) }
                    }
                }
            }
        }
        (left_out(parts.len(), MOST_PARTS))
    }
}

fn cells(part: &Part, most_rate: f64, most_p99: f64) -> Markup {
    let it = &part.measured;
    let latency =
        |value| told(&it.latency_ms, value).map_or(number::NONE.into(), number::milliseconds);
    html! {
        th scope="row" {
            (swatch()) (part.name)
            @if !it.valid { " " span class="badge doubt" { "! not valid" } }
        }
        td { (bar(it.rate, most_rate)) (number::per_second(it.rate)) }
        td { (number::count(it.accepted)) }
        td class=[(it.failed > 0).then_some("bad-text")] { (number::count(it.failed)) }
        td { (latency(it.latency_ms.p50)) }
        td { (bar(it.latency_ms.p99, most_p99)) (latency(it.latency_ms.p99)) }
        td { (latency(it.latency_ms.p99_9)) }
        td { (latency(it.latency_ms.max)) }
        td { (it.server.as_ref().map_or(number::NONE.into(), |server| number::seconds(server.cpu_s_per_1000))) }
        td { (it.server.as_ref().map_or(number::NONE.into(), |server| number::octets(server.rss_peak as f64))) }
    }
}

/// A table that belongs to one scenario.
pub(super) fn own_table(table: &Table) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(table.title) {
            table class="own" {
                caption { (table.title) }
                thead { tr { @for column in &table.columns { th scope="col" { (column) } } } }
                tbody {
                    @for row in table.rows.iter().take(MOST_ROWS) {
                        tr { @for cell in row { td class=[(!is_figure(cell)).then_some("text")] { (cell) } } }
                    }
                }
            }
        }
        (left_out(table.rows.len(), MOST_ROWS))
    }
}

/// The most rows of such a table that are shown.
const MOST_ROWS: usize = 500;

/// Whether a cell stands to the right, as figures do.
fn is_figure(cell: &str) -> bool {
    let mut first = cell
        .chars()
        .filter(|character| !"+-−–×~<> ".contains(*character));
    cell.len() <= 24
        && first
            .next()
            .is_none_or(|character| character.is_ascii_digit())
}

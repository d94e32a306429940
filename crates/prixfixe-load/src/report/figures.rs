//! The key figures of a run: as tiles, or as a table of several runs side by side.

use maud::{Markup, html};

use super::number;
use super::trace::Trace;
use crate::result::{Measurement, Percentiles, Server, Verification};

/// The key figures of one run as tiles.
pub(super) fn tiles(measured: &Measurement) -> Markup {
    let latency = &measured.latency_ms;
    let percentile = |value| told(latency, value).map_or(number::NONE.into(), number::milliseconds);
    html! {
        section class="tiles" aria-label="Key figures" {
            (tile("rate", &number::per_second(measured.rate), &over(measured), ""))
            (tile("accepted", &number::count(measured.accepted), &format!("of {} sent", number::count(measured.sent)), ""))
            (tile("failed", &number::count(measured.failed), &failing(measured), if measured.failed > 0 { "failed" } else { "" }))
            (verified(measured.verification.as_ref()))
            (server("server CPU", measured, |it| (number::seconds(it.cpu_s_per_1000), format!("per 1,000 {}", measured.unit()))))
            (tile("p50", &percentile(latency.p50), "from the intended start", ""))
            (tile("p99", &percentile(latency.p99), "1 of 100 took longer", ""))
            (tile("p99.9", &percentile(latency.p99_9), "1 of 1,000 took longer", ""))
            (tile("longest", &percentile(latency.max), &format!("on average {}", percentile(latency.mean)), ""))
            (server("server memory", measured, |it| {
                let before = number::octets(it.rss_before as f64);
                (number::octets(it.rss_peak as f64), format!("at its peak; {before} before"))
            }))
        }
    }
}

fn tile(name: &str, value: &str, more: &str, mood: &str) -> Markup {
    html! {
        div class={ "tile " (mood) } {
            div class="name" { (name) }
            div class="value" { (value) }
            div class="more" { (more) }
        }
    }
}

fn server(name: &str, measured: &Measurement, of: impl Fn(&Server) -> (String, String)) -> Markup {
    match measured.server.as_ref().map(of) {
        Some((value, more)) => tile(name, &value, &more, ""),
        None => tile(name, number::NONE, "not seen from here", ""),
    }
}

fn over(measured: &Measurement) -> String {
    let data = measured.octets as f64 / measured.duration_s;
    if data.is_finite() && data > 0.0 {
        let lasts = number::seconds(measured.duration_s);
        format!("{}/s over {lasts}", number::octets(data))
    } else {
        "accepted".to_owned()
    }
}

fn failing(measured: &Measurement) -> String {
    if measured.failed == 0 {
        return "no message failed".to_owned();
    }
    let all = measured.failed.saturating_add(measured.accepted) as f64;
    format!("{} of all", number::share(measured.failed as f64 / all))
}

fn verified(verification: Option<&Verification>) -> Markup {
    let Some(found) = verification else {
        return tile("verified", "no", "arrivals were not compared", "");
    };
    let counts = [
        ("lost", found.lost.count),
        ("duplicated", found.duplicated.count),
        ("altered", found.altered.count),
        ("misdelivered", found.misdelivered.count),
        ("refused but stored", found.refused_but_stored.count),
        ("foreign", found.foreign.count),
    ];
    if found.holds() {
        let more = match found.recipients_unknown() {
            0 => "0 lost, 0 duplicated, 0 altered, 0 misdelivered",
            _ => "0 lost, 0 duplicated, 0 altered; recipients not known",
        };
        return tile("verified", "all kept", more, "good");
    }
    let wrong = counts.iter().filter(|(_, count)| *count > 0);
    let told: Vec<String> = wrong
        .map(|(name, count)| format!("{} {name}", number::count(*count)))
        .collect();
    tile("verified", "not kept", &told.join(", "), "failed")
}

/// A percentile, if there is any message behind it.
pub(super) fn told(percentiles: &Percentiles, value: f64) -> Option<f64> {
    (percentiles.count > 0 && value.is_finite()).then_some(value)
}

/// The key figures of several runs, each with its difference to the first.
pub(super) fn side_by_side(traces: &[Trace<'_>]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Key figures side by side" {
            table class="figures aligned" style=(format!("min-width:{}px", 150 + 105 * traces.len())) {
                thead {
                    tr {
                        th scope="col" { "figure" }
                        @for trace in traces {
                            th scope="col" class=(trace.colour) { (swatch()) (trace.name) }
                        }
                    }
                }
                tbody { @for figure in &FIGURES { (row(figure, traces)) } }
            }
        }
        @if traces.len() > 1 {
            p class="note" {
                "Differences are to the first column, from one run each. What they are worth says "
                code { "prixfixe results compare" } "."
            }
        }
    }
}

/// The mark in the colour of the element around it.
pub(super) fn swatch() -> Markup {
    html! { span class="swatch" aria-hidden="true" {} " " }
}

struct Figure {
    name: &'static str,
    of: fn(&Measurement) -> Option<f64>,
    text: fn(f64) -> String,
    better: Better,
}

#[derive(Clone, Copy, PartialEq)]
enum Better {
    More,
    Less,
    Neither,
}

const FIGURES: [Figure; 16] = [
    figure("rate", |it| Some(it.rate), number::per_second, Better::More),
    figure(
        "duration",
        |it| Some(it.duration_s),
        number::seconds,
        Better::Neither,
    ),
    figure(
        "accepted",
        |it| Some(it.accepted as f64),
        number::plain_count,
        Better::Neither,
    ),
    figure(
        "failed",
        |it| Some(it.failed as f64),
        number::plain_count,
        Better::Less,
    ),
    figure(
        "p50",
        |it| told(&it.latency_ms, it.latency_ms.p50),
        number::milliseconds,
        Better::Less,
    ),
    figure(
        "p90",
        |it| told(&it.latency_ms, it.latency_ms.p90),
        number::milliseconds,
        Better::Less,
    ),
    figure(
        "p99",
        |it| told(&it.latency_ms, it.latency_ms.p99),
        number::milliseconds,
        Better::Less,
    ),
    figure(
        "p99.9",
        |it| told(&it.latency_ms, it.latency_ms.p99_9),
        number::milliseconds,
        Better::Less,
    ),
    figure(
        "longest",
        |it| told(&it.latency_ms, it.latency_ms.max),
        number::milliseconds,
        Better::Less,
    ),
    figure(
        "server CPU per 1,000",
        |it| Some(it.server.as_ref()?.cpu_s_per_1000),
        number::seconds,
        Better::Less,
    ),
    figure(
        "server memory, peak",
        |it| Some(it.server.as_ref()?.rss_peak as f64),
        number::octets,
        Better::Less,
    ),
    figure(
        "server memory, after",
        |it| Some(it.server.as_ref()?.rss_after as f64),
        number::octets,
        Better::Less,
    ),
    figure(
        "lost",
        |it| Some(it.verification.as_ref()?.lost.count as f64),
        number::plain_count,
        Better::Less,
    ),
    figure(
        "duplicated",
        |it| Some(it.verification.as_ref()?.duplicated.count as f64),
        number::plain_count,
        Better::Less,
    ),
    figure(
        "altered",
        |it| Some(it.verification.as_ref()?.altered.count as f64),
        number::plain_count,
        Better::Less,
    ),
    figure(
        "misdelivered",
        |it| {
            let found = it.verification.as_ref()?;
            let is_known = found.recipients_unknown() == 0 || found.misdelivered.count > 0;
            is_known.then_some(found.misdelivered.count as f64)
        },
        number::plain_count,
        Better::Less,
    ),
];

const fn figure(
    name: &'static str,
    of: fn(&Measurement) -> Option<f64>,
    text: fn(f64) -> String,
    better: Better,
) -> Figure {
    Figure {
        name,
        of,
        text,
        better,
    }
}

fn row(figure: &Figure, traces: &[Trace<'_>]) -> Markup {
    let values: Vec<Option<f64>> = traces
        .iter()
        .map(|trace| (figure.of)(trace.measured).filter(|value| value.is_finite()))
        .collect();
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    let first = values.first().copied().flatten();
    html! {
        @if values.iter().any(Option::is_some) {
            tr {
                th scope="row" { (figure.name) }
                @for (place, (trace, value)) in traces.iter().zip(&values).enumerate() {
                    td class=(trace.colour) {
                        @match value {
                            None => { (number::NONE) }
                            Some(value) => {
                                (bar(*value, most))
                                ((figure.text)(*value))
                                @if place > 0 { (figure.difference(*value, first)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Figure {
    fn difference(&self, value: f64, first: Option<f64>) -> Markup {
        let Some(first) = first else {
            return html! {};
        };
        let change = (value / first - 1.0) * 100.0;
        let mood = match self.better {
            Better::More if change >= LEAST_CHANGE => "diff better",
            Better::Less if change <= -LEAST_CHANGE => "diff better",
            Better::More if change <= -LEAST_CHANGE => "diff worse",
            Better::Less if change >= LEAST_CHANGE => "diff worse",
            _ => "diff",
        };
        html! {
            @if let Some(text) = number::difference(value, first) { span class=(mood) { (text) } }
        }
    }
}

/// The least difference that gets a colour, in percent: two runs of the same are as far apart.
const LEAST_CHANGE: f64 = 5.0;

/// A bar as long as its share of the longest.
pub(super) fn bar(value: f64, most: f64) -> Markup {
    let share = (value / most).clamp(0.0, 1.0);
    html! {
        @if share.is_finite() {
            span class="bar" aria-hidden="true" { i style=(format!("width:{:.1}%", share * 100.0)) {} }
        }
    }
}

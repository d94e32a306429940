//! Where figures come from: the generator, the disk, the machine, versions, command and settings.

use maud::{Markup, html};

use super::figures::{swatch, told};
use super::number;
use super::trace::Trace;
use crate::report::Run;
use crate::result::{DiskProbe, Measurement, Percentiles, ResultFile};

/// What the generator itself took, and how far behind its plan it was.
pub(super) fn generator(traces: &[Trace<'_>]) -> Markup {
    type Fact = (&'static str, fn(&Measurement) -> String);
    const FACTS: [Fact; 9] = [
        ("threads", |it| number::count(it.generator.threads as u64)),
        ("CPU", |it| number::seconds(it.generator.cpu_s)),
        ("CPU per 1,000", |it| {
            number::seconds(it.generator.cpu_s_per_1000)
        }),
        ("busy", |it| number::share(it.generator.busy)),
        ("kept from the processors", |it| {
            number::share(it.generator.starved)
        }),
        ("its own lag: p50, p99, longest", |it| {
            three(&it.generator.lag_ms)
        }),
        ("waited for a free worker: p50, p99, longest", |it| {
            three(&it.generator.waited_ms)
        }),
        ("connections", |it| {
            let made = number::count(it.connections.made);
            format!(
                "{made}, {} of them anew",
                number::count(it.connections.remade)
            )
        }),
        ("TLS handshakes", |it| {
            let full = number::count(it.connections.tls_full);
            format!(
                "{full} full, {} resumed",
                number::count(it.connections.tls_resumed)
            )
        }),
    ];
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="The generator" {
            table class="facts" {
                @if traces.len() > 1 {
                    thead { tr { td {} @for trace in traces { th scope="col" class=(trace.colour) { (swatch()) (trace.name) } } } }
                }
                tbody { @for (name, of) in FACTS {
                    tr { th scope="row" { (name) } @for trace in traces { td { (of(trace.measured)) } } }
                } }
            }
        }
    }
}

fn three(percentiles: &Percentiles) -> String {
    if percentiles.count == 0 {
        return number::NONE.to_owned();
    }
    let values = [percentiles.p50, percentiles.p99, percentiles.max];
    let values =
        values.map(|value| told(percentiles, value).map_or(number::NONE.into(), number::plain));
    values.join(", ") + " ms"
}

/// What a bare write and sync took beside the run.
pub(super) fn disk(probe: &DiskProbe) -> Markup {
    let sync = &probe.sync_ms;
    html! {
        p {
            "A bare write and sync took " (number::milliseconds(sync.p50)) " at p50, "
            (number::milliseconds(sync.p99)) " at p99, "
            (number::milliseconds(sync.p99_9)) " at p99.9, at the longest "
            (number::milliseconds(sync.max)) " (" (number::count(sync.count)) " of them). "
            @if probe.void { strong { "That is too slow to judge a latency by." } }
        }
    }
}

/// Machine, versions, command and settings of a run.
pub(super) fn details(run: &Run<'_>, open: bool) -> Markup {
    let result = run.result;
    html! {
        details class="origin" open[open] {
            summary { (run.name) ": machine, versions, command, settings" }
            div class="scroll" {
                table class="facts" { tbody {
                    @for (name, value) in machine(result) { tr { th scope="row" { (name) } td class="text" { (value) } } }
                    @for (name, version) in &result.versions { tr { th scope="row" { (name) } td class="text" { (version) } } }
                    @if let Some(server) = &result.whole.server {
                        tr { th scope="row" { "server seen through" } td class="text" {
                            (server.source) ", " (number::count(server.processes as u64)) " processes, at most "
                            (number::count(server.descriptors_peak)) " descriptors"
                        } }
                    }
                } }
            }
            h4 { "Command" }
            pre { (result.command) }
            details class="figures" { summary { "Settings" } pre { (settings(&result.whole)) } }
            @for part in result.parts.iter().filter(|part| part.measured.settings != result.whole.settings).take(MOST_SETTINGS) {
                details class="figures" { summary { "Settings of " (part.name) } pre { (settings(&part.measured)) } }
            }
        }
    }
}

/// The settings of so many parts are shown; all of them are in the file.
const MOST_SETTINGS: usize = 50;

fn machine(result: &ResultFile) -> Vec<(&'static str, String)> {
    let machine = &result.machine;
    let mut facts = vec![
        (
            "processors",
            format!("{} × {}", machine.processors, machine.processor),
        ),
        ("memory", number::octets(machine.memory as f64)),
        ("kernel", machine.kernel.clone()),
        (
            "descriptors of the generator",
            number::count(machine.descriptors),
        ),
    ];
    if let Some(file_system) = &machine.file_system {
        facts.push(("file system of the store", file_system.clone()));
    }
    facts
}

fn settings(measured: &Measurement) -> String {
    // A value of JSON can always be written as JSON.
    serde_json::to_string_pretty(&measured.settings).unwrap_or_default()
}

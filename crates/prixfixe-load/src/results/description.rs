//! A result in full, as tables for people.

use std::fmt::Write as _;

use super::overview;
use super::sparkline;
use crate::result::{Findings, Measurement, Percentiles, ResultFile, Verification};
use crate::results::KeptResult;
use crate::results::notation;
use crate::results::{Cell, Sheet};

/// All that the file says, each table with its title. Empty ones are left out.
pub fn describe(kept: &KeptResult) -> Vec<Sheet> {
    let result = &kept.result;
    let mut sheets = vec![heading(kept)];
    sheets.extend(of_measurement("", &result.whole));
    for part in &result.parts {
        sheets.extend(of_measurement(&format!("{}: ", part.name), &part.measured));
    }
    sheets.extend(result.tables.iter().map(Sheet::from));
    sheets.push(place(result));
    sheets.retain(|sheet| !sheet.is_empty());
    sheets
}

/// Every figure that the file has, a row each, for programs.
pub fn figures(result: &ResultFile) -> Sheet {
    let mut sheet = Sheet::new(
        "",
        &[("part", "part"), ("figure", "figure"), ("value", "value")],
    );
    let parts = result
        .parts
        .iter()
        .map(|part| (part.name.as_str(), &part.measured));
    for (part, measured) in std::iter::once(("", &result.whole)).chain(parts) {
        for figure in crate::results::Figure::all() {
            if let Some(value) = figure.of(measured) {
                sheet.push(vec![
                    Cell::text(part),
                    Cell::text(figure.name()),
                    figure.cell(Some(value)),
                ]);
            }
        }
    }
    sheet
}

fn heading(kept: &KeptResult) -> Sheet {
    let result = &kept.result;
    let mut facts = facts(&result.scenario);
    let passed = if result.passed {
        "passed"
    } else {
        "not passed"
    };
    facts.push(fact("outcome", passed));
    for fault in &result.faults {
        facts.push(fact("fault", fault));
    }
    facts.push(fact("started", overview::started(kept)));
    facts.push(fact("command", &result.command));
    facts.push(fact("file", kept.path.display().to_string()));
    facts
}

fn of_measurement(part: &str, run: &Measurement) -> Vec<Sheet> {
    vec![
        figures_of(part, run),
        times_of(part, run),
        errors_of(part, run),
        outcomes_of(part, run),
        account_of(part, run),
    ]
}

fn figures_of(part: &str, run: &Measurement) -> Sheet {
    let mut facts = facts(&format!("{part}figures"));
    facts.push(fact(
        "valid",
        if run.valid {
            "yes"
        } else {
            "no: the figures are not those of the server"
        },
    ));
    for reason in &run.invalid_because {
        facts.push(fact("invalid because", reason));
    }
    facts.push(fact(
        "rate",
        format!(
            "{} {}/s over {} s",
            notation::number(run.rate),
            run.unit(),
            notation::number(run.duration_s)
        ),
    ));
    facts.push(fact(
        run.unit(),
        format!(
            "{} sent, {} accepted, {} failed, {}",
            notation::count(run.sent),
            notation::count(run.accepted),
            notation::count(run.failed),
            notation::octets(run.octets)
        ),
    ));
    let connections = &run.connections;
    let mut made = format!(
        "{} made, {} of them anew",
        notation::count(connections.made),
        notation::count(connections.remade)
    );
    if connections.tls_full + connections.tls_resumed > 0 {
        let _ = write!(
            made,
            "; TLS {} in full, {} resumed",
            notation::count(connections.tls_full),
            notation::count(connections.tls_resumed)
        );
    }
    facts.push(fact("connections", made));
    if let Some(server) = &run.server {
        facts.push(fact(
            "server",
            format!(
                "{} CPU s, {} per 1,000 {}; memory {} before, {} at most, {} after; \
                 {} descriptors at most; {} by {}",
                notation::number(server.cpu_s),
                notation::number(server.cpu_s_per_1000),
                run.unit(),
                notation::octets(server.rss_before),
                notation::octets(server.rss_peak),
                notation::octets(server.rss_after),
                notation::count(server.descriptors_peak),
                match server.processes {
                    1 => "1 process".to_owned(),
                    many => format!("{many} processes"),
                },
                server.source
            ),
        ));
    }
    let generator = &run.generator;
    facts.push(fact(
        "generator",
        format!(
            "{} threads, {} busy, {} kept from the processors, {} CPU s, {} per 1,000 {}; lag p99 {} ms, max {} ms",
            generator.threads,
            notation::percent(generator.busy),
            notation::percent(generator.starved),
            notation::number(generator.cpu_s),
            notation::number(generator.cpu_s_per_1000),
            run.unit(),
            notation::number(generator.lag_ms.p99),
            notation::number(generator.lag_ms.max)
        ),
    ));
    course_of(run, &mut facts);
    facts
}

fn course_of(run: &Measurement, facts: &mut Sheet) {
    let interval = run.timeline.interval_s;
    let points = &run.timeline.points;
    if points.len() < 2 || interval <= 0.0 {
        return;
    }
    let rates: Vec<_> = points
        .iter()
        .map(|point| Some(point.accepted as f64 / interval))
        .collect();
    let p99s: Vec<_> = points
        .iter()
        .map(|point| (point.accepted > 0).then_some(point.p99_ms))
        .collect();
    for (name, course) in [("rate over time", rates), ("p99 ms over time", p99s)] {
        let known = || course.iter().flatten().copied();
        if known().next().is_some() {
            let range = format!(
                "{}  {} to {}",
                sparkline::draw(&course),
                notation::number(known().fold(f64::INFINITY, f64::min)),
                notation::number(known().fold(0.0, f64::max))
            );
            facts.push(fact(name, range));
        }
    }
}

fn times_of(part: &str, run: &Measurement) -> Sheet {
    let mut sheet = Sheet::new(
        format!("{part}times in ms"),
        &[
            ("stage", "stage"),
            ("count", "count"),
            ("min", "min"),
            ("mean", "mean"),
            ("p50", "p50"),
            ("p90", "p90"),
            ("p95", "p95"),
            ("p99", "p99"),
            ("p99_9", "p99.9"),
            ("p99_99", "p99.99"),
            ("max", "max"),
        ],
    );
    let stages = run
        .stages_ms
        .iter()
        .map(|(stage, times)| (stage.name(), times));
    let latency = ("from the intended start", &run.latency_ms);
    for (name, times) in std::iter::once(latency).chain(stages) {
        if times.count > 0 {
            sheet.push(times_row(name, times));
        }
    }
    sheet
}

fn times_row(name: &str, times: &Percentiles) -> Vec<Cell> {
    let numbers = [
        times.min,
        times.mean,
        times.p50,
        times.p90,
        times.p95,
        times.p99,
        times.p99_9,
        times.p99_99,
        times.max,
    ];
    let mut row = vec![Cell::text(name), Cell::Count(times.count)];
    row.extend(numbers.map(Cell::Number));
    row
}

fn errors_of(part: &str, run: &Measurement) -> Sheet {
    let mut sheet = Sheet::new(
        format!("{part}errors"),
        &[
            ("error", "error"),
            ("stage", "stage"),
            ("count", "count"),
            ("example", "the first of them"),
        ],
    );
    for error in &run.errors {
        sheet.push(vec![
            Cell::text(error.kind.to_string()),
            Cell::text(error.stage.name()),
            Cell::Count(error.count),
            Cell::text(&error.example),
        ]);
    }
    sheet
}

/// How calls over shared memory ended, and how many of them were executed.
pub fn outcomes_of(part: &str, run: &Measurement) -> Sheet {
    let mut sheet = Sheet::new(
        format!("{part}calls by outcome"),
        &[
            ("outcome", "outcome"),
            ("reason", "because"),
            ("count", "calls"),
            ("executed", "executions"),
        ],
    );
    for ending in &run.outcomes {
        sheet.push(vec![
            Cell::text(&ending.outcome),
            Cell::text(&ending.reason),
            Cell::Count(ending.count),
            Cell::Count(ending.executed),
        ]);
    }
    sheet
}

/// How many messages of each finding are shown; the file has more.
const MOST_SHOWN: usize = 10;

fn account_of(part: &str, run: &Measurement) -> Sheet {
    let Some(account) = &run.verification else {
        return Sheet::default();
    };
    let holds = if account.holds() {
        "holds"
    } else {
        "does not hold"
    };
    let mut sheet = facts(&format!("{part}verification {holds}"));
    sheet.push(fact("looked for in", &account.source));
    sheet.push(fact("acknowledged", notation::count(account.acknowledged)));
    sheet.push(fact("stored", notation::count(account.stored)));
    for (name, findings) in findings(account) {
        let mut text = notation::count(findings.count);
        if findings.count > 0 && !findings.named.is_empty() {
            let shown = &findings.named[..findings.named.len().min(MOST_SHOWN)];
            text = format!("{text}: {}", shown.join("; "));
            if findings.count > shown.len() as u64 {
                text += "; …";
            }
        }
        sheet.push(fact(name, text));
    }
    for (name, count) in [
        ("recipients unknown", account.recipients_unknown()),
        ("unanswered but stored", account.unanswered_but_stored),
        ("without a label", account.unlabelled),
        ("of other runs", account.of_other_runs),
    ] {
        sheet.push(fact(name, notation::count(count)));
    }
    sheet
}

fn findings(account: &Verification) -> [(&'static str, &Findings); 6] {
    [
        ("lost", &account.lost),
        ("duplicated", &account.duplicated),
        ("altered", &account.altered),
        ("misdelivered", &account.misdelivered),
        ("refused but stored", &account.refused_but_stored),
        ("foreign", &account.foreign),
    ]
}

fn place(result: &ResultFile) -> Sheet {
    let mut facts = facts("where and with what");
    let machine = &result.machine;
    facts.push(fact(
        "machine",
        format!(
            "{} × {}, {}, {}, {} descriptors{}",
            machine.processors,
            machine.processor,
            notation::octets(machine.memory),
            machine.kernel,
            notation::count(machine.descriptors),
            match &machine.file_system {
                Some(name) => format!(", {name}"),
                None => String::new(),
            }
        ),
    ));
    if let Some(probe) = &result.disk_probe {
        let void = if probe.void {
            "; so slow that latencies say nothing about the server"
        } else {
            ""
        };
        facts.push(fact(
            "disk probe",
            format!(
                "write and fdatasync p50 {} ms, p99 {} ms, p99.9 {} ms{void}",
                notation::number(probe.sync_ms.p50),
                notation::number(probe.sync_ms.p99),
                notation::number(probe.sync_ms.p99_9)
            ),
        ));
    }
    for (name, version) in &result.versions {
        facts.push(fact(name, version));
    }
    if !result.whole.settings.is_null() {
        facts.push(fact("settings", result.whole.settings.to_string()));
    }
    facts
}

fn facts(title: &str) -> Sheet {
    Sheet::new(title, &[("what", ""), ("value", "")])
}

fn fact(name: impl Into<String>, value: impl Into<String>) -> Vec<Cell> {
    vec![Cell::text(name), Cell::text(value)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up;

    fn text(result: ResultFile) -> String {
        let kept = KeptResult {
            path: "burst.json".into(),
            result,
        };
        let sheets = describe(&kept);
        sheets.iter().map(Sheet::to_text).collect()
    }

    #[test]
    fn everything_that_matters_is_told() {
        let mut result = made_up::burst();
        result.whole.outcomes.clear();
        let text = text(result);
        for words in [
            "1,000 messages/s over 5.00 s",
            "5,000 sent, 5,000 accepted, 0 failed, 48.8 MiB",
            "invalid because",
            "452 4.3.1 no room",
            "verification holds",
            "1 server: figures",
            "data_end",
            "16.0 MiB at most",
            "4 × Example 3000",
            "prixfixe stress burst",
            "\"workers\":50",
            "write and fdatasync p50 0.500 ms",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn where_calls_were_counted_they_are_not_called_messages() {
        let text = text(made_up::burst());
        for words in [
            "1,000 calls/s over 5.00 s",
            "calls by outcome",
            "failed_maybe",
            "the server was gone",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("1,000 messages/s"), "{text}");
    }

    #[test]
    fn findings_are_named_up_to_a_few() {
        let mut result = made_up::burst();
        result.parts.clear();
        let account = result.whole.verification.as_mut();
        if let Some(account) = account {
            account.lost.count = 12;
            account.lost.named = (0..12).map(|number| format!("message {number}")).collect();
        }
        let text = text(result);
        assert!(text.contains("verification does not hold"), "{text}");
        assert!(text.contains("12: message 0; message 1"), "{text}");
        assert!(
            text.contains("message 9; …") && !text.contains("message 10"),
            "{text}"
        );
    }

    #[test]
    fn programs_get_every_figure_by_its_name() {
        let csv = figures(&made_up::burst()).to_csv();
        assert!(csv.contains("\r\n,latency_ms.p99,20.0\r\n"), "{csv}");
        assert!(csv.contains("\r\n1 server,rate,1000.0\r\n"), "{csv}");
    }
}

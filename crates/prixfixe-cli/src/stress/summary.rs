//! What a run came to, for the person at the terminal.

use std::io::{self, Write};
use std::path::Path;

use prixfixe_load::result::{Measurement, ResultFile, Verification};
use prixfixe_load::results::ResultFolder;
use prixfixe_load::results::{Cell, Sheet};

/// Prints it: figures, what is wrong, and what to do next.
pub(crate) fn print(
    result: &ResultFile,
    notes: &[String],
    written: Option<&Path>,
    out: &mut dyn Write,
) -> io::Result<()> {
    out.write_all(figures(result).to_text().as_bytes())?;
    let outcomes = prixfixe_load::results::outcomes_of("", &result.whole);
    if !outcomes.is_empty() {
        writeln!(out)?;
        out.write_all(outcomes.to_text().as_bytes())?;
    }
    for table in &result.tables {
        writeln!(out)?;
        out.write_all(Sheet::from(table).to_text().as_bytes())?;
    }
    writeln!(out)?;
    for line in lines(result).iter().chain(notes) {
        writeln!(out, "{line}")?;
    }
    if let Some(path) = written {
        writeln!(out, "result: {}", path.display())?;
        let usual = path.parent() == Some(Path::new(ResultFolder::USUAL));
        let named = if usual {
            ResultFolder::LATEST.to_owned()
        } else {
            path.display().to_string()
        };
        writeln!(out, "next: prixfixe results report {named} -o report.html")?;
    }
    if result.passed {
        writeln!(out, "{}: PASSED", result.scenario)
    } else {
        for fault in &result.faults {
            writeln!(out, "fault: {fault}")?;
        }
        writeln!(out, "{}: FAILED", result.scenario)
    }
}

/// A row for the whole, or one for each part and the whole below.
fn figures(result: &ResultFile) -> Sheet {
    let rate = format!("{}/s", result.whole.unit());
    let mut sheet = Sheet::new(
        "",
        &[
            ("part", "part"),
            ("rate", &rate),
            ("accepted", "accepted"),
            ("failed", "failed"),
            ("p50_ms", "p50 ms"),
            ("p99_ms", "p99 ms"),
            ("p99_9_ms", "p99.9 ms"),
            ("max_ms", "max ms"),
            ("cpu_s_per_1000", "server CPU s/1000"),
            ("rss_peak", "peak RSS"),
        ],
    );
    for part in &result.parts {
        sheet.push(row(&part.name, &part.measured));
    }
    let name = if result.parts.is_empty() {
        &result.scenario
    } else {
        "all"
    };
    sheet.push(row(name, &result.whole));
    sheet
}

fn row(name: &str, measured: &Measurement) -> Vec<Cell> {
    let latency = |value| match measured.latency_ms.count {
        0 => Cell::Unknown,
        _ => Cell::Number(value),
    };
    let server = measured.server.as_ref();
    vec![
        Cell::text(name),
        Cell::Number(measured.rate),
        Cell::Count(measured.accepted),
        Cell::Count(measured.failed),
        latency(measured.latency_ms.p50),
        latency(measured.latency_ms.p99),
        latency(measured.latency_ms.p99_9),
        latency(measured.latency_ms.max),
        Cell::known(server.map(|server| server.cpu_s_per_1000)),
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        server.map_or(Cell::Unknown, |server| Cell::Octets(server.rss_peak as f64)),
    ]
}

fn lines(result: &ResultFile) -> Vec<String> {
    let mut lines = Vec::new();
    for error in &result.whole.errors {
        lines.push(format!(
            "{} × {} at {}: {}",
            Cell::Count(error.count),
            error.kind,
            error.stage.name(),
            error.example
        ));
    }
    // What does not hold stands among the faults.
    let verification = result.whole.verification.as_ref();
    if let Some(verification) = verification.filter(|verification| verification.holds()) {
        lines.push(if result.whole.outcomes.is_empty() {
            of_verification(verification)
        } else {
            of_calls(verification)
        });
    }
    if let Some(probe) = &result.disk_probe {
        let verdict = if probe.void {
            ": too slow to judge latencies by"
        } else {
            ""
        };
        lines.push(format!(
            "disk beside it, write and fdatasync: p50 {}, p99.9 {} ms{verdict}",
            Cell::Number(probe.sync_ms.p50),
            Cell::Number(probe.sync_ms.p99_9)
        ));
    }
    if !result.whole.valid {
        lines.push(
            "NOT VALID: the generator was the limit, so the figures are not the server's:"
                .to_owned(),
        );
        let reasons = result.whole.invalid_because.iter();
        lines.extend(reasons.map(|reason| format!("  {reason}")));
    }
    lines
}

/// The same where calls were counted, and every promise was kept.
fn of_calls(verification: &Verification) -> String {
    format!(
        "compared with {}: all {} completed calls were executed once, every octet as it was sent",
        verification.source,
        Cell::Count(verification.acknowledged)
    )
}

/// A comparison in one line.
pub(super) fn of_verification(verification: &Verification) -> String {
    if verification.holds() {
        let strangers = match verification.unlabelled + verification.of_other_runs {
            0 => String::new(),
            _ => format!(
                "; WARNING: beside them {} without a label and {} of other runs, which may be copies",
                Cell::Count(verification.unlabelled),
                Cell::Count(verification.of_other_runs)
            ),
        };
        let unknown = match verification.recipients_unknown() {
            0 => String::new(),
            count => format!(
                "; {} of those found do not say for whom they were stored, so their recipients were not compared",
                Cell::Count(count)
            ),
        };
        return format!(
            "compared with {}: all {} acknowledged messages are there, once and unaltered{unknown}{strangers}",
            verification.source,
            Cell::Count(verification.acknowledged)
        );
    }
    let findings = [
        ("lost", &verification.lost),
        ("duplicated", &verification.duplicated),
        ("altered", &verification.altered),
        ("misdelivered", &verification.misdelivered),
        ("refused but stored", &verification.refused_but_stored),
        ("foreign", &verification.foreign),
    ];
    let found: Vec<String> = findings
        .into_iter()
        .filter(|(_, findings)| findings.count > 0)
        .map(|(what, findings)| {
            let first = findings.named.first().map_or("", String::as_str);
            format!("{} {what} (first: {first})", Cell::Count(findings.count))
        })
        .collect();
    format!(
        "compared with {}: of {} acknowledged messages {}",
        verification.source,
        Cell::Count(verification.acknowledged),
        found.join(", ")
    )
}

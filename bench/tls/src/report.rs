//! The tables of a run, and how it compares with the bounds.

use std::io::{self, Write};

use crate::certificate::KeyKind;
use crate::figures::find;
use crate::load::{Operation, Workload};
use crate::plan::{MESSAGE_SIZES, Measured};
use crate::receivers::Kind;
use crate::rounds::Series;
use crate::transport::{Handshake, Security};

/// Writes a Markdown table for each part that was measured.
pub(crate) fn tables(measured: &Measured, out: &mut dyn Write) -> io::Result<()> {
    if !measured.handshakes.is_empty() {
        write_table(
            out,
            &[
                "key",
                "connection",
                "receiver",
                "connections/s",
                "CPU ms",
                "CPU ms by TLS",
                "of mailin's",
            ],
            measured
                .handshakes
                .iter()
                .map(|series| handshake_cells(measured, series)),
        )?;
    }
    if !measured.messages.is_empty() {
        write_table(
            out,
            &[
                "message",
                "connection",
                "receiver",
                "messages/s",
                "CPU ms",
                "CPU of plain's",
            ],
            measured
                .messages
                .iter()
                .map(|series| message_cells(measured, series)),
        )?;
    }
    if !measured.idle_connections.is_empty() {
        write_table(
            out,
            &["idle connection", "receiver", "KiB"],
            measured.idle_connections.iter().map(|idle| {
                vec![
                    security(idle.security).to_owned(),
                    idle.receiver.to_string(),
                    format!("{:.1}", kibibytes(idle.octets())),
                ]
            }),
        )?;
    }
    Ok(())
}

fn handshake_cells(measured: &Measured, series: &Series) -> Vec<String> {
    let extra = plain_of(measured, series).and_then(|plain| series.extra_cpu_ms(plain));
    vec![
        series.key.name().to_owned(),
        connection(series.workload),
        series.receiver.to_string(),
        figure(series.rate(), 0),
        figure(series.cpu_ms(), 3),
        figure(extra, 3),
        figure(by_mailin(measured, series), 2),
    ]
}

fn message_cells(measured: &Measured, series: &Series) -> Vec<String> {
    let octets = match series.workload.operation {
        Operation::Message(octets) => octets,
        Operation::Connection(_) => 0,
    };
    vec![
        format!("{} KB", octets / 1024),
        security(series.workload.security).to_owned(),
        series.receiver.to_string(),
        figure(series.rate(), 0),
        figure(series.cpu_ms(), 4),
        figure(by_plain(measured, series), 2),
    ]
}

/// Compares with the bounds, and says whether all hold. What was not measured does not hold.
pub(crate) fn verdicts(measured: &Measured, out: &mut dyn Write) -> io::Result<bool> {
    let mut all_hold = true;
    writeln!(out)?;
    for Check { name, value, most } in checks(measured) {
        let holds = value.is_some_and(|value| value <= most);
        all_hold &= holds;
        let verdict = if holds { "ok" } else { "FAILED" };
        let value = value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.3}"));
        writeln!(out, "{verdict:6} {name}: {value} (wanted <= {most})")?;
    }
    Ok(all_hold)
}

struct Check {
    name: String,
    value: Option<f64>,
    most: f64,
}

/// A full handshake with an ECDSA P-256 key, by mailin's in the same run.
const MOST_HANDSHAKE_BY_MAILIN: f64 = 1.1;
/// A message of 10 KB on a connection that lasts, by the same without TLS.
const MOST_MESSAGE_BY_PLAIN: f64 = 1.25;
/// What an idle connection with TLS holds.
const MOST_IDLE_KIBIBYTES: f64 = 32.0;

fn checks(measured: &Measured) -> Vec<Check> {
    let key = KeyKind::EcdsaP256;
    let handshake = Workload {
        security: Security::StartTls,
        operation: Operation::Connection(Handshake::Full),
    };
    let mut checks = vec![Check {
        name: "CPU of a full P-256 handshake by mailin's".to_owned(),
        value: find(&measured.handshakes, Kind::Prixfixe, key, handshake)
            .and_then(|series| by_mailin(measured, series)),
        most: MOST_HANDSHAKE_BY_MAILIN,
    }];
    for kind in [Kind::Prixfixe, Kind::PrixfixeStore] {
        for security in [Security::StartTls, Security::Implicit] {
            let workload = Workload {
                security,
                operation: Operation::Message(MESSAGE_SIZES[0]),
            };
            checks.push(Check {
                name: format!(
                    "{kind}, CPU of a 10 KB message by plain's, {}",
                    self::security(security)
                ),
                value: find(&measured.messages, kind, key, workload)
                    .and_then(|series| by_plain(measured, series)),
                most: MOST_MESSAGE_BY_PLAIN,
            });
        }
    }
    for security in [Security::StartTls, Security::Implicit] {
        let idle = measured
            .idle_connections
            .iter()
            .find(|idle| idle.receiver == Kind::PrixfixeStore && idle.security == security);
        checks.push(Check {
            name: format!("KiB of an idle connection, {}", self::security(security)),
            value: idle.map(|idle| kibibytes(idle.octets())),
            most: MOST_IDLE_KIBIBYTES,
        });
    }
    checks
}

/// What TLS adds to a connection, by what it adds to one of mailin's.
fn by_mailin(measured: &Measured, series: &Series) -> Option<f64> {
    let other = find(
        &measured.handshakes,
        Kind::Mailin,
        series.key,
        series.workload,
    )?;
    let (plain, other_plain) = (plain_of(measured, series)?, plain_of(measured, other)?);
    series.extra_ratio(plain, other, other_plain)
}

fn by_plain(measured: &Measured, series: &Series) -> Option<f64> {
    let plain = plain_of(measured, series)?;
    series.cpu_ratio(plain)
}

/// The same without TLS; none for a row that has none itself.
fn plain_of<'a>(measured: &'a Measured, series: &Series) -> Option<&'a Series> {
    let (all, operation) = match series.workload.operation {
        Operation::Connection(_) => (&measured.handshakes, Operation::Connection(Handshake::Full)),
        message @ Operation::Message(_) => (&measured.messages, message),
    };
    let workload = Workload {
        security: Security::Plain,
        operation,
    };
    find(all, series.receiver, series.key, workload).filter(|_| series.workload != workload)
}

fn connection(workload: Workload) -> String {
    match (workload.security, workload.operation) {
        (Security::Plain, _) | (_, Operation::Message(_)) => security(workload.security).to_owned(),
        (with_tls, Operation::Connection(Handshake::Full)) => {
            format!("{}, full", security(with_tls))
        }
        (with_tls, Operation::Connection(Handshake::Resumed)) => {
            format!("{}, resumed", security(with_tls))
        }
    }
}

fn security(security: Security) -> &'static str {
    match security {
        Security::Plain => "plain",
        Security::StartTls => "STARTTLS",
        Security::Implicit => "implicit",
    }
}

/// Empty where there is nothing to say.
fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.decimals$}"))
}

fn write_table(
    out: &mut dyn Write,
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> io::Result<()> {
    writeln!(out, "\n| {} |", header.join(" | "))?;
    writeln!(out, "|{}", " --- |".repeat(header.len()))?;
    for cells in rows {
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no process has the 2^52 octets that a double counts exactly"
)]
fn kibibytes(octets: u64) -> f64 {
    octets as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_does_not_hold() {
        let mut out = Vec::new();
        assert!(!verdicts(&Measured::default(), &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("FAILED").count(), 7, "{text}");
        assert!(!text.contains("ok"));
    }

    #[test]
    fn nothing_measured_is_no_table() {
        let mut out = Vec::new();
        tables(&Measured::default(), &mut out).unwrap();
        assert!(out.is_empty());
    }
}

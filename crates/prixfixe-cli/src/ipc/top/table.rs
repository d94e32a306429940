//! Figures as a table.

use std::fmt::Write;

use console::{Alignment, pad_str, truncate_str};

use super::figures::{Client, Figures};

/// The figures as text, for a screen of that many rows and columns if one is given. Clients that
/// call most stand first; those for which there is no room are counted.
pub(super) fn text(figures: &Figures, screen: Option<(usize, usize)>) -> String {
    let mut lines = head(figures);
    let mut clients: Vec<&Client> = figures.clients.iter().collect();
    clients.sort_by(|one, other| {
        let by_rate = other.calls_per_second.total_cmp(&one.calls_per_second);
        by_rate.then(one.number.cmp(&other.number))
    });
    let room = screen.map_or(usize::MAX, |(rows, _)| {
        rows.saturating_sub(lines.len() + RESERVED_LINES)
    });
    lines.push(line(&HEADING.map(str::to_owned)));
    lines.extend(clients.iter().take(room).map(|client| row(client)));
    if clients.len() > room {
        lines.push(format!("and {} more", clients.len() - room));
    }
    let width = screen.map_or(usize::MAX, |(_, columns)| columns);
    lines.iter().fold(String::new(), |mut text, line| {
        text.push_str(truncate_str(line, width, "…").trim_end());
        text.push('\n');
        text
    })
}

/// The heading of the clients, the line of those left out, and the one where the cursor stands.
const RESERVED_LINES: usize = 3;

const HEADING: [&str; COLUMNS] = [
    "client",
    "kind",
    "uid",
    "pid",
    "channels",
    "depth",
    "in flight",
    "calls/s",
    "woken",
    "not woken",
    "streams",
    "credit",
];
const COLUMNS: usize = 12;
const WIDTHS: [usize; COLUMNS] = [6, 8, 6, 8, 8, 5, 9, 11, 9, 10, 7, 10];

fn head(figures: &Figures) -> Vec<String> {
    let time = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |us| format!("{us:.1}"));
    let mut calls = format!("{:.0} calls/s", figures.calls_per_second);
    // Writing to a string cannot fail.
    let _ = write!(
        calls,
        "   service p50 {} µs, p99 {} µs, p99.9 {} µs   {} calls refused",
        time(figures.service_p50_us),
        time(figures.service_p99_us),
        time(figures.service_p999_us),
        figures.refused_calls,
    );
    vec![
        calls,
        format!(
            "wakes sent {}, avoided {}   spins won {}, lost {}   sleeps {}",
            figures.wakes_sent,
            figures.wakes_avoided,
            figures.spins_won,
            figures.spins_lost,
            figures.sleeps,
        ),
        format!(
            "{} clients   since the start: {} calls, {} connections refused, {} clients corrupt",
            figures.clients.len(),
            figures.calls_since_start,
            figures.refused_connections_since_start,
            figures.corrupt_clients_since_start,
        ),
        String::new(),
    ]
}

fn row(client: &Client) -> String {
    line(&[
        client.number.to_string(),
        client.kind.to_owned(),
        client.uid.to_string(),
        client
            .pid
            .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        client.channels.to_string(),
        client.depth.to_string(),
        client.in_flight.to_string(),
        format!("{:.0}", client.calls_per_second),
        client.wakes_sent.to_string(),
        client.wakes_avoided.to_string(),
        client.streams.to_string(),
        client.credit_bytes.to_string(),
    ])
}

fn line(cells: &[String; COLUMNS]) -> String {
    let cells = cells.iter().zip(WIDTHS);
    let padded = cells.map(|(cell, width)| pad_str(cell, width, Alignment::Right, None));
    padded.collect::<Vec<_>>().join("  ")
}

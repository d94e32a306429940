//! `prixfixe capacity`: what a wished load takes, reckoned from results.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use prixfixe_load::capacity::{self, Capacity as Answer, Sample, Wish};
use prixfixe_load::plan::MessageSize;
use prixfixe_load::results::{Cell, ResultFolder};

use crate::cli::Outcome;

/// Reckon how many servers, how much memory, CPU, bandwidth and disk a load takes
///
/// From results of `prixfixe stress`, with the formula and its numbers. An instance is a server on
/// a machine like the measured one.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: prixfixe capacity --load 5000/s --size 10KiB --from burst --headroom 30%"
)]
pub(crate) struct Capacity {
    /// Messages per second, as 5000/s; per minute, hour or day as 1000000/d
    #[arg(long, value_name = "RATE", value_parser = load)]
    load: f64,

    /// The mean size of a message: small, medium, large, xlarge, 10KiB
    #[arg(long, value_name = "SIZE")]
    size: MessageSize,

    /// Results to reckon from: paths, names in the folder, `latest`, scenarios. Without it all of
    /// the folder that can be used
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<String>,

    /// The folder in which results are kept
    #[arg(long, value_name = "FOLDER", default_value = ResultFolder::USUAL)]
    folder: PathBuf,

    /// The share of an instance that stays free at the peak, from 0 % to below 100 %
    #[arg(long, value_name = "PERCENT", default_value = "30%", value_parser = headroom)]
    headroom: f64,

    /// How many times the load the busiest seconds bring; 1 if the load is that of the peak
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = factor)]
    peak_factor: f64,

    /// Connections at the same time; without it they follow from the measured time of a delivery
    #[arg(long, value_name = "NUMBER")]
    connections: Option<u32>,

    /// The most connections that one instance is set to take
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    connection_limit: Option<u32>,

    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Capacity {
    /// Does what the flags say.
    pub(crate) fn run(self) -> io::Result<Outcome> {
        let wish = Wish {
            load: self.load,
            // A size is at most 1 GiB.
            size: u32::try_from(self.size.octets()).map_or(f64::INFINITY, f64::from),
            peak_factor: self.peak_factor,
            headroom: self.headroom,
            connections: self.connections.map(f64::from),
            connection_limit: self.connection_limit.map(f64::from),
        };
        let samples = self.samples()?;
        let Some(answer) = capacity::capacity(wish, &samples) else {
            return Err(io::Error::other(
                "there is no result to reckon from; `prixfixe stress burst` makes one",
            ));
        };
        if self.json {
            let text = serde_json::to_string_pretty(&answer)?;
            writeln!(io::stdout(), "{text}")?;
        } else {
            print(&answer)?;
        }
        Ok(Outcome::Done)
    }

    /// Files that were asked for must do; of a folder those are taken that do.
    fn samples(&self) -> io::Result<Vec<Sample>> {
        let folder = ResultFolder::new(&self.folder);
        if self.from.is_empty() {
            let listing = folder.list().map_err(|error| {
                let text = format!("{}: {error}", folder.path().display());
                io::Error::new(error.kind(), text)
            })?;
            let (samples, refused) = capacity::usable(&listing.results);
            for refusal in refused {
                writeln!(io::stderr(), "prixfixe capacity: passed over: {refusal}")?;
            }
            return Ok(samples);
        }
        let mut samples = Vec::new();
        for name in &self.from {
            let kept = folder.find(name).map_err(io::Error::other)?;
            samples.extend(capacity::samples(&kept).map_err(io::Error::other)?);
        }
        Ok(samples)
    }
}

fn print(answer: &Answer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let wish = &answer.wish;
    writeln!(
        out,
        "For {} messages/s of {}, {} times that at the peak:\n",
        Cell::Number(wish.load),
        Cell::Octets(wish.size),
        Cell::Number(wish.peak_factor)
    )?;
    for (what, value) in [
        (
            "instances",
            format!(
                "{}, asked for by {}",
                answer.instances,
                answer.bottleneck.name()
            ),
        ),
        (
            "processors in all",
            Cell::Number(answer.processors).to_string(),
        ),
        (
            "memory of each",
            Cell::Octets(answer.memory_per_instance).to_string(),
        ),
        (
            "bandwidth in all",
            format!("{} Mbit/s", Cell::Number(answer.bits_per_second / 1e6)),
        ),
        (
            "disk",
            format!("{} per day in all", Cell::Octets(answer.disk_per_day)),
        ),
    ] {
        writeln!(out, "  {what:<18} {value}")?;
    }
    writeln!(out, "\nMeasured:")?;
    for source in &answer.sources {
        writeln!(out, "  {source}")?;
    }
    writeln!(out, "\nReckoned:")?;
    for step in &answer.steps {
        writeln!(out, "  {} = {}", step.what, step.formula)?;
        writeln!(out, "      = {} = {}", step.numbers, step.value)?;
    }
    drop(out);
    for warning in &answer.warnings {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    Ok(())
}

fn load(text: &str) -> Result<f64, String> {
    let (number, unit_s) = match text.split_once('/') {
        None | Some((_, "s")) => (text.trim_end_matches("/s"), 1.0),
        Some((number, "min")) => (number, 60.0),
        Some((number, "h")) => (number, 3600.0),
        Some((number, "d")) => (number, 86_400.0),
        Some(_) => return Err(LOAD.to_owned()),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= MOST_LOAD => Ok(number / unit_s),
        _ => Err(LOAD.to_owned()),
    }
}

const LOAD: &str = "write a load as 5000/s, 300000/min, 1000000/h or 50000000/d";

/// More than all mail of the world, in messages per unit.
const MOST_LOAD: f64 = 1e12;

fn headroom(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(percent) if (0.0..100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("write head-room in percent, from 0% to below 100%".to_owned()),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (1.0..=1000.0).contains(&factor) => Ok(factor),
        _ => Err("write a number from 1 to 1000".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn loads_have_units() {
        for (text, per_second) in [
            ("5000/s", 5000.0),
            ("5000", 5000.0),
            ("600/min", 10.0),
            ("86400/d", 1.0),
        ] {
            assert!((load(text).unwrap() - per_second).abs() < 1e-9, "{text}");
        }
        for text in ["", "/s", "0/s", "-1/s", "inf", "NaN/s", "1/week", "1/s/s"] {
            assert!(load(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headroom_is_below_the_whole() {
        assert!((headroom("30 %").unwrap() - 0.3).abs() < 1e-9);
        assert!(headroom("100%").is_err() && headroom("-1").is_err());
        assert!(factor("0.5").is_err() && factor("3").is_ok());
    }
}

//! `prixfixe results report`.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use prixfixe_load::report::{self, MARK, MOST_RUNS, Run};
use prixfixe_load::results::{KeptResult, ResultFolder};

use crate::cli::Outcome;

/// Make one HTML page of results, with charts; several are shown side by side
///
/// The page needs nothing but itself: it can be mailed, and opened without a network. An older
/// report of the same name is replaced, any other file is left alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe results report latest\n          \
                        prixfixe results report before.json after.json -o difference.html")]
pub(super) struct Report {
    /// The results, the one to compare the others with first
    #[arg(value_name = "FILE", required = true, num_args = 1..=MOST_RUNS)]
    files: Vec<String>,

    /// Where the page goes; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
}

impl Report {
    pub(super) fn run(self, folder: &ResultFolder) -> io::Result<Outcome> {
        let files = self.files.iter();
        let results: Vec<KeptResult> = files
            .map(|name| super::find(folder, name))
            .collect::<io::Result<_>>()?;
        let names = names(&results);
        let runs: Vec<Run<'_>> = names
            .iter()
            .zip(&results)
            .map(|(name, kept)| Run {
                name,
                result: &kept.result,
            })
            .collect();
        let page = report::page(&runs).map_err(io::Error::other)?;
        if self.output == Path::new("-") {
            io::stdout().lock().write_all(page.as_bytes())?;
            return Ok(Outcome::Done);
        }
        let path = &self.output;
        let at =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        if path.try_exists().map_err(at)? && !is_report(path).map_err(at)? {
            writeln!(
                io::stderr(),
                "prixfixe results report: {} is not a report and stays as it is; name another file with -o",
                path.display()
            )?;
            return Ok(Outcome::Misused);
        }
        replace(path, &page).map_err(at)?;
        let shown = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        writeln!(io::stdout(), "{}", shown.display())?;
        Ok(Outcome::Done)
    }
}

/// What files are called without their folder, unless two are called the same.
fn names(results: &[KeptResult]) -> Vec<String> {
    let short: Vec<String> = results
        .iter()
        .map(|kept| {
            let stem = kept.path.file_stem().unwrap_or(kept.path.as_os_str());
            stem.to_string_lossy().into_owned()
        })
        .collect();
    let ambiguous = |name: &String| short.iter().filter(|other| *other == name).count() > 1;
    short
        .iter()
        .zip(results)
        .map(|(name, kept)| {
            if ambiguous(name) {
                kept.path.display().to_string()
            } else {
                name.clone()
            }
        })
        .collect()
}

/// Whether a file is one that this command made.
fn is_report(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_OCTETS).read_to_end(&mut head)?;
    Ok(String::from_utf8_lossy(&head).contains(MARK))
}

/// Within so many octets a report says that it is one.
const HEAD_OCTETS: u64 = 1024;

/// Writes a file as a whole or not at all.
fn replace(path: &Path, page: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut beside = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    beside.write_all(page.as_bytes())?;
    beside.persist(path).map_err(|failed| failed.error)?;
    Ok(())
}

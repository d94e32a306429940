//! The folder in which results are kept: how their files are named, and how they are found again.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::result::{ReadError, ResultFile};

/// A folder of result files. It need not exist before something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFolder {
    path: PathBuf,
}

impl ResultFolder {
    /// Where results are kept unless somebody says otherwise: in the working folder.
    pub const USUAL: &'static str = "prixfixe-results";

    /// The folder at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path for a new result, `20261121T174500Z-burst.json`, in the folder, which is made if it
    /// is not there. The file is not; a second one of the same second gets `-2`, and so on.
    pub fn new_file(&self, scenario: &str, started_at: Timestamp) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.path)?;
        let time = started_at
            .to_zoned(TimeZone::UTC)
            .strftime("%Y%m%dT%H%M%SZ");
        let stem = format!("{time}-{}", name_in_file(scenario));
        for number in 1..=Self::MOST_PER_SECOND {
            let name = match number {
                1 => format!("{stem}.json"),
                _ => format!("{stem}-{number}.json"),
            };
            let path = self.path.join(name);
            if !path.try_exists()? {
                return Ok(path);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{}: {stem}.json and all its numbers", self.path.display()),
        ))
    }

    /// How many results of one scenario may begin in one second.
    const MOST_PER_SECOND: u32 = 1000;

    /// All results, the newest last, and the files that are none. Empty without the folder.
    pub fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for path in self.files()? {
            match ResultFile::read(&path) {
                Ok(result) => listing.results.push(KeptResult { path, result }),
                Err(error) => listing.unreadable.push(error),
            }
        }
        listing.results.sort_by_cached_key(KeptResult::order);
        Ok(listing)
    }

    /// The result that `name` means: a path, a name in the folder with or without `.json`, `latest`,
    /// or a scenario, which is the latest of it.
    pub fn find(&self, name: &str) -> Result<KeptResult, FindError> {
        for path in [
            PathBuf::from(name),
            self.path.join(name),
            self.path.join(format!("{name}.json")),
        ] {
            if path.is_file() {
                return Ok(KeptResult {
                    result: ResultFile::read(&path)?,
                    path,
                });
            }
        }
        let folder = || self.path.clone();
        let mut listing = self.list().map_err(|error| FindError::Folder {
            folder: folder(),
            error,
        })?;
        if listing.results.is_empty() {
            return Err(FindError::Empty { folder: folder() });
        }
        listing
            .results
            .retain(|kept| name == Self::LATEST || kept.result.scenario == name);
        listing.results.pop().ok_or_else(|| FindError::NotThere {
            name: name.to_owned(),
            folder: folder(),
        })
    }

    /// The name of the newest result of all.
    pub const LATEST: &'static str = "latest";

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension() == Some(OsStr::new("json")) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

/// A scenario as a part of a file name, whatever somebody called it.
fn name_in_file(scenario: &str) -> String {
    scenario
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => character,
            _ => '-',
        })
        .collect()
}

/// What is in a folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// The results, the newest last.
    pub results: Vec<KeptResult>,
    /// The files that cannot be used, each with the reason.
    pub unreadable: Vec<ReadError>,
}

/// A result and where it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptResult {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub result: ResultFile,
}

impl KeptResult {
    /// The name of the file without its folder.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// When it began, if the file says so in a way that can be read.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.result.started_at.parse().ok()
    }

    fn order(&self) -> (Option<Timestamp>, PathBuf) {
        (self.started_at(), self.path.clone())
    }
}

/// A result that is not found, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It is there and cannot be used.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no result at all.
    #[error("there is no result in {} yet; `prixfixe stress quick` makes one", .folder.display())]
    Empty {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// There is none of this name.
    #[error(
        "{name:?} is neither a file, nor a result or a scenario in {}; \
         `prixfixe results list` shows what is there",
        .folder.display()
    )]
    NotThere {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The folder cannot be read.
    #[error("{}: {error}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::result::{Machine, Measurement, SCHEMA};

    fn result(scenario: &str, started_at: &str) -> ResultFile {
        ResultFile {
            schema: SCHEMA,
            scenario: scenario.to_owned(),
            started_at: started_at.to_owned(),
            passed: true,
            faults: Vec::new(),
            whole: Measurement::default(),
            parts: Vec::new(),
            tables: Vec::new(),
            disk_probe: None,
            machine: Machine::default(),
            versions: std::collections::BTreeMap::default(),
            command: String::new(),
        }
    }

    fn keep(folder: &ResultFolder, scenario: &str, started_at: &str) -> PathBuf {
        let path = folder
            .new_file(scenario, started_at.parse().unwrap())
            .unwrap();
        result(scenario, started_at).write(&path).unwrap();
        path
    }

    fn folder() -> (tempfile::TempDir, ResultFolder) {
        let place = tempfile::tempdir().unwrap();
        let folder = ResultFolder::new(place.path().join("results"));
        (place, folder)
    }

    #[test]
    fn a_file_is_named_after_its_time_and_scenario_and_none_is_named_twice() {
        let (_place, folder) = folder();
        let first = keep(&folder, "burst", "2026-11-21T17:45:00.25Z");
        let second = keep(&folder, "burst", "2026-11-21T17:45:00.75Z");
        assert_eq!(first, folder.path().join("20261121T174500Z-burst.json"));
        assert_eq!(second, folder.path().join("20261121T174500Z-burst-2.json"));
        let strange = keep(&folder, "../a b", "2026-11-21T17:45:00Z");
        assert_eq!(strange, folder.path().join("20261121T174500Z----a-b.json"));
    }

    #[test]
    fn the_newest_stands_last_and_what_is_no_result_is_named() {
        let (_place, folder) = folder();
        assert!(folder.list().unwrap().results.is_empty());
        let newest = keep(&folder, "quick", "2026-11-21T18:00:00Z");
        result("burst", "2026-11-20T18:00:00Z")
            .write(&folder.path().join("z.json"))
            .unwrap();
        fs::write(folder.path().join("broken.json"), "{").unwrap();
        fs::write(folder.path().join("run.ledger"), "").unwrap();
        let listing = folder.list().unwrap();
        let names: Vec<String> = listing.results.iter().map(KeptResult::name).collect();
        assert_eq!(names, ["z.json", "20261121T180000Z-quick.json"]);
        assert_eq!(listing.results[1].path, newest);
        let [error] = &listing.unreadable[..] else {
            panic!("{:?}", listing.unreadable)
        };
        assert!(error.to_string().contains("broken.json"), "{error}");
    }

    #[test]
    fn a_result_is_found_by_path_name_latest_and_scenario() {
        let (_place, folder) = folder();
        assert!(matches!(
            folder.find("latest"),
            Err(FindError::Empty { .. })
        ));
        let old = keep(&folder, "burst", "2026-11-21T17:00:00Z");
        let newer = keep(&folder, "burst", "2026-11-21T17:30:00Z");
        let quick = keep(&folder, "quick", "2026-11-21T18:00:00Z");
        for (name, path) in [
            (old.to_str().unwrap(), &old),
            ("20261121T170000Z-burst.json", &old),
            ("20261121T170000Z-burst", &old),
            ("burst", &newer),
            ("latest", &quick),
        ] {
            assert_eq!(&folder.find(name).unwrap().path, path, "{name}");
        }
        assert!(matches!(
            folder.find("soak"),
            Err(FindError::NotThere { .. })
        ));
    }
}

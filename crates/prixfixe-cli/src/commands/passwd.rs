//! `prixfixe passwd`.

use std::{
    fs,
    io::{self, BufRead, Write},
    os::unix::fs::{MetadataExt, fchown},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use console::Term;
use prixfixe::{
    PasswordFile, Secret,
    auth::{PasswordEntry, PasswordScheme, prepare_password, prepare_user},
};
use tempfile::NamedTempFile;

use crate::cli::{GlobalFlags, Outcome};
use crate::commands::check_config;
use crate::config::{self, Sources};

/// Set, change, check or delete a user's password in a password file
///
/// Asks for the password twice on a terminal. The file is made when it is missing, and replaced as
/// a whole; other lines stay as they are. A running server reads it again at SIGHUP.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe passwd /etc/prixfixe/users anna\n          \
    prixfixe passwd --config prixfixe.toml anna\n          \
    pass show mail/anna | prixfixe passwd users anna --stdin --scheme argon2id\n          \
    prixfixe passwd users anna --delete"
)]
pub(crate) struct Passwd {
    /// The password file, unless `auth.password_file` of the settings names it, and the user
    #[arg(num_args = 1..=2, required = true, value_names = ["FILE", "USER"])]
    names: Vec<String>,

    /// In which form the password is kept
    #[arg(long, value_enum, default_value = "scram")]
    scheme: Scheme,

    /// Read the password from the first line of standard input
    #[arg(long)]
    stdin: bool,

    /// Delete the user
    #[arg(long, conflicts_with_all = ["verify", "stdin"])]
    delete: bool,

    /// Only say whether the password is right: exit code 0 if it is, else 1
    #[arg(long)]
    verify: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scheme {
    /// Keys of SCRAM-SHA-256: every way to log in works
    Scram,
    /// Argon2id, which costs a thief more: PLAIN and LOGIN work
    Argon2id,
}

impl Passwd {
    /// Does what was asked for.
    pub(crate) fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        let mut names = self.names.iter().rev();
        let (user, file) = (names.next().cloned().unwrap_or_default(), names.next());
        let path = match file {
            Some(path) => PathBuf::from(path),
            None => match configured(global)? {
                Some(path) => path,
                None => return Ok(Outcome::Misused),
            },
        };
        let user = match prepare_user(&user) {
            Ok(user) if is_writable(&user) => user,
            _ => {
                return misused(
                    "the user's name cannot be used; it holds a `:` or a control character, is empty, or begins with `#` or `*`",
                );
            }
        };
        let mut text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && !self.delete && !self.verify =>
            {
                String::new()
            }
            Err(error) => return Err(named(&path, error)),
        };
        PasswordFile::check_text(&text).map_err(|error| named(&path, error))?;
        if self.delete {
            let left = without(&text, &user).ok_or_else(|| unknown(&path, &user))?;
            return replace(&path, &left).map(|()| Outcome::Done);
        }
        let password = self.password(&user)?;
        if self.verify {
            let line = line_of(&text, &user).ok_or_else(|| unknown(&path, &user))?;
            let entry: PasswordEntry = line.parse().map_err(|error| named(&path, error))?;
            if entry.is_password(&password) {
                return Ok(Outcome::Done);
            }
            return Err(io::Error::other("wrong password"));
        }
        let scheme = match self.scheme {
            Scheme::Scram => PasswordScheme::ScramSha256,
            Scheme::Argon2id => PasswordScheme::Argon2id,
        };
        let entry = PasswordEntry::generate(scheme, &password).ok_or_else(no_random_numbers)?;
        if line_of(&text, SECRET).is_none() {
            // Without it the salts of users that do not exist would change with each start, which
            // tells them from the others.
            text.insert_str(0, &PasswordFile::new_text().ok_or_else(no_random_numbers)?);
        }
        replace(&path, &with(&text, &user, &entry)).map(|()| Outcome::Done)
    }

    fn password(&self, user: &str) -> io::Result<Secret> {
        let terminal = Term::stderr();
        let given = if self.stdin {
            Secret::new(first_line()?)
        } else if terminal.is_term() {
            let given = ask(&terminal, &format!("Password of {user}: "))?;
            if !self.verify && ask(&terminal, "Once more: ")?.expose() != given.expose() {
                return Err(io::Error::other("the two passwords differ"));
            }
            given
        } else {
            return Err(io::Error::other("there is no terminal; add --stdin"));
        };
        prepare_password(given.expose())
            .map_err(|error| io::Error::other(format!("the password cannot be used: {error}")))
    }
}

fn first_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

fn ask(terminal: &Term, prompt: &str) -> io::Result<Secret> {
    terminal.write_str(prompt)?;
    terminal.read_secure_line().map(Secret::new)
}

/// The file that the settings name.
fn configured(global: &GlobalFlags) -> io::Result<Option<PathBuf>> {
    let sources = Sources {
        file: global.settings_file(),
        environment: std::env::vars_os().collect(),
        flags: Vec::new(),
    };
    match config::load(&sources) {
        Ok(loaded) => match loaded.settings.auth.password_file {
            Some(file) => Ok(Some(file.as_path().to_owned())),
            None => misused("no password file; give one, or set auth.password_file").map(|_| None),
        },
        Err(faults) => {
            check_config::show(faults.findings(), "")?;
            Ok(None)
        }
    }
}

fn misused(text: &str) -> io::Result<Outcome> {
    writeln!(io::stderr(), "prixfixe passwd: {text}")?;
    Ok(Outcome::Misused)
}

fn named(path: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

fn unknown(path: &Path, user: &str) -> io::Error {
    named(path, format!("there is no user {user}"))
}

fn no_random_numbers() -> io::Error {
    io::Error::other("the system has no random numbers")
}

/// Whether a line with this name would be read as one.
fn is_writable(user: &str) -> bool {
    !user.contains(':') && !user.starts_with(['#', '*'])
}

/// Whose line keeps the secret of the file.
const SECRET: &str = "*";

/// What stands behind the user's name.
fn line_of<'t>(text: &'t str, user: &str) -> Option<&'t str> {
    let entry = |line: &'t str| line.trim_end().strip_prefix(user)?.strip_prefix(':');
    text.lines().find_map(entry)
}

/// The text without the user; none if it has none of that name.
fn without(text: &str, user: &str) -> Option<String> {
    line_of(text, user)?;
    let others = text
        .split_inclusive('\n')
        .filter(|line| line_of(line, user).is_none());
    Some(others.collect())
}

/// The text with the user's line, in its place or at the end.
fn with(text: &str, user: &str, entry: &PasswordEntry) -> String {
    let line = format!("{user}:{entry}\n");
    if line_of(text, user).is_some() {
        let lines = text.split_inclusive('\n');
        return lines
            .map(|old| {
                if line_of(old, user).is_some() {
                    &line
                } else {
                    old
                }
            })
            .collect();
    }
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{text}{end}{line}")
}

/// Puts a new file in the place of the old one, also if a link leads there: whoever reads
/// meanwhile, and a crash, finds one or the other. A new file can be read by its owner alone; an
/// old one keeps its owner, group and permissions, so that a server under another user can go on
/// reading it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let write = || {
        let place = match fs::canonicalize(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            place => place?,
        };
        let folder = match place.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut file = NamedTempFile::new_in(folder)?;
        if let Ok(old) = fs::metadata(&place) {
            let new = file.as_file().metadata()?;
            if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
                fchown(file.as_file(), Some(old.uid()), Some(old.gid()))?;
            }
            file.as_file().set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&place).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(|error| named(path, error))
}

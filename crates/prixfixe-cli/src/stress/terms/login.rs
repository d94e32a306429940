//! Who logs in. A password never stands on the command line, which every user of the machine sees.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use console::Term;
use prixfixe_load::plan::{Login, Mechanism};

use super::Misuse;

#[derive(Debug, Args)]
#[command(next_help_heading = "Login")]
pub(super) struct LoginFlags {
    /// Log in as this user, with the password from --password-file, from STRESS_PASSWORD, or asked
    /// for on the terminal
    #[arg(long, value_name = "USER")]
    auth: Option<String>,

    /// How to log in
    #[arg(
        long,
        value_enum,
        value_name = "MECHANISM",
        default_value = "plain",
        requires = "auth"
    )]
    auth_mechanism: By,

    /// The file whose first line is the password
    #[arg(long, value_name = "FILE", requires = "auth")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// AUTH PLAIN
    Plain,
    /// AUTH LOGIN
    Login,
}

impl LoginFlags {
    pub(super) fn login(&self) -> Result<Option<Login>, Misuse> {
        let Some(user) = &self.auth else {
            return Ok(None);
        };
        Ok(Some(Login {
            user: user.clone(),
            password: self.password(user)?,
            mechanism: match self.auth_mechanism {
                By::Plain => Mechanism::Plain,
                By::Login => Mechanism::Login,
            },
        }))
    }

    fn password(&self, user: &str) -> Result<String, Misuse> {
        if let Some(file) = &self.password_file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Misuse(format!("--password-file {}: {error}", file.display())))?;
            return match text.lines().next() {
                Some(line) if !line.is_empty() => Ok(line.to_owned()),
                _ => Misuse::because(format!(
                    "--password-file {}: its first line is empty",
                    file.display()
                )),
            };
        }
        if let Ok(password) = std::env::var(VARIABLE) {
            return Ok(password);
        }
        let terminal = Term::stderr();
        if !terminal.is_term() {
            return Misuse::because(format!(
                "--auth needs a password: give --password-file, or set {VARIABLE}"
            ));
        }
        let asked = terminal
            .write_str(&format!("Password of {user}: "))
            .and_then(|()| terminal.read_secure_line());
        asked.map_err(|error| Misuse(format!("the password could not be asked for: {error}")))
    }
}

/// Not one of PRIXFIXE_…, all of which are settings of a server.
const VARIABLE: &str = "STRESS_PASSWORD";

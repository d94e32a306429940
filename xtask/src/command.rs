//! What `cargo xtask` can be told.

use crate::failure::Failure;

/// One task, as asked for on the command line.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Setup,
    Test {
        effort: Effort,
    },
    Tidy,
    Fuzz {
        target: Option<String>,
        seconds: u32,
    },
    Models,
    Mutants {
        name: Option<String>,
    },
}

/// How much time a test run may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effort {
    /// Everything once, in less than 20 minutes on two cores.
    Short,
    /// More kill rounds, longer fuzzing, and the mutants.
    Long,
}

pub(crate) const USAGE: &str = "\
Usage: cargo xtask TASK

  setup                           install what the tests need (Debian, as root)
  test [--long]                   set up, check and test everything
  tidy                            check the rules that the compiler does not know
  fuzz [TARGET] [--seconds N]     run one or all fuzz targets, 60 s each unless told
  models                          try all courses of the protocols between processes
  mutants [NAME]                  prove that the safety tests notice broken code
  help                            print this";

/// Every task's name; the documentation check holds the docs to this list.
pub(crate) const NAMES: [&str; 7] = ["setup", "test", "tidy", "fuzz", "models", "mutants", "help"];

const DEFAULT_FUZZ_SECONDS: u32 = 60;

impl Command {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let mut words = words.into_iter();
        let Some(task) = words.next() else {
            return Ok(Self::Help);
        };
        let rest: Vec<String> = words.collect();
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        match (task.as_str(), rest.as_slice()) {
            ("help" | "--help" | "-h", _) => Ok(Self::Help),
            ("setup", []) => Ok(Self::Setup),
            ("test", []) => Ok(Self::Test {
                effort: Effort::Short,
            }),
            ("test", ["--long"]) => Ok(Self::Test {
                effort: Effort::Long,
            }),
            ("tidy", []) => Ok(Self::Tidy),
            ("fuzz", rest) => parse_fuzz(rest),
            ("models", []) => Ok(Self::Models),
            ("mutants", []) => Ok(Self::Mutants { name: None }),
            ("mutants", [name]) => Ok(Self::Mutants {
                name: Some((*name).to_owned()),
            }),
            (task, rest) => Err(Failure::new(format!(
                "not understood: {task} {}",
                rest.join(" ")
            ))),
        }
    }
}

fn parse_fuzz(words: &[&str]) -> Result<Command, Failure> {
    let (target, rest) = match words {
        [first, rest @ ..] if !first.starts_with("--") => (Some((*first).to_owned()), rest),
        rest => (None, rest),
    };
    let seconds = match rest {
        [] => DEFAULT_FUZZ_SECONDS,
        ["--seconds", number] => number
            .parse()
            .map_err(|_| Failure::new(format!("--seconds wants a whole number, not `{number}`")))?,
        _ => {
            return Err(Failure::new(format!(
                "not understood: fuzz {}",
                words.join(" ")
            )));
        }
    };
    Ok(Command::Fuzz { target, seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Failure> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn each_task_is_understood() {
        assert_eq!(parse("").unwrap(), Command::Help);
        assert_eq!(
            parse("test --long").unwrap(),
            Command::Test {
                effort: Effort::Long
            }
        );
        assert_eq!(
            parse("fuzz body --seconds 5").unwrap(),
            Command::Fuzz {
                target: Some("body".into()),
                seconds: 5
            }
        );
        assert_eq!(
            parse("fuzz").unwrap(),
            Command::Fuzz {
                target: None,
                seconds: 60
            }
        );
        for name in NAMES {
            assert!(parse(name).is_ok(), "{name}");
            assert!(
                USAGE.contains(&format!("\n  {name} ")),
                "{name} is missing from the usage"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "tset",
            "test --lnog",
            "fuzz --seconds",
            "fuzz a b",
            "fuzz --seconds x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}

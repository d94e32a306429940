//! A command or flag that the docs name is one that the built binary offers.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use super::Fault;
use super::markdown::{self, Code};
use super::tree::Tree;

/// One fault per `prixfixe` command line in the docs that the binary's help does not know.
pub(super) fn check(tree: &Tree, help: &mut Help) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree
        .texts_ending(".md")
        .filter(|(path, _)| *path != HISTORY)
    {
        for code in markdown::code(text)
            .iter()
            .filter(|code| code.may_be_command())
        {
            if let Some(message) = words_of(code).and_then(|words| help.refuses(&words)) {
                faults.push(Fault::at(path, code.line, message));
            }
        }
    }
    faults
}

/// What was true of an old release stays written.
const HISTORY: &str = "CHANGELOG.md";

/// The words behind `prixfixe`, where the code begins with it.
fn words_of<'a>(code: &Code<'a>) -> Option<Vec<&'a str>> {
    let line = code.text.trim_start_matches(['$', ' ']);
    let mut words = line.split_whitespace();
    let program = words.next()?;
    if program != "prixfixe" && !program.ends_with("/prixfixe") {
        return None;
    }
    Some(
        words
            .take_while(|word| !["|", "&", "&&", ";", ">", "#", "\\"].contains(word))
            .collect(),
    )
}

/// Prints the help of a subcommand.
type Ask = Box<dyn Fn(&[&str]) -> String>;

/// The help texts of a binary, each asked for once.
pub(super) struct Help {
    ask: Ask,
    known: HashMap<String, String>,
}

impl Help {
    pub(super) fn of(binary: &Path) -> Self {
        let binary = binary.to_owned();
        Self::from(move |subcommand: &[&str]| {
            let output = Command::new(&binary)
                .args(subcommand)
                .arg("--help")
                .output();
            output
                .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
                .unwrap_or_default()
        })
    }

    fn from(ask: impl Fn(&[&str]) -> String + 'static) -> Self {
        Self {
            ask: Box::new(ask),
            known: HashMap::new(),
        }
    }

    /// Why the binary would not take these words. A word that is no subcommand is refused only
    /// where subcommands are expected; elsewhere it is an argument.
    fn refuses(&mut self, words: &[&str]) -> Option<String> {
        let mut depth = 0;
        while let Some(word) = words.get(depth).filter(|word| is_name(word)) {
            let subcommands = subcommands(self.text(&words[..depth]));
            if subcommands.is_empty() {
                break;
            }
            if !subcommands.iter().any(|known| known == word) {
                return Some(format!(
                    "prixfixe has no command `{}`",
                    words[..=depth].join(" ")
                ));
            }
            depth += 1;
        }
        let help = self.text(&words[..depth]);
        let flags = words.iter().filter_map(|word| word.strip_prefix("--"));
        let mut flags = flags
            .map(|flag| flag.split('=').next().unwrap_or(flag))
            .filter(|flag| is_name(flag));
        let unknown = flags.find(|flag| !has_flag(help, flag))?;
        Some(format!(
            "`{}` has no flag --{unknown}",
            [&["prixfixe"], &words[..depth]].concat().join(" ")
        ))
    }

    fn text(&mut self, subcommand: &[&str]) -> &str {
        let key = subcommand.join(" ");
        self.known
            .entry(key)
            .or_insert_with(|| (self.ask)(subcommand))
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word
            .chars()
            .all(|character| character.is_ascii_lowercase() || character == '-')
}

/// The first words of the lines below `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = below.take_while(|line| line.starts_with("  "));
    let entries = listed.filter(|line| !line.starts_with("    "));
    entries
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn has_flag(help: &str, flag: &str) -> bool {
    let flags =
        help.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
    flags
        .filter_map(|word| word.strip_prefix("--"))
        .any(|known| known == flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<Fault> {
        let mut help = Help::from(|subcommand| {
            match subcommand {
                [] => {
                    "Usage\n\nCommands:\n  serve  Run it\n  inbox  Look\n\nOptions:\n  -h, --help\n"
                }
                ["inbox"] => "Commands:\n  show  One message\n\nOptions:\n  -h, --help\n",
                ["inbox", "show"] => "Options:\n      --as-received  As it came\n",
                _ => "Options:\n      --config <FILE>\n",
            }
            .to_owned()
        });
        check(&Tree::of(&[("README.md", text)]), &mut help)
    }

    #[test]
    fn what_the_binary_offers_is_fine() {
        let text = "`prixfixe serve --config FILE`, `prixfixe inbox show ID --as-received`, `prixfixe`\n\
            ```sh\n$ target/release/prixfixe serve --config=x | tee log --all\n```\n\
            ```toml\nprixfixe = \"0.1\"\n```\n";
        assert_eq!(faults(text), []);
    }

    #[test]
    fn an_unknown_command_or_flag_is_a_fault() {
        assert_eq!(faults("`prixfixe server`").len(), 1);
        assert_eq!(faults("`prixfixe inbox peek`").len(), 1);
        assert_eq!(
            faults("x\n```sh\nprixfixe serve --confgi x\n```\n").len(),
            1
        );
    }
}

//! How a mutant is written down: one small TOML file.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// One way to break the code, and the test that has to notice.
#[derive(Debug)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// The file to change, from the root of the workspace.
    pub(crate) file: String,
    /// The exact text to replace; it occurs once.
    pub(crate) find: String,
    pub(crate) replace: String,
    /// What comes after `cargo test`, split at spaces.
    pub(crate) test: String,
}

impl Mutant {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|error| Failure::at(path, &error))?;
        Self::parse(&text).map_err(|error| Failure::at(path, &error))
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| Failure::new(error.to_string()))?;
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(Failure::new(format!("unknown key `{key}`")));
        }
        let field = |key: &str| {
            let value = table.get(key).and_then(toml::Value::as_str);
            value
                .map(str::to_owned)
                .ok_or_else(|| Failure::new(format!("`{key}` wants a text")))
        };
        Ok(Self {
            name: field("name")?,
            file: field("file")?,
            find: field("find")?,
            replace: field("replace")?,
            test: field("test")?,
        })
    }

    /// The changed text of the file, or why there is none.
    pub(crate) fn mutate(&self, sound: &str) -> Result<String, Failure> {
        match sound.matches(&self.find).count() {
            1 => Ok(sound.replacen(&self.find, &self.replace, 1)),
            count => Err(Failure::new(format!(
                "mutant {}: the text to replace occurs {count} times in {}, not once",
                self.name, self.file
            ))),
        }
    }
}

const KEYS: [&str; 5] = ["name", "file", "find", "replace", "test"];

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "name = 'lf'\nfile = 'a.rs'\nfind = 'x == 1'\nreplace = 'true'\n";

    #[test]
    fn all_fields_are_read() {
        let mutant = Mutant::parse(&format!("{SAMPLE}test = '-p a --test b'")).unwrap();
        assert_eq!(mutant.test, "-p a --test b");
        assert_eq!(mutant.mutate("if x == 1 {").unwrap(), "if true {");
    }

    #[test]
    fn a_missing_or_unknown_field_is_refused() {
        assert!(Mutant::parse(SAMPLE).is_err());
        assert!(Mutant::parse(&format!("{SAMPLE}test = 'x'\ntets = 'y'")).is_err());
    }

    #[test]
    fn text_that_moved_or_is_ambiguous_is_refused() {
        let mutant = Mutant::parse(&format!("{SAMPLE}test = 'x'")).unwrap();
        assert!(mutant.mutate("nothing here").is_err());
        assert!(mutant.mutate("x == 1 || x == 1").is_err());
    }
}

//! A row of the table of keys: all that is known of a setting besides its value.

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// The table it stands in, as `limits`; empty for the keys at the top.
    pub(crate) section: &'static str,
    /// Its name in that table.
    pub(crate) name: &'static str,
    /// Whether it takes an array.
    pub(crate) is_list: bool,
    /// Whether its table cannot stand without it.
    pub(crate) is_required: bool,
    /// What a value looks like.
    pub(crate) wants: fn() -> String,
    /// The default in TOML; `None` where there is none.
    pub(crate) default: Option<&'static str>,
    /// What it does, in one sentence.
    pub(crate) doc: &'static str,
    /// Whether this version acts on it.
    pub(crate) status: Status,
}

/// A table of the file.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Its name, as `tls.sni`; empty for the top of the file.
    pub(crate) path: &'static str,
    /// Whether it is written `[[…]]` and can stand several times.
    pub(crate) repeated: bool,
    /// What it is about, in one sentence.
    pub(crate) doc: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

/// Whether this version acts on a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Status {
    /// It does.
    Built,
    /// It does not yet, whatever the value.
    Later(Missing),
    /// It does, but for these values.
    BuiltExcept(&'static [(&'static str, Missing)]),
}

/// A feature that is still to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Missing {
    /// What to call it.
    pub(crate) feature: &'static str,
    /// Whether to start without it.
    pub(crate) ignoring: Ignoring,
}

/// What starting without the feature would mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ignoring {
    /// Less comfort or less of a limit: said in a warning.
    Warned,
    /// An open door, or a listener that understands nobody: a fault.
    Unsafe,
}

impl Missing {
    /// A feature without which the server can run.
    pub(crate) const fn warned(feature: &'static str) -> Self {
        Self {
            feature,
            ignoring: Ignoring::Warned,
        }
    }

    /// A feature without which it must not.
    pub(crate) const fn refused(feature: &'static str) -> Self {
        Self {
            feature,
            ignoring: Ignoring::Unsafe,
        }
    }
}

/// Keys that deployments set by names of their own, beside the systematic ones.
const SHORT_VARIABLES: [(&str, &str); 5] = [
    ("domain", "SMTP_DOMAIN"),
    ("max_connections", "SMTP_MAX_CONNECTIONS"),
    ("max_message_size", "SMTP_MAX_MESSAGE_SIZE"),
    ("tls.certificate", "SMTP_TLS_CERT"),
    ("tls.key", "SMTP_TLS_KEY"),
];

impl Key {
    /// The path in the file, as `limits.reply_buffer`.
    pub(crate) fn path(&self) -> String {
        join(self.section, self.name)
    }

    /// The variables that set it: the short one, if it has one, and `PRIXFIXE_<SECTION>__<KEY>`.
    pub(crate) fn variables(&self) -> Vec<String> {
        let path = self.path();
        let short = SHORT_VARIABLES.iter().find(|(key, _)| *key == path);
        let long = format!("PRIXFIXE_{}", path.replace('.', "__").to_uppercase());
        short
            .map(|(_, name)| (*name).to_owned())
            .into_iter()
            .chain([long])
            .collect()
    }
}

/// The path of `name` in `section`.
pub(crate) fn join(section: &str, name: &str) -> String {
    if section.is_empty() {
        name.to_owned()
    } else {
        format!("{section}.{name}")
    }
}

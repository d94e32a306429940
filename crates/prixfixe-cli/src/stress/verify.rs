//! `prixfixe stress verify`.

use std::io::{self, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use prixfixe_load::export::{self, ExportError, FileForm, Form};
use prixfixe_load::result::{Findings, Verification};
use prixfixe_load::verify::{Account, AccountError};

use super::store_source::{self, StoreError};
use crate::cli::Outcome;

/// Compare what a run had acknowledged with what arrived
///
/// Every message of a run carries its number and a hash, and the run's ledger says how each was
/// answered. A message that was acknowledged and is not there is lost; one that is there more often
/// is duplicated, one with other octets altered, one that is stored for others than its recipients,
/// or not for all of them, misdelivered; and what was refused must not be there at all.
/// Exit code 0 says that it holds, 1 that it does not, 2 that it could not be told, as with a ledger
/// that broke off or that acknowledges nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe stress verify --ledger run.ledger --store /var/lib/prixfixe
          prixfixe stress verify --ledger run.ledger --export /srv/mail/load/Maildir
          prixfixe stress verify --ledger run.ledger --export dump --form sink-dump --json"
)]
pub(crate) struct Verify {
    /// The ledgers of one or several runs, all of them with their end
    #[arg(long = "ledger", value_name = "FILE", required = true, num_args = 1..)]
    ledgers: Vec<PathBuf>,

    /// The folder of a store of this program, whether its server runs or not; several of them if
    /// the run had several servers
    #[arg(long = "store", value_name = "DIR", num_args = 1.., required_unless_present = "exports")]
    stores: Vec<PathBuf>,

    /// What another program stored: a Maildir, a folder with one message in each file, a mailbox,
    /// or a dump of smtp-sink
    #[arg(long = "export", value_name = "PATH", num_args = 1..)]
    exports: Vec<PathBuf>,

    /// The form of what --export names; otherwise it is told from its looks
    #[arg(long, value_name = "FORM", requires = "exports")]
    form: Option<FormName>,

    /// How often a message has to be there: more than once where each recipient has a copy
    #[arg(long, value_name = "COUNT", default_value_t = NonZeroU16::MIN)]
    copies: NonZeroU16,

    /// Take ledgers that broke off, as when a run was killed: what they do not have may be there, and
    /// may be lost without being seen
    #[arg(long)]
    unfinished: bool,

    /// Messages without a label and of other runs are faults: nothing but these runs may be there
    #[arg(long)]
    nothing_else: bool,

    /// Print the comparison as JSON, as result files have it
    #[arg(long)]
    json: bool,
}

/// The forms by the names of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormName {
    /// The files in new and cur
    Maildir,
    /// One message in each file, in folders below it too
    Folder,
    /// One file; lines that begin with "From ", ">From ", … have a ">" more
    Mboxrd,
    /// One file; lines that begin with "From " have a ">" more, as Postfix and Exim write it
    Mboxo,
    /// One file, as smtp-sink -D writes it
    SinkDump,
}

impl From<FormName> for Form {
    fn from(name: FormName) -> Self {
        match name {
            FormName::Maildir => Self::Maildir,
            FormName::Folder => Self::Folder,
            FormName::Mboxrd => Self::File(FileForm::Mboxrd),
            FormName::Mboxo => Self::File(FileForm::Mboxo),
            FormName::SinkDump => Self::File(FileForm::SinkDump),
        }
    }
}

impl Verify {
    /// Compares, and says what came of it.
    pub(super) fn run(&self) -> io::Result<Outcome> {
        let (verification, broken_off) = match self.compare() {
            Ok(compared) => compared,
            Err(failure) => {
                writeln!(io::stderr(), "prixfixe stress verify: {failure}")?;
                return Ok(Outcome::Misused);
            }
        };
        for warning in warnings(&verification, &broken_off) {
            writeln!(io::stderr(), "prixfixe stress verify: WARNING: {warning}")?;
        }
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &verification)?;
            writeln!(out)?;
        } else {
            print(&verification, broken_off.is_empty(), &mut out)?;
        }
        out.flush()?;
        Ok(if verification.holds() {
            Outcome::Done
        } else {
            Outcome::Failed
        })
    }

    /// The comparison, and the ledgers that broke off.
    fn compare(&self) -> Result<(Verification, Vec<PathBuf>), Failure> {
        let mut account = if self.unfinished {
            Account::open_unfinished(&self.ledgers, self.copies)?
        } else {
            Account::open(&self.ledgers, self.copies)?
        };
        let broken_off = account.unfinished_ledgers().to_vec();
        if self.nothing_else {
            account.expect_nothing_else();
        }
        for folder in &self.stores {
            store_source::take_down(folder, &mut account)?;
        }
        for path in &self.exports {
            let found = match self.form {
                Some(form) => export::open_as(path, form.into()),
                None => export::open(path),
            };
            for message in found? {
                let message = message?;
                let recipients = message.recipients.as_deref();
                account.arrived(&message.octets, recipients, &message.place);
            }
        }
        let sources: Vec<String> = [&self.stores, &self.exports]
            .into_iter()
            .flatten()
            .map(|path| path.display().to_string())
            .collect();
        let verification = account.settle(&sources.join(", "))?;
        // With nothing acknowledged there is nothing that could have been broken.
        if verification.acknowledged == 0 && verification.holds() {
            return Err(Failure::NothingAcknowledged);
        }
        Ok((verification, broken_off))
    }
}

/// Why it could not be told whether the acknowledgements were kept.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(
        "the ledger acknowledges no message, so there is nothing to be kept; did its run reach a server?"
    )]
    NothingAcknowledged,
}

fn print(verification: &Verification, is_complete: bool, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", verification.source)?;
    let mut line = |name: &str, count: u64| writeln!(out, "  {name:<22} {count:>12}");
    line("acknowledged", verification.acknowledged)?;
    line("found", verification.stored)?;
    line("lost", verification.lost.count)?;
    line("duplicated", verification.duplicated.count)?;
    line("altered", verification.altered.count)?;
    line("misdelivered", verification.misdelivered.count)?;
    line("recipients not known", verification.recipients_unknown())?;
    line("refused but stored", verification.refused_but_stored.count)?;
    line("unanswered but stored", verification.unanswered_but_stored)?;
    line("without a label", verification.unlabelled)?;
    line("of other runs", verification.of_other_runs)?;
    for (name, findings) in [
        ("lost", &verification.lost),
        ("duplicated", &verification.duplicated),
        ("altered", &verification.altered),
        ("misdelivered", &verification.misdelivered),
        ("refused but stored", &verification.refused_but_stored),
        ("foreign", &verification.foreign),
    ] {
        print_findings(name, findings, out)?;
    }
    writeln!(
        out,
        "{}",
        match (verification.holds(), is_complete) {
            (true, true) => "Every acknowledgement was kept.",
            (true, false) => "Every acknowledgement that a ledger has was kept.",
            (false, _) if only_foreign(verification) =>
                "Acknowledgements were kept, and OTHER messages found.",
            (false, _) => "Acknowledgements were NOT kept.",
        }
    )
}

/// Whether nothing is wrong but that there are messages of others.
fn only_foreign(verification: &Verification) -> bool {
    let without = Verification {
        foreign: Findings::default(),
        ..verification.clone()
    };
    without.holds()
}

/// What has to be known beside a comparison, of whatever form.
fn warnings(verification: &Verification, broken_off: &[PathBuf]) -> Vec<String> {
    let mut warnings: Vec<String> = broken_off
        .iter()
        .map(|path| {
            format!(
                "{}: the ledger has no end; messages that were acknowledged and are not in it are not looked for",
                path.display()
            )
        })
        .collect();
    let unknown = verification.recipients_unknown();
    if unknown > 0 {
        warnings.push(format!(
            "{unknown} of {} messages do not say for whom they were stored, so one that is stored for the wrong recipient is not seen; X-Original-To, Envelope-To, Delivered-To and the X-Rcpt-Args of smtp-sink would say it",
            verification.stored
        ));
    }
    let strangers = verification.unlabelled + verification.of_other_runs;
    if strangers > 0 && verification.foreign.count == 0 {
        warnings.push(format!(
            "{} without a label and {} of other runs were found: a second copy whose label was changed would be among them; where nothing else may be, take --nothing-else",
            verification.unlabelled, verification.of_other_runs
        ));
    }
    warnings
}

fn print_findings(name: &str, findings: &Findings, out: &mut impl Write) -> io::Result<()> {
    if findings.count == 0 {
        return Ok(());
    }
    writeln!(out, "{name}:")?;
    for named in &findings.named {
        writeln!(out, "  {named}")?;
    }
    let unnamed = findings.count.saturating_sub(Findings::MOST_NAMED as u64);
    if unnamed > 0 {
        writeln!(out, "  and {unnamed} more")?;
    }
    Ok(())
}

//! Flags that say which messages are meant.

use clap::Args;
use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{Filter, Order, ReadError, StoreReader};

use super::matches::Matches;
use super::moment::Moment;

/// What messages must have in common, all of it. Texts match a part, in upper or lower case.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Criteria")]
pub(crate) struct Criteria {
    /// In the address of the sender
    #[arg(long, value_name = "TEXT")]
    sender: Option<String>,

    /// In the address of a recipient
    #[arg(long, value_name = "TEXT")]
    recipient: Option<String>,

    /// In the subject, as it reads or as it was encoded
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,

    /// In header or body, byte by byte: what is encoded there is not decoded
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,

    /// Received at this time or later: 2026-01-31, 2026-01-31T08:00, RFC 3339, or 2h or 3d ago
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Received before this time; a date includes the whole day
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,

    /// In this state, such as stored
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
}

impl Criteria {
    /// The name by which clap knows all these flags together.
    pub(super) const GROUP: &'static str = "Criteria";

    /// Whether every message satisfies them.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            sender,
            recipient,
            subject,
            text,
            since,
            until,
            state,
        } = self;
        [sender, recipient, subject, text, state]
            .iter()
            .all(|text| text.is_none())
            && since.is_none()
            && until.is_none()
    }

    /// The messages that satisfy them, of which only one can have `id`.
    pub(super) fn find<'a>(
        &self,
        reader: &'a StoreReader,
        id: Option<MessageId>,
        order: Order,
    ) -> Result<Matches<'a>, ReadError> {
        let filter = Filter {
            id,
            ..self.filter()
        };
        Matches::new(reader, filter, self.subject.as_deref(), order)
    }

    /// All but the subject, of which the store knows the encoded form only.
    pub(super) fn filter(&self) -> Filter {
        Filter {
            sender: self.sender.clone(),
            recipient: self.recipient.clone(),
            text: self.text.clone(),
            received_from: self.since.map(Moment::start),
            received_before: self.until.map(Moment::end),
            state: self.state.clone(),
            ..Filter::default()
        }
    }
}

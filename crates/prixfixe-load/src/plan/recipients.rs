//! Who gets which message: a function of its number, so that who sends it and who looks for it
//! afterwards agree.

use std::num::NonZeroU32;

use super::Dialogue;

/// The addresses of a run, and which of them each message goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    local: String,
    domain: String,
    each: NonZeroU32,
    /// At least `each`.
    mailboxes: NonZeroU32,
}

impl Recipients {
    /// The most recipients of a message, ten times what RFC 5321, section 4.5.3.1.8, lets one count
    /// on.
    pub const MOST: u32 = 1000;
    /// The most addresses of a run: their commands are in memory, a few megabytes of usual ones.
    pub const MOST_MAILBOXES: u32 = 100_000;
    /// The longest address in octets that fits a command line (RFC 5321, section 4.5.3.1.3, and the
    /// room that SMTPUTF8 adds).
    pub const MOST_ADDRESS_OCTETS: usize = 1024;

    /// Messages with `each` recipients, who take turns among `mailboxes` addresses: `first`, and the
    /// same with `+1`, `+2`, … behind its local part.
    pub fn new(
        first: &str,
        each: NonZeroU32,
        mailboxes: NonZeroU32,
    ) -> Result<Self, RecipientsError> {
        if each.get() > Self::MOST {
            return Err(RecipientsError::TooMany(each.get()));
        }
        if mailboxes.get() > Self::MOST_MAILBOXES || mailboxes < each {
            return Err(RecipientsError::Mailboxes {
                mailboxes: mailboxes.get(),
                each: each.get(),
            });
        }
        let (local, domain) = parts(first)?;
        Ok(Self {
            local: local.to_owned(),
            domain: domain.to_owned(),
            each,
            mailboxes,
        })
    }

    /// Those of a dialogue.
    pub fn of(dialogue: &Dialogue) -> Result<Self, RecipientsError> {
        let first = worded(&dialogue.recipient, dialogue.smtputf8)?;
        let mailboxes = dialogue.mailboxes.unwrap_or(dialogue.recipients);
        Self::new(&first, dialogue.recipients, mailboxes)
    }

    /// How many a message has.
    pub fn each(&self) -> NonZeroU32 {
        self.each
    }

    /// How many addresses there are.
    pub fn mailboxes(&self) -> NonZeroU32 {
        self.mailboxes
    }

    /// The first address.
    pub fn first(&self) -> String {
        self.address(0)
    }

    /// An address by its number, which is below [`Recipients::mailboxes`].
    pub(crate) fn address(&self, mailbox: u32) -> String {
        let Self { local, domain, .. } = self;
        match mailbox {
            0 => format!("{local}@{domain}"),
            mailbox => format!("{local}+{mailbox}@{domain}"),
        }
    }

    /// The number of the first address of a message; the others follow it, and behind the last
    /// address comes the first.
    pub(crate) fn first_mailbox_of(&self, message: u64) -> u32 {
        let mailboxes = u64::from(self.mailboxes.get());
        let first = (message % mailboxes) * u64::from(self.each.get()) % mailboxes;
        #[allow(clippy::cast_possible_truncation, reason = "less than `mailboxes`")]
        let first = first as u32;
        first
    }

    /// The addresses of a message.
    pub fn addresses(&self, message: u64) -> impl Iterator<Item = String> {
        (0..self.each.get()).map(move |place| self.address_in(message, place))
    }

    /// The address in a place among the recipients of a message.
    pub(crate) fn address_in(&self, message: u64, place: u32) -> String {
        self.address((self.first_mailbox_of(message) + place) % self.mailboxes)
    }

    /// The place that an address has among the recipients of a message; `None` if it is none of them.
    /// Letters count the same in either case: what servers keep is often in lower case.
    pub fn place_of(&self, message: u64, address: &str) -> Option<u32> {
        let mailboxes = self.mailboxes.get();
        let place =
            (self.mailbox(address)? + mailboxes - self.first_mailbox_of(message)) % mailboxes;
        (place < self.each.get()).then_some(place)
    }

    fn mailbox(&self, address: &str) -> Option<u32> {
        let (local, domain) = address.rsplit_once('@')?;
        let begin = local.get(..self.local.len())?;
        if !domain.eq_ignore_ascii_case(&self.domain) || !begin.eq_ignore_ascii_case(&self.local) {
            return None;
        }
        let tag = &local[self.local.len()..];
        if tag.is_empty() {
            return Some(0);
        }
        let digits = tag.strip_prefix('+')?;
        let is_number = !digits.starts_with('0') && digits.bytes().all(|it| it.is_ascii_digit());
        let mailbox = digits.parse().ok().filter(|_| is_number)?;
        (mailbox < self.mailboxes.get()).then_some(mailbox)
    }
}

/// Addresses that there cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipientsError {
    /// The first one.
    #[error("{0:?} is no address: a part before @, one after it, no spaces, no < or >")]
    Address(String),
    /// It needs SMTPUTF8.
    #[error("{0:?} has letters beyond ASCII, which only SMTPUTF8 carries")]
    NotAscii(String),
    /// More than [`Recipients::MOST`].
    #[error("a message has at most {most} recipients, not {0}", most = Recipients::MOST)]
    TooMany(u32),
    /// Fewer than a message has recipients, or more than [`Recipients::MOST_MAILBOXES`].
    #[error(
        "{mailboxes} mailboxes for messages with {each} recipients: at least as many as these, and at most {most}",
        most = Recipients::MOST_MAILBOXES
    )]
    Mailboxes {
        /// How many addresses.
        mailboxes: u32,
        /// How many recipients.
        each: u32,
    },
}

/// An address as a dialogue says it: with letters beyond ASCII if they are wished for.
pub(crate) fn worded(address: &str, smtputf8: bool) -> Result<String, RecipientsError> {
    let (local, domain) = parts(address)?;
    match (address.is_ascii(), smtputf8) {
        (true, true) => Ok(format!("{local}+ü@{domain}")),
        (false, false) => Err(RecipientsError::NotAscii(address.to_owned())),
        _ => Ok(address.to_owned()),
    }
}

fn parts(address: &str) -> Result<(&str, &str), RecipientsError> {
    let no_address = || RecipientsError::Address(address.to_owned());
    let unfit =
        |letter: char| letter.is_control() || letter.is_whitespace() || "<>".contains(letter);
    if address.len() > Recipients::MOST_ADDRESS_OCTETS || address.contains(unfit) {
        return Err(no_address());
    }
    match address.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => Ok((local, domain)),
        _ => Err(no_address()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn recipients(first: &str, each: u32, mailboxes: u32) -> Recipients {
        let count = |count| NonZeroU32::new(count).unwrap();
        Recipients::new(first, count(each), count(mailboxes)).unwrap()
    }

    #[test]
    fn messages_take_turns_among_the_addresses() {
        let turns = recipients("a@b.example", 2, 5);
        let of = |message| turns.addresses(message).collect::<Vec<_>>();
        assert_eq!(of(0), ["a@b.example", "a+1@b.example"]);
        assert_eq!(of(1), ["a+2@b.example", "a+3@b.example"]);
        assert_eq!(of(2), ["a+4@b.example", "a@b.example"]);
        assert_eq!(of(5), of(0));
        // Where each message goes to all, it does so in the same order.
        let all = recipients("a@b.example", 3, 3);
        for message in [1, 2, u64::MAX] {
            assert!(all.addresses(message).eq(all.addresses(0)));
        }
    }

    #[test]
    fn every_recipient_of_a_message_has_a_place_and_nobody_else() {
        for (each, mailboxes) in [(1, 1), (1, 7), (3, 3), (3, 7), (7, 7), (1000, 100_000)] {
            let some = recipients("A+1@B.example", each, mailboxes);
            for message in [0, 1, 6, 7, 12_345, u64::MAX] {
                for (place, address) in some.addresses(message).enumerate() {
                    let place = u32::try_from(place).unwrap();
                    assert_eq!(some.place_of(message, &address), Some(place), "{address}");
                    let lower = address.to_ascii_lowercase();
                    assert_eq!(some.place_of(message, &lower), Some(place), "{lower}");
                }
                let places = (0..mailboxes)
                    .filter(|mailbox| some.place_of(message, &some.address(*mailbox)).is_some());
                assert_eq!(places.count(), each as usize);
            }
        }
        let some = recipients("a@b.example", 3, 7);
        for other in [
            "a@c.example",
            "b@b.example",
            "a+7@b.example",
            "a+0@b.example",
            "a+01@b.example",
            "a++1@b.example",
            "a+99999999999@b.example",
            "ab@b.example",
            "a",
            "",
            "ü@b.example",
        ] {
            assert_eq!(some.place_of(0, other), None, "{other}");
        }
    }

    #[test]
    fn what_can_be_no_recipients_is_refused() {
        let fault = |first: &str, each, mailboxes| {
            let count = |count| NonZeroU32::new(count).unwrap();
            Recipients::new(first, count(each), count(mailboxes)).unwrap_err()
        };
        for first in ["", "a", "@b", "a@", "a b@c", "<a@b>", "a@b\r\n"] {
            assert!(matches!(fault(first, 1, 1), RecipientsError::Address(_)));
        }
        assert_eq!(fault("a@b", 1001, 2000), RecipientsError::TooMany(1001));
        for (each, mailboxes) in [(3, 2), (1, 100_001)] {
            let expected = RecipientsError::Mailboxes { mailboxes, each };
            assert_eq!(fault("a@b", each, mailboxes), expected);
        }
    }
}

//! For whom a message was stored, as the lines say that programs put in front of it.

use crate::label::Label;

/// The fields that say it, those first that have the address of RCPT rather than what a server made
/// of it.
const FIELDS: [(&str, Holds); 5] = [
    // smtp-sink: a line for each recipient.
    ("X-Rcpt-Args", Holds::OneOfAll),
    // Postfix.
    ("X-Original-To", Holds::One),
    // Python's aiosmtpd.
    ("X-RcptTo", Holds::All),
    // Exim.
    ("Envelope-To", Holds::All),
    // Postfix, Dovecot, OpenSMTPD, qmail.
    ("Delivered-To", Holds::One),
];

/// What a line has. Whoever passed a message on before has put such lines in front of it as well:
/// where one line is enough, only the first of its name is of the last delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// The recipient of this copy.
    One,
    /// All recipients, with commas between.
    All,
    /// One of the recipients, and further lines the others.
    OneOfAll,
}

/// The recipients of a message; `None` if nothing says who they are. What follows its label is not
/// looked at: that is the sender's.
pub(super) fn of(message: &[u8]) -> Option<Vec<String>> {
    let lines: Vec<(&str, &str)> = fields_in_front(message).collect();
    FIELDS.iter().find_map(|(known, holds)| {
        let of_name = |name: &str| name.eq_ignore_ascii_case(known);
        let mut values = lines
            .iter()
            .filter(|(name, _)| of_name(name))
            .map(|(_, value)| *value);
        let first = values.next()?;
        Some(match holds {
            Holds::One => vec![bare(first)],
            Holds::All => divided(first).map(bare).collect(),
            Holds::OneOfAll => std::iter::once(first).chain(values).map(bare).collect(),
        })
    })
}

/// Names and values of the header lines up to the label. What goes on in a second line says nothing
/// of recipients.
fn fields_in_front(message: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    message
        .split(|octet| *octet == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty() && !line.starts_with(Label::NAME.as_bytes()))
        .filter_map(|line| {
            let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            Some((name.trim_end(), value.trim()))
        })
}

/// The addresses of a list; a comma within quotes is part of one.
fn divided(list: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    list.split(move |letter| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    })
}

fn bare(address: &str) -> String {
    address.trim().trim_matches(['<', '>']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(head: &str) -> Option<Vec<String>> {
        let label = "Prixfixe-Load: run=1\r\nDelivered-To: sender@says.example\r\n\r\n";
        of(format!("{head}Message-ID: <1@load.example>\r\n{label}").as_bytes())
    }

    #[test]
    fn what_programs_write_in_front_is_read() {
        for (head, expected) in [
            (
                "X-Rcpt-Args: <a@b>\nX-Rcpt-Args: <c@b>\n",
                &["a@b", "c@b"][..],
            ),
            ("X-Original-To: a@b\r\nDelivered-To: box@b\r\n", &["a@b"]),
            ("Delivered-To: box@b\nX-Original-To: a@b\n", &["a@b"]),
            (
                "envelope-to: a@b, <c@b>\nDelivery-Date: x\n",
                &["a@b", "c@b"],
            ),
            ("Envelope-To: \"a,b\"@b,c@b\n", &["\"a,b\"@b", "c@b"]),
            ("X-RcptTo: a@b, c@b\n", &["a@b", "c@b"]),
            ("Delivered-To: <a@b>\nDelivered-To: before@b\n", &["a@b"]),
            (
                "Received: from x\n\tfor <y@b>\nDelivered-To: ü@b\n",
                &["ü@b"],
            ),
        ] {
            assert_eq!(found(head).unwrap_or_default(), expected, "{head}");
        }
    }

    #[test]
    fn what_says_nothing_of_recipients_is_not_made_up() {
        for head in [
            "",
            "Received: from x for <a@b>\n",
            "To: a@b\n",
            "Delivered-To\n",
        ] {
            assert_eq!(found(head), None, "{head}");
        }
        assert_eq!(of(b""), None);
        assert_eq!(of(b"Subject: x\n\nDelivered-To: a@b\n"), None);
        assert_eq!(of(b"Delivered-To: \xff@b\n\n"), None);
    }
}

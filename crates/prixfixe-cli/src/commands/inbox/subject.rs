//! Subjects for human eyes.

use std::borrow::Cow;

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

/// A subject with its encoded words (RFC 2047) decoded. What cannot be decoded stays as it is.
pub(super) fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains("=?") {
        return Cow::Borrowed(raw);
    }
    // The parser reads a header value, which ends with its line.
    let line = format!("{raw}\n");
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => Cow::Owned(text.into_owned()),
        _ => Cow::Borrowed(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded() {
        for (raw, decoded) in [
            ("plain", "plain"),
            ("", ""),
            ("=?utf-8?q?caf=C3=A9?=", "café"),
            ("=?UTF-8?B?w7xiZXI=?= all", "über all"),
            ("=?iso-8859-1?q?caf=E9?= =?utf-8?q?_=E2=82=AC?=", "café €"),
            ("=?ISO-2022-JP?B?GyRCJDMkcyRLJEEkTxsoQg==?=", "こんにちは"),
            ("Re: =?utf-8?q?x", "Re: =?utf-8?q?x"),
            ("what=?", "what=?"),
        ] {
            assert_eq!(decode(raw), decoded, "{raw}");
        }
    }

    #[test]
    fn nothing_makes_it_panic() {
        let alphabet = [
            "=?", "?=", "utf-8", "?q?", "?b?", "=", "=0", " ", "\t", "\r", "é", "w7",
        ];
        // Every text of four of these.
        for number in 0..alphabet.len().pow(4) {
            let raw: String = (0..4)
                .map(|place| alphabet[number / alphabet.len().pow(place) % alphabet.len()])
                .collect();
            let _ = decode(&raw);
        }
    }
}

//! Messages that are made: exactly as large as they should be, and like those that people write.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{ContentsError, HEAD_OCTETS, Library, Prepared, TAIL_OCTETS};
use crate::run_id::RunId;
use crate::size::{MessageSize, SizeMix};

/// How many different contents a size has, where it is small: enough that a receiver that mixes up
/// two of them is seen, even without the last line.
const CONTENTS: u64 = 8;
/// The contents of a size take no more than this, in octets, unless one alone is larger. That one
/// then has no line that begins with a dot, so that it is in memory once.
const CONTENTS_OCTETS: u64 = 8 << 20;

/// The contents of each size of a mix.
pub(super) fn shelves(
    mix: &SizeMix,
    run: RunId,
    smtputf8: bool,
) -> Result<Vec<Vec<Prepared>>, ContentsError> {
    let mut random = StdRng::seed_from_u64(run.seed());
    let expected: u64 = mix
        .shares()
        .iter()
        .map(|share| share.size.octets() * count(share.size))
        .sum();
    if expected > Library::MOST_OCTETS {
        return Err(ContentsError::TooLarge);
    }
    let shelf = |size| {
        (0..count(size))
            .map(|_| Prepared::new(content(size, smtputf8, &mut random)))
            .collect()
    };
    Ok(mix
        .shares()
        .iter()
        .map(|share| share.size)
        .map(shelf)
        .collect())
}

fn count(size: MessageSize) -> u64 {
    (CONTENTS_OCTETS / size.octets()).clamp(1, CONTENTS)
}

fn content(size: MessageSize, smtputf8: bool, random: &mut StdRng) -> Vec<u8> {
    let octets = usize::try_from(size.octets()).unwrap_or(usize::MAX) - HEAD_OCTETS - TAIL_OCTETS;
    let mut content = Vec::with_capacity(octets);
    content.extend_from_slice(HEADER);
    content.extend_from_slice(if smtputf8 { HEADER_UTF8 } else { HEADER_ASCII });
    let words = if smtputf8 { WORDS_UTF8 } else { WORDS };
    let dots = size.octets() <= CONTENTS_OCTETS;
    let mut lines = 0_u64;
    while content.len() < octets {
        let left = octets - content.len();
        let length = line_length(left, random);
        let begins_with_dot = dots && (lines == 0 || random.random_ratio(1, DOT_LINES));
        write_line(&mut content, length, begins_with_dot, words, random);
        lines += 1;
    }
    content
}

/// The longest line of text, in octets, without its CRLF: what RFC 5322, section 2.1.1, asks for.
const LONGEST_LINE: usize = 78;
/// One line in so many begins with a dot, and the first one: a receiver that forgets to take one away
/// is seen in every message, and yet that work is as rare as in what people write.
const DOT_LINES: u32 = 256;

/// A length without CRLF after which nothing is left, or room for another line.
fn line_length(left: usize, random: &mut StdRng) -> usize {
    let room = left.saturating_sub(2);
    if room <= LONGEST_LINE {
        return room;
    }
    // A short line now and then, and most of them nearly full.
    let length = if random.random_ratio(1, 8) {
        random.random_range(0..LONGEST_LINE)
    } else {
        random.random_range(LONGEST_LINE - 12..=LONGEST_LINE)
    };
    if room - length == 1 {
        length - 1
    } else {
        length
    }
}

/// Appends a line of `length` octets, and its CRLF. It does not begin with "From ", which mailboxes
/// quote, nor end with a space.
fn write_line(
    content: &mut Vec<u8>,
    length: usize,
    begins_with_dot: bool,
    words: &[&str],
    random: &mut StdRng,
) {
    let end = content.len() + length;
    if begins_with_dot && length > 0 {
        content.push(b'.');
    }
    loop {
        let word = words[random.random_range(0..words.len())].as_bytes();
        if content.len() + word.len() + 1 >= end {
            break;
        }
        content.extend_from_slice(word);
        content.push(b' ');
    }
    while content.len() < end {
        content.push(b'e');
    }
    content.extend_from_slice(b"\r\n");
}

/// What is the same in all of them. A date of the past, since the same run is made twice alike.
const HEADER: &[u8] = b"Date: Sun, 01 Nov 2026 12:00:00 +0000\r\n\
From: Load <load@load.example>\r\n\
To: Recipient <recipient@example.com>\r\n\
MIME-Version: 1.0\r\n";

const HEADER_ASCII: &[u8] = b"Subject: Menu of the day\r\n\
Content-Type: text/plain; charset=us-ascii\r\n\
\r\n";

const HEADER_UTF8: &[u8] = "Subject: Menü für heute\r\n\
Content-Type: text/plain; charset=utf-8\r\n\
Content-Transfer-Encoding: 8bit\r\n\
\r\n"
    .as_bytes();

const WORDS: &[&str] = &[
    "a",
    "and",
    "at",
    "bread,",
    "butter",
    "carrots",
    "cheese",
    "dessert.",
    "evening",
    "fish",
    "for",
    "from",
    "guests",
    "is",
    "kitchen",
    "lemon",
    "menu",
    "mushrooms",
    "of",
    "onions",
    "order",
    "pears",
    "plate",
    "price",
    "roast",
    "salad",
    "sauce",
    "served",
    "soup",
    "table",
    "tart.",
    "the",
    "thyme",
    "to",
    "tomorrow",
    "vegetables",
    "wine",
    "with",
];

const WORDS_UTF8: &[&str] = &[
    "and",
    "Apfelküchle",
    "bread,",
    "crème",
    "brûlée",
    "dessert.",
    "for",
    "für",
    "guests",
    "kitchen",
    "Käse",
    "menu",
    "of",
    "plate",
    "rösti",
    "sauce",
    "served",
    "smörgås",
    "soup",
    "the",
    "with",
    "μενού",
    "меню",
    "寿司",
    "🍋",
];

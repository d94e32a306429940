//! "Did you mean …?"

/// The candidate most like `word`, or nothing when none is like it.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= tolerance(&word))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// One slip of the finger in three letters, as long as the word is long enough to tell.
fn tolerance(word: &str) -> usize {
    (word.chars().count() / 3).clamp(1, 4)
}

fn distance(word: &str, candidate: &str) -> usize {
    let whole = strsim::damerau_levenshtein(word, candidate);
    // A right name in the wrong table, or without its table, is nearer than any misspelling.
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    if last(word) == last(candidate) {
        whole.min(1)
    } else {
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_but_no_strangers() {
        let keys = ["domain", "listen", "store.path", "limits.reply_buffer"];
        let find = |word| nearest(word, keys.into_iter());
        assert_eq!(find("domian"), Some("domain"));
        assert_eq!(find("Listen"), Some("listen"));
        assert_eq!(find("path"), Some("store.path"));
        assert_eq!(find("limits.replybufer"), Some("limits.reply_buffer"));
        assert_eq!(find("colour"), None);
    }
}

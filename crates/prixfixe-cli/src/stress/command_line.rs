//! The command line as results keep it.

/// The command as it was given. Passwords never stand on it.
pub(crate) fn of_this_process() -> String {
    let words: Vec<String> = std::env::args()
        .enumerate()
        .map(|(index, word)| match index {
            0 => "prixfixe".to_owned(),
            _ if word.contains([' ', '"', '\'', '$', '*']) => {
                format!("'{}'", word.replace('\'', "'\\''"))
            }
            _ => word,
        })
        .collect();
    words.join(" ")
}

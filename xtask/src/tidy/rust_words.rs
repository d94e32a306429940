//! What a line of Rust says once comments and the insides of strings are gone. Good enough for
//! looking for a word; a raw string over several lines is not understood.

/// Whether `word` stands in the code of the line, on its own.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let code = code_of(line);
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

/// The line without its comment and without what its strings hold.
pub(super) fn code_of(line: &str) -> String {
    let mut code = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    let mut in_string = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_string => {
                characters.next();
            }
            // A quotation mark as a character opens no string.
            '\'' if !in_string && characters.peek() == Some(&'"') => {
                characters.next();
            }
            '"' => in_string = !in_string,
            '/' if !in_string && characters.peek() == Some(&'/') => break,
            _ if in_string => {}
            character => code.push(character),
        }
    }
    code
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_only_in_code_and_only_whole() {
        assert!(has_word("let x = unsafe { y };", "unsafe"));
        assert!(has_word("f('\"', unsafe { y })", "unsafe"));
        for line in [
            "forbid(unsafe_code)",
            "x(); // unsafe",
            "print(\"a \\\" unsafe {\")",
        ] {
            assert!(!has_word(line, "unsafe"), "{line}");
        }
    }
}

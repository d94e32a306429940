//! The parts of a Markdown file that name things: code and links.

/// A span of code in a line, or a line of a code block.
#[derive(Debug, PartialEq)]
pub(super) struct Code<'a> {
    pub(super) line: usize,
    pub(super) text: &'a str,
    /// None in a line; in a block its language, which may be empty.
    pub(super) block: Option<&'a str>,
}

impl Code<'_> {
    /// Whether this may be something to type into a shell.
    pub(super) fn may_be_command(&self) -> bool {
        self.block
            .is_none_or(|language| ["", "sh", "bash", "console", "shell"].contains(&language))
    }
}

pub(super) fn code(text: &str) -> Vec<Code<'_>> {
    let mut found = Vec::new();
    for (line, content, block) in lines(text) {
        match block {
            Some(_) => found.push(Code {
                line,
                text: content,
                block,
            }),
            // Every second piece between the marks is inside them.
            None => found.extend(content.split('`').skip(1).step_by(2).map(|text| Code {
                line,
                text,
                block,
            })),
        }
    }
    found
}

/// Line number and target of each link outside code.
pub(super) fn links(text: &str) -> Vec<(usize, &str)> {
    let prose = lines(text).filter(|(_, _, block)| block.is_none());
    prose
        .flat_map(|(line, content, _)| {
            let targets = content
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next());
            targets.map(move |target| (line, target))
        })
        .collect()
}

/// Line number, content, and the language of the block that the line is in. Fences are left out.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str, Option<&str>)> {
    let mut block = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            block = if block.is_some() {
                None
            } else {
                Some(language.trim())
            };
            return None;
        }
        Some((index + 1, line, block))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "Use `a b` or [c](d.md#e).\n```sh\nf [g](h)\n```\n";

    #[test]
    fn code_is_found_in_lines_and_in_blocks() {
        let found = code(SAMPLE);
        assert_eq!(
            found[0],
            Code {
                line: 1,
                text: "a b",
                block: None
            }
        );
        assert_eq!(
            found[1],
            Code {
                line: 3,
                text: "f [g](h)",
                block: Some("sh")
            }
        );
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn links_are_found_outside_code() {
        assert_eq!(links(SAMPLE), [(1, "d.md#e")]);
    }
}

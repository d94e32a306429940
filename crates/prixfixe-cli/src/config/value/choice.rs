//! Values out of a short list of words.

use crate::config::nearest::nearest;

/// A word that is not in the list.
#[derive(Debug, thiserror::Error)]
#[error("{given:?} is none of the choices; {advice}")]
pub(crate) struct UnknownChoice {
    given: String,
    advice: String,
}

impl UnknownChoice {
    /// `given` is not one of `words`.
    pub(crate) fn new(given: &str, words: &[&str]) -> Self {
        let advice = match nearest(given, words.iter().copied()) {
            Some(word) => format!("did you mean {word:?}?"),
            None => format!("write {}", one_of(words)),
        };
        Self {
            given: given.to_owned(),
            advice,
        }
    }
}

/// `"a", "b" or "c"`.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Declares an enum whose values are words in the file.
macro_rules! choice {
    (
        $(#[$about:meta])*
        pub(crate) enum $name:ident {
            $( $(#[$doc:meta])* $variant:ident = $word:literal, )+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $( $(#[$doc])* $variant, )+
        }

        impl $name {
            const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl std::str::FromStr for $name {
            type Err = $crate::config::value::UnknownChoice;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err($crate::config::value::UnknownChoice::new(text, Self::WORDS)),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(match self { $( Self::$variant => $word, )+ })
            }
        }

        impl $crate::config::value::TextSetting for $name {
            fn wording() -> String {
                $crate::config::value::one_of(Self::WORDS)
            }
        }
    };
}
pub(crate) use choice;

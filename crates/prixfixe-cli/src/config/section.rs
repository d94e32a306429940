//! The macro that makes a table of keys a struct, and keeps the two one thing.

use super::key::Shape;
use super::reader::Reader;

/// A table of the file as a struct.
pub(crate) trait Section: Sized {
    /// The rows, in the order of the fields.
    const SHAPE: Shape;

    /// Reads all keys. `None` when one that has no default is missing.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

/// Declares a section: each row is a key with its type, default (in TOML, or `unset`), status and
/// doc. The struct, its parsing and all that is known of the keys come from the same rows.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub(crate) struct $name:ident: $kind:ident($path:literal) {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty = $default:tt, $status:expr;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name {
            $( $(#[doc = $doc])+ pub(crate) $field: $type, )+
        }

        impl $crate::config::section::Section for $name {
            const SHAPE: $crate::config::key::Shape = $crate::config::key::Shape {
                path: $path,
                repeated: section!(@repeated $kind),
                doc: concat!($($about),+),
                keys: &[$(
                    $crate::config::key::Key {
                        section: $path,
                        name: stringify!($field),
                        is_list: <$type as $crate::config::value::Setting>::LIST,
                        is_required: !<$type as $crate::config::value::Setting>::OPTIONAL
                            && section!(@default $default).is_none(),
                        wants: <$type as $crate::config::value::Setting>::wants,
                        default: section!(@default $default),
                        doc: concat!($($doc),+),
                        status: $status,
                    },
                )+],
            };

            fn read(reader: &mut $crate::config::reader::Reader<'_>) -> Option<Self> {
                let mut keys = Self::SHAPE.keys.iter();
                // All are read before the first `?`, so that every fault is found.
                $( let $field = reader.read::<$type>(keys.next()?); )+
                Some(Self { $( $field: $field?, )+ })
            }
        }
    };
    (@repeated Table) => { false };
    (@repeated Tables) => { true };
    (@default unset) => { None::<&'static str> };
    (@default $default:literal) => { Some($default) };
}
pub(crate) use section;

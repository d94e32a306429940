//! rkyv as a codec.

use std::num::NonZeroUsize;

use rkyv::api::access_with_context;
use rkyv::api::high::{HighSerializer, HighValidator, to_bytes_in_with_alloc};
use rkyv::bytecheck::CheckBytes;
use rkyv::primitive::{ArchivedU64, ArchivedUsize};
use rkyv::rancor::{Failure, Source};
use rkyv::rend::unaligned::{u64_ube, u64_ule};
use rkyv::rend::{u64_be, u64_le};
use rkyv::ser::allocator::ArenaHandle;
use rkyv::ser::{Positional, Writer};
use rkyv::util::with_arena;
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::validation::shared::SharedValidator;
use rkyv::{Archive, Portable, Serialize};

use super::codec::{Codec, EncodeError, Full, Invalid, Output};
use crate::aligned::ALIGNMENT;

/// Messages in [rkyv](https://docs.rs/rkyv)'s encoding, which is read in place: a view is a reference
/// to the archived type, of which every octet that means something was checked before.
///
/// For all types with `#[derive(rkyv::Archive, rkyv::Serialize)]`. What is checked goes at most
/// 128 pointers deep, so that no sender can make the check run out of stack: deeper messages are
/// invalid.
///
/// Messages from those who are not trusted must not have a `BTreeMap` or a `BTreeSet`: rkyv 0.8.18 does not
/// check all of them, so that reading one may panic, or read what is no key or value. Vectors and hash maps
/// are checked.
///
/// Programs can choose features of rkyv that change its encoding (byte order, width of pointers,
/// alignment). The choice is part of [`Codec::FORMAT`], so that two which chose differently refuse each
/// other's messages. This crate chooses nothing: a feature such as `unaligned` would change what all
/// other parts of a program write, too.
#[derive(Clone, Copy, Debug)]
pub enum Rkyv {}

/// Pointers from the root of a message to its deepest part: more than sensible messages have, and few
/// enough that the check fits into a small part of any thread's stack.
const MAX_DEPTH: NonZeroUsize = NonZeroUsize::MIN.saturating_add(127);

impl<T> Codec<T> for Rkyv
where
    T: Archive + 'static,
    T: for<'w, 'o, 'a> Serialize<HighSerializer<&'w mut Output<'o>, ArenaHandle<'a>, Failure>>,
    T::Archived: Portable + for<'a> CheckBytes<HighValidator<'a, Failure>> + 'static,
{
    type View<'a> = &'a T::Archived;

    const FORMAT: u32 = {
        assert!(
            align_of::<T::Archived>() <= ALIGNMENT,
            "payloads are aligned to 16, and this type asks for more"
        );
        FORMAT
    };

    fn encode(message: &T, output: &mut Output<'_>) -> Result<(), EncodeError> {
        with_arena(|arena| to_bytes_in_with_alloc(message, &mut *output, arena.acquire()))
            .map(drop)
            .map_err(|Failure| EncodeError::Unencodable)
    }

    fn view(octets: &[u8]) -> Result<&T::Archived, Invalid> {
        let archive = ArchiveValidator::with_max_depth(octets, Some(MAX_DEPTH));
        let mut validator = Validator::new(archive, SharedValidator::new());
        access_with_context::<T::Archived, _, Failure>(octets, &mut validator)
            .map_err(|Failure| Invalid)
    }
}

/// "rk", the version 0.8, and the features that change the encoding.
const FORMAT: u32 = {
    let version = 0x726b_0800;
    let pointer = match size_of::<ArchivedUsize>() {
        2 => 2,
        4 => 4,
        _ => 8,
    };
    let big = if ArchivedU64::BIG_ENDIAN { 0x10 } else { 0 };
    let unaligned = if align_of::<ArchivedU64>() == 1 {
        0x20
    } else {
        0
    };
    version | pointer | big | unaligned
};

/// The byte order of an archived number.
trait Order {
    const BIG_ENDIAN: bool;
}

impl Order for u64_le {
    const BIG_ENDIAN: bool = false;
}

impl Order for u64_ule {
    const BIG_ENDIAN: bool = false;
}

impl Order for u64_be {
    const BIG_ENDIAN: bool = true;
}

impl Order for u64_ube {
    const BIG_ENDIAN: bool = true;
}

impl Positional for Output<'_> {
    fn pos(&self) -> usize {
        self.position()
    }
}

impl<E: Source> Writer<E> for Output<'_> {
    fn write(&mut self, octets: &[u8]) -> Result<(), E> {
        Output::write(self, octets).map_err(|full: Full| E::new(full))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rkyv::util::AlignedVec;

    use super::*;

    #[derive(Archive, Serialize, Clone, Debug)]
    struct Account {
        name: String,
        balance: i128,
        sign: char,
        active: bool,
        notes: Vec<Option<Box<str>>>,
        status: Result<u8, String>,
        limits: std::collections::BTreeMap<u16, u64>,
        tags: std::collections::HashMap<String, u32>,
    }

    /// Deep as its writer likes.
    #[derive(Archive, Serialize)]
    #[rkyv(serialize_bounds(__S: Writer + rkyv::ser::Allocator, __S::Error: Source))]
    #[rkyv(bytecheck(bounds(__C: rkyv::validation::ArchiveContext, __C::Error: Source)))]
    struct Nest {
        #[rkyv(omit_bounds)]
        inner: Option<Box<Nest>>,
    }

    fn account() -> Account {
        Account {
            name: "somebody with a long name".to_owned(),
            balance: -3,
            sign: '§',
            active: true,
            notes: vec![
                None,
                Some("second".into()),
                Some("a longer third note".into()),
            ],
            status: Err("overdrawn".to_owned()),
            limits: (0..20).map(|key| (key, u64::from(key) << 40)).collect(),
            tags: (0..9)
                .map(|tag| (format!("tag number {tag}"), tag))
                .collect(),
        }
    }

    fn encoded<T>(message: &T) -> AlignedVec
    where
        Rkyv: Codec<T>,
        T: 'static,
    {
        let mut buffer = Vec::new();
        let mut output = Output::new(&mut buffer, 1 << 20);
        <Rkyv as Codec<T>>::encode(message, &mut output).unwrap();
        let mut aligned = AlignedVec::new();
        aligned.extend_from_slice(&buffer);
        aligned
    }

    fn nest(depth: usize) -> Nest {
        (1..depth).fold(Nest { inner: None }, |inner, _| Nest {
            inner: Some(Box::new(inner)),
        })
    }

    /// Reads everything there is to read.
    fn walk(account: &ArchivedAccount) -> usize {
        let notes = account.notes.iter().filter_map(|note| note.as_ref());
        let notes: usize = notes.map(|note| note.chars().count()).sum();
        let limits = account.limits.iter();
        let limits = limits.fold(0, |sum: u64, (key, limit)| {
            sum.wrapping_add(limit.to_native()) ^ u64::from(key.to_native())
        });
        let tags = account.tags.iter();
        let tags: usize = tags.map(|(tag, _)| tag.chars().count()).sum();
        let status = account.status.as_ref();
        let status = status.map_or_else(|error| error.chars().count(), |ok| usize::from(*ok));
        let head = (
            account.balance.to_native(),
            account.sign.to_native(),
            account.active,
        );
        std::hint::black_box((head, limits));
        account.name.chars().count() + notes + tags + status
    }

    #[test]
    fn the_view_is_the_message_and_lies_in_the_octets() {
        let octets = encoded(&account());
        let view = <Rkyv as Codec<Account>>::view(&octets).unwrap();
        assert_eq!(view.name, "somebody with a long name");
        assert_eq!(
            view.limits.get(&3.into()).map(|limit| limit.to_native()),
            Some(3 << 40)
        );
        assert_eq!(
            view.tags.get("tag number 7").map(|tag| tag.to_native()),
            Some(7)
        );
        assert!(octets.as_ptr_range().contains(&view.name.as_ptr()));
    }

    #[test]
    fn a_message_deeper_than_the_check_goes_is_invalid_and_does_no_harm() {
        assert!(<Rkyv as Codec<Nest>>::view(&encoded(&nest(MAX_DEPTH.get() / 2))).is_ok());
        // On a stack much smaller than any that a server has.
        let small = std::thread::Builder::new().stack_size(256 << 10);
        // Built elsewhere, since its making recurs as well.
        let large = std::thread::Builder::new().stack_size(256 << 20);
        let deep = large.spawn(|| {
            let nest = nest(20_000);
            let octets = encoded(&nest);
            // Dropping it recurs, too.
            drop(nest);
            octets
        });
        let deep = deep.unwrap().join().unwrap();
        let checked = small.spawn(move || <Rkyv as Codec<Nest>>::view(&deep).is_err());
        assert!(checked.unwrap().join().unwrap());
    }

    #[test]
    fn octets_that_are_not_aligned_are_invalid() {
        let octets = encoded(&account());
        let mut shifted = AlignedVec::<16>::new();
        shifted.push(0);
        shifted.extend_from_slice(&octets);
        assert_eq!(
            <Rkyv as Codec<Account>>::view(&shifted[1..]).err(),
            Some(Invalid)
        );
    }

    #[test]
    fn what_does_not_fit_is_too_large() {
        let full = encoded(&account()).len();
        for limit in [0, 1, full / 2, full - 1] {
            let mut buffer = Vec::new();
            let mut output = Output::new(&mut buffer, limit);
            let written = output.encode(|output| Rkyv::encode(&account(), output));
            assert_eq!(written, Err(EncodeError::TooLarge), "{limit}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_a_message_or_invalid(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut aligned = AlignedVec::<16>::new();
            aligned.extend_from_slice(&octets);
            let _ = <Rkyv as Codec<Account>>::view(&aligned).map(walk);
            let _ = <Rkyv as Codec<Nest>>::view(&aligned).map(|nest| nest.inner.is_some());
        }

        #[test]
        fn an_altered_message_can_be_read_whole_or_is_invalid(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
            cuts in any::<bool>(),
        ) {
            let mut octets = encoded(&account());
            for (place, octet) in changes {
                let place = place.index(octets.len());
                octets[place] = octet;
            }
            let end = if cuts { cut.index(octets.len()) } else { octets.len() };
            let _ = <Rkyv as Codec<Account>>::view(&octets[..end]).map(walk);
        }
    }
}

//! Typed requests and replies of any octets: what a codec lets through can be read whole, and a
//! service never panics.
#![no_main]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use prixfixe_ipc::fuzzing::{handle, read_reply};
use prixfixe_ipc::typed::{self, Codec, Rkyv, Service};
use prixfixe_ipc::{Cause, Outcome, Refusal};
use rkyv::rancor::Source;
use rkyv::validation::{ArchiveContext, SharedContext};
use rkyv::{Archive, Deserialize, Serialize};

/// Something of every kind that octets can be wrong for, but B-trees: rkyv 0.8.18 lets a leaf of no entries
/// through, of which its iterator reads one that nobody has checked.
#[derive(Archive, Serialize, Deserialize)]
struct Order {
    number: u128,
    sign: char,
    paid: bool,
    customer: Result<String, u8>,
    lines: Vec<Line>,
    shared: Rc<str>,
    also_shared: Rc<str>,
    prices: Vec<(u32, i64)>,
    notes: HashMap<String, Option<Box<[u16]>>>,
}

#[derive(Archive, Serialize, Deserialize)]
enum Line {
    Empty,
    Item { name: String, count: u8 },
    Group(Box<(f64, Vec<String>)>),
}

/// Deep as its writer likes.
#[derive(Archive, Serialize, Deserialize)]
#[rkyv(serialize_bounds(__S: rkyv::ser::Writer + rkyv::ser::Allocator, __S::Error: Source))]
#[rkyv(deserialize_bounds(__D::Error: Source))]
#[rkyv(bytecheck(bounds(__C: ArchiveContext + SharedContext, __C::Error: Source)))]
struct Tree {
    name: String,
    #[rkyv(omit_bounds)]
    children: Vec<Tree>,
}

impl typed::Request for Order {
    type Reply = Tree;
    type Codec = Rkyv;
    const TYPE: u32 = 1;
    const VERSION: u32 = 1;
}

impl typed::Request for Tree {
    type Reply = Order;
    type Codec = Rkyv;
    const TYPE: u32 = 2;
    const VERSION: u32 = 7;
}

thread_local! {
    static SERVICE: RefCell<Service> = RefCell::new(service());
}

fn service() -> Service {
    Service::new()
        .on::<Order>(|order, _| {
            walk_order(order);
            let order = rkyv::deserialize::<Order, rkyv::rancor::Failure>(order);
            let order = order.map_err(|_| Refusal::HandlerFailed)?;
            let children = order.lines.into_iter().map(|line| Tree {
                name: match line {
                    Line::Item { name, .. } => name,
                    _ => String::new(),
                },
                children: Vec::new(),
            });
            Ok(Tree {
                name: order.shared.to_string(),
                children: children.collect(),
            })
        })
        .on::<Tree>(|tree, _| {
            walk_tree(tree);
            Ok(order(&tree.name))
        })
}

fn walk_order(order: &ArchivedOrder) -> usize {
    let lines = order.lines.iter().map(|line| match line {
        ArchivedLine::Empty => 0,
        ArchivedLine::Item { name, count } => name.chars().count() + usize::from(*count),
        ArchivedLine::Group(group) => group.1.iter().map(|name| name.chars().count()).sum(),
    });
    let prices: i64 = order.prices.iter().fold(0, |sum, line| {
        sum ^ i64::from(line.0.to_native()) ^ line.1.to_native()
    });
    let notes = order.notes.iter().map(|(name, note)| {
        let found = order.notes.get(name.as_str()).is_some();
        let note = note.as_ref().map_or(0, |note| note.len());
        name.chars().count() + note + usize::from(found)
    });
    std::hint::black_box((order.number, order.sign.to_native(), order.paid, prices));
    lines.sum::<usize>()
        + notes.sum::<usize>()
        + order.shared.chars().count()
        + order.also_shared.chars().count()
        + order.customer.as_ref().map_or(0, |name| name.len())
}

fn walk_tree(tree: &ArchivedTree) -> usize {
    let below = tree.children.iter().map(walk_tree);
    tree.name.chars().count() + below.sum::<usize>()
}

fn order(text: &str) -> Order {
    let shared: Rc<str> = text.into();
    Order {
        number: 1 << 90,
        sign: '§',
        paid: true,
        customer: Ok(text.to_owned()),
        lines: vec![
            Line::Empty,
            Line::Group(Box::new((0.5, vec![text.to_owned()]))),
        ],
        also_shared: Rc::clone(&shared),
        shared,
        prices: (0..9).map(|key| (key, i64::from(key) - 4)).collect(),
        notes: [
            (text.to_owned(), None),
            ("b".to_owned(), Some([7, 8].into())),
        ]
        .into(),
    }
}

fuzz_target!(|data: &[u8]| {
    // The first octet says which type, and whether the header is as it should be: few inputs would
    // find one by themselves.
    let Some((how, octets)) = data.split_first() else {
        return;
    };
    let message_type = u32::from(how & 3);
    let mut payload = octets.to_vec();
    if how & 4 != 0 {
        let (version, format) = match message_type {
            1 => (1, <Rkyv as Codec<Order>>::FORMAT),
            _ => (7, <Rkyv as Codec<Tree>>::FORMAT),
        };
        let header = [message_type, version, format, 0];
        let header = header.into_iter().flat_map(u32::to_le_bytes);
        payload.splice(..0, header);
    }
    let answered = SERVICE.with_borrow_mut(|service| handle(service, message_type, &payload));
    match answered {
        Ok(reply) if message_type == 1 => {
            let sound = |tree: Outcome<&ArchivedTree>| tree.map(walk_tree).completed().is_ok();
            assert!(read_reply::<Order, _>(&reply, sound));
        }
        Ok(reply) => {
            let sound = |order: Outcome<&ArchivedOrder>| order.map(walk_order).completed().is_ok();
            assert!(read_reply::<Tree, _>(&reply, sound));
        }
        Err(Refusal::UnknownType) => assert!(message_type == 0 || message_type == 3),
        Err(
            Refusal::Malformed | Refusal::OtherVersion | Refusal::TooLarge | Refusal::HandlerFailed,
        ) => {}
        Err(other) => panic!("{other}"),
    }
    // The same as replies, which a server may make up as well.
    let bad = |failed: Outcome<usize>| match failed {
        Outcome::Completed(_) => {}
        Outcome::Failed(failure) => assert_eq!(failure.cause, Cause::BadReply),
        Outcome::Refused(refusal) => panic!("{refusal}"),
    };
    read_reply::<Tree, _>(&payload, |order| bad(order.map(walk_order)));
    read_reply::<Order, _>(&payload, |tree| bad(tree.map(walk_tree)));
});

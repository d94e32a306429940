//! A peer that writes anything anywhere in the live memory of a running server, and sends anything on
//! its socket. Others are served all the while, and nothing but its own connection is lost.
#![no_main]

#[path = "hostile_peer/lendable.rs"]
mod lendable;

use std::cell::RefCell;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use prixfixe_ipc::raw_peer::{self, RawChannel, RawPeer, RawRecord, RawRole};
use prixfixe_ipc::{
    Address, ChannelSizes, Client, ClientOptions, Connector, DropReason, Outcome, OwnedReply,
    OwnedRequest, RunningServer, Server, ServerConfig, ServerEvent, TrustDomains,
};

use lendable::{LEAST_LENT, MAX_LENT, things};

/// Steps of one input, so that none takes long.
const MAX_STEPS: usize = 64;
/// So many channels that the server goes by hints.
const CROWD: usize = 65;
/// A long message in octets, several times what a record holds, and less than its parts fill of a ring.
const LONG: u32 = 3000;
/// Parts of one long request.
const MAX_PARTS: usize = 12;
/// The longest message, in octets, of the server that nobody lends memory: inputs get there.
const MAX_MESSAGE: u16 = 20_000;
/// What it keeps of a client, in octets: a few such messages, or streams.
const MAX_HELD: usize = 128 << 10;
/// What it keeps of a client, in octets: a few lent requests.
const MAX_HELD_LENT: usize = 3 * LEAST_LENT as usize;
/// Of each stream, in octets: half a ring.
const WINDOW: usize = 2048;
/// Far longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(8);

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let setting = input.octet();
    let stage = stage(setting & 1 == 1);
    let role = match setting & 2 {
        0 => RawRole::Blocking,
        _ => RawRole::Asynchronous,
    };
    let peer = RawPeer::connect(&stage.address, role).unwrap();
    let channel = peer.open(sizes()).unwrap();
    let other = (setting & 4 != 0).then(|| peer.open(sizes()).unwrap());
    let mut attack = Attack {
        peer,
        channel,
        other,
        tail: 0,
        calls: 0,
    };
    for _ in 0..MAX_STEPS {
        if input.0.is_empty() {
            break;
        }
        attack.step(&mut input, stage);
    }
    stage.call_well();
    // What it did to the counter would stay in a domain that others share.
    attack.peer.doorbell.drain();
    drop(attack);
    stage.wait_until_alone();
});

/// What is left of the input; zeros when nothing is.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn small(&mut self) -> u16 {
        u16::from_le_bytes([self.octet(), self.octet()])
    }

    /// A number that is small, or near one of the peer's own, or anything.
    fn number(&mut self, near: u64) -> u64 {
        match self.octet() % 4 {
            0 => u64::from(self.octet()),
            1 => near.wrapping_add(u64::from(self.small())),
            2 => near.wrapping_sub(u64::from(self.small())),
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.octet())),
        }
    }

    fn octets(&mut self) -> Vec<u8> {
        let length = usize::from(self.octet() % 80) + 1;
        (0..length).map(|_| self.octet()).collect()
    }
}

/// The peer and what it has done.
struct Attack {
    peer: RawPeer,
    channel: RawChannel,
    /// One more, that memory is lent for and nothing is asked in.
    other: Option<RawChannel>,
    /// Where it has written up to.
    tail: u64,
    calls: u64,
}

impl Attack {
    fn step(&mut self, input: &mut Input<'_>, stage: &Stage) {
        match input.octet() % 16 {
            0 => self.request(input, |_, _| ()),
            1 => self.request(input, |record, input| {
                let index = usize::from(input.octet()) % record.words.len();
                record.words[index] = input.number(record.words[index]);
            }),
            2 => self.request(input, |record, input| {
                record.length = input.number(record.length.into()) as u32;
                record.kind = input.octet();
                record.tags = std::array::from_fn(|_| input.octet());
            }),
            3 => {
                let place = usize::from(input.small()) * 8 % self.channel.segment.len();
                let value = input.number(self.channel.segment.read(place));
                self.channel.segment.write(place, value);
            }
            4 => self.channel.publish(input.number(self.tail)),
            5 => {
                let start = input.number(self.tail);
                self.channel.request_line.write(8, start);
            }
            6 => {
                let head = input.number(self.channel.reply_line.read(0));
                self.channel.reply_head.write(0, head);
            }
            7 => {
                let place = usize::from(input.octet()) * 8 % self.peer.hints.len();
                self.peer.hints.write(place, input.number(u64::MAX));
            }
            8 => self.channel.sleeping.write(0, input.number(0)),
            9 => {
                if let Some(page) = &self.peer.link_page {
                    page.write(RawPeer::LINK_SLEEPING, input.number(1));
                }
            }
            10 => self.peer.doorbell.ring(),
            11 => {
                self.peer.doorbell.drain();
            }
            12 => self.peer.doorbell.add(u64::from(input.small()) << 48),
            13 => self.send(&input.octets()),
            14 => {
                let sizes = sizes();
                let message = match input.octet() % 5 {
                    0 => raw_peer::ring(),
                    1 => raw_peer::close(input.octet().into()),
                    2 => raw_peer::open(sizes),
                    4 => raw_peer::ping(input.number(0)),
                    _ => raw_peer::hello(input.octet().into(), RawRole::Blocking),
                };
                self.send(&message);
            }
            _ => match input.octet() % 12 {
                0 => {
                    let descriptor = self.peer.doorbell.as_fd();
                    let _ = self.peer.socket.send(&raw_peer::ring(), &[descriptor]);
                }
                1 => stage.call_well(),
                2..=5 => self.of_a_stream(input),
                7 => self.lend(input),
                8 | 9 => self.long(input),
                10 => {
                    // Pongs that nobody reads end the connection sooner or later.
                    let _ = self.peer.socket.receive(Duration::ZERO);
                }
                // As one who reads what he gets.
                11 => {
                    let tail = self.channel.reply_line.read(0);
                    self.channel.reply_head.write(0, tail);
                }
                _ => std::thread::yield_now(),
            },
        }
    }

    /// Publishes a request after the last one, spoilt by `spoil`, and rings.
    fn request(
        &mut self,
        input: &mut Input<'_>,
        spoil: impl FnOnce(&mut RawRecord, &mut Input<'_>),
    ) {
        let payload = vec![7; usize::from(input.small() % 600)];
        let mut record = RawRecord::request(self.calls + 1, &payload, 512);
        record.words[6] = self.channel.reply_line.read(0);
        spoil(&mut record, input);
        self.calls += 1;
        self.tail = self.channel.put(self.tail, &record);
        self.channel.publish(self.tail);
        self.peer.doorbell.ring();
    }

    /// Opens a stream, or publishes a record of one, and rings.
    fn of_a_stream(&mut self, input: &mut Input<'_>) {
        let kind = input.octet();
        let call = match kind & 8 {
            0 => self.calls,
            _ => input.number(self.calls),
        };
        let payload = vec![7; usize::from(input.small() % 600)];
        let mut record = match kind % 8 {
            0..=2 => {
                self.calls += 1;
                RawRecord::stream(self.calls, &payload, input.number(1 << 20))
            }
            3..=5 => RawRecord::item(call, &payload, input.octet() % 5),
            6 => RawRecord::credit(call, input.number(1 << 20)),
            _ => RawRecord::stop(call, input.octet().into()),
        };
        self.note_reply_head(&mut record, kind % 8 > 2);
        if kind & 0x70 == 0 {
            let index = usize::from(input.octet()) % record.words.len();
            record.words[index] = input.number(record.words[index]);
        }
        self.tail = self.channel.put(self.tail, &record);
        self.channel.publish(self.tail);
        self.peer.doorbell.ring();
    }

    /// Publishes a request that follows in parts, or whose reply does, with as many parts as the input says
    /// and perhaps a lie among them, and rings.
    fn long(&mut self, input: &mut Input<'_>) {
        let choice = input.octet();
        let total = match choice & 3 {
            0 => 0,
            1 | 2 => u32::from(input.small()) % LONG,
            _ => input.number(u64::from(MAX_MESSAGE)) as u32,
        };
        let (limit, credit) = match choice & 12 {
            0 => (0, 0),
            4 => (512, u32::MAX),
            8 => (LONG, LONG),
            _ => (input.number(u64::from(LONG)) as u32, input.number(0) as u32),
        };
        self.calls += 1;
        let payload = vec![7; if total == 0 { 500 } else { 0 }];
        let mut record = RawRecord::long(self.calls, &payload, total, limit, credit);
        self.note_reply_head(&mut record, false);
        self.tail = self.channel.put(self.tail, &record);
        let mut left = total.min(LONG);
        // Each part has an octet at least, and there are few.
        for _ in 0..MAX_PARTS {
            if left == 0 {
                break;
            }
            let length = u32::from(input.octet()) * 2 + 1;
            let flags = u8::from(length >= left);
            let part = vec![7; length.min(left) as usize];
            left -= part.len() as u32;
            let mut record = RawRecord::item(self.calls, &part, flags);
            self.note_reply_head(&mut record, true);
            if choice & 0xf0 == 0 {
                let index = usize::from(input.octet()) % record.words.len();
                record.words[index] = input.number(record.words[index]);
                record.tags[0] = input.octet() % 8;
            }
            self.tail = self.channel.put(self.tail, &record);
        }
        self.channel.publish(self.tail);
        self.peer.doorbell.ring();
    }

    /// Lends memory, or what is none, for the next call or another of this channel or another, and names it
    /// in a record, or does not, and rings.
    fn lend(&mut self, input: &mut Input<'_>) {
        let choice = input.octet();
        let things = things();
        let (octets, thing) = &things[usize::from(input.octet()) % things.len()];
        let octets = match choice & 3 {
            3 => input.number(u64::from(LEAST_LENT)) as u32,
            _ => *octets,
        };
        let call = match choice & 12 {
            0 | 4 => self.calls + 1,
            8 => self.calls,
            _ => input.number(self.calls + 1),
        };
        let channel = match (choice & 48, &self.other) {
            (0 | 16, _) => self.channel.number,
            (32, Some(other)) => other.number,
            _ => input.octet().into(),
        };
        let descriptors = match choice & 192 {
            0 | 64 => &[thing.as_fd(), thing.as_fd()][..1],
            128 => &[][..],
            _ => &[thing.as_fd(), thing.as_fd()][..],
        };
        let message = raw_peer::lend(channel, call, octets);
        // A server that has hung up already takes nothing.
        let _ = self.peer.socket.send(&message, descriptors);
        let naming = input.octet();
        if naming & 1 == 1 {
            return;
        }
        self.calls += 1;
        let named = match naming & 6 {
            6 => input.number(u64::from(octets)) as u32,
            _ => octets,
        };
        let mut record = RawRecord::lent(self.calls, named, 512);
        self.note_reply_head(&mut record, false);
        self.tail = self.channel.put(self.tail, &record);
        self.channel.publish(self.tail);
        self.peer.doorbell.ring();
    }

    /// Says in `record` that all replies were read.
    fn note_reply_head(&self, record: &mut RawRecord, of_a_stream: bool) {
        let word = if of_a_stream { 1 } else { 6 };
        record.words[word] = self.channel.reply_line.read(0);
    }

    fn send(&self, octets: &[u8]) {
        // A server that has hung up already takes nothing.
        let _ = self.peer.socket.send(octets, &[]);
    }
}

/// A server and those it must not forget.
struct Stage {
    address: Address,
    links: Arc<Links>,
    _server: RunningServer,
    /// Kept for their number.
    _crowd: Mutex<Vec<Client>>,
}

/// How many are connected.
#[derive(Default)]
struct Links {
    count: Mutex<usize>,
    changed: Condvar,
}

/// One server whose clients share a domain and are so many that it goes by hints, and one that gives
/// each its own and looks at all.
fn stage(crowded: bool) -> &'static Stage {
    static STAGES: [OnceLock<Stage>; 2] = [const { OnceLock::new() }; 2];
    STAGES[usize::from(crowded)].get_or_init(|| Stage::new(crowded))
}

thread_local! {
    static WELL_BEHAVED: RefCell<[Option<Client>; 2]> = const { RefCell::new([None, None]) };
}

impl Stage {
    fn new(crowded: bool) -> Self {
        let name = format!("prixfixe-hostile-{}-{crowded}", std::process::id());
        let address = Address::abstract_name(name).unwrap();
        let links = Arc::<Links>::default();
        let counted = Arc::clone(&links);
        let mut config = ServerConfig::default().on_event(move |event| counted.note(event));
        config.max_message = MAX_MESSAGE.into();
        config.max_held_per_client = MAX_HELD;
        if crowded {
            config.max_message = MAX_LENT as usize;
            config.max_held_per_client = MAX_HELD_LENT;
        }
        config.stream_window = WINDOW;
        config.trust_domains = match crowded {
            true => TrustDomains::PerUser,
            false => TrustDomains::PerClient,
        };
        let server = Server::bind(&address, config)
            .unwrap()
            .spawn_async(answer)
            .unwrap();
        let mut options = ClientOptions::default();
        options.sizes = sizes();
        let connector = Connector::with_options(address.clone(), options);
        let crowd = if crowded { CROWD } else { 1 };
        let mut crowd: Vec<Client> = (0..crowd).map(|_| connector.client().unwrap()).collect();
        WELL_BEHAVED.with_borrow_mut(|clients| clients[usize::from(crowded)] = crowd.pop());
        Self {
            address,
            links,
            _server: server,
            _crowd: Mutex::new(crowd),
        }
    }

    /// A call whose reply is what it has to be.
    fn call_well(&self) {
        WELL_BEHAVED.with_borrow_mut(|clients| {
            let crowded = !self._crowd.lock().unwrap().is_empty();
            let client = clients[usize::from(crowded)].as_mut().unwrap();
            let sent: Vec<u8> = (0..200).collect();
            let expected: Vec<u8> = sent.iter().map(|octet| octet ^ 0x55).collect();
            assert_eq!(client.call(&sent), Outcome::Completed(&expected[..]));
            assert_eq!(client.statistics().reconnects, 0);
        });
    }

    /// Waits until only the well-behaved are connected.
    fn wait_until_alone(&self) {
        let count = self.links.count.lock().unwrap();
        let waited = self
            .links
            .changed
            .wait_timeout_while(count, PATIENCE, |count| *count > 1)
            .unwrap();
        assert_eq!(*waited.0, 1, "a connection was not dropped");
    }
}

impl Links {
    fn note(&self, event: &ServerEvent) {
        let mut count = self.count.lock().unwrap();
        match event {
            ServerEvent::Connected(_) => *count += 1,
            ServerEvent::Gone { reason, .. } => {
                assert_ne!(*reason, DropReason::HandshakeTimeout);
                *count -= 1;
            }
            other => panic!("unexpected: {other:?}"),
        }
        self.changed.notify_all();
    }
}

/// Items go back as they come.
async fn answer(
    mut request: OwnedRequest,
    mut reply: OwnedReply,
) -> Result<(), prixfixe_ipc::Refusal> {
    let mut item = Vec::new();
    while request.opens_stream() && request.next_item(&mut item).await? {
        reply.send_item(&item).await?;
    }
    // All of what was lent is read, and what it says is of no interest.
    if request.payload().len() >= LEAST_LENT as usize {
        let sum: u64 = request
            .payload()
            .iter()
            .map(|octet| u64::from(*octet))
            .sum();
        return reply.write(&sum.to_le_bytes());
    }
    let octets: Vec<u8> = request.payload().iter().map(|octet| octet ^ 0x55).collect();
    reply.write(&octets)
}

/// Small, so that an input soon reaches the ends of the rings.
fn sizes() -> ChannelSizes {
    ChannelSizes::new(4096, 512, 4).unwrap()
}

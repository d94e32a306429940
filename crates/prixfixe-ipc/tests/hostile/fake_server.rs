//! Something that answers at the address and is no server, or a hostile one.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread::JoinHandle;

use prixfixe_ipc::{Address, ChannelSizes, ClientOptions, Connector};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::IoSlice;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

use super::stage::address;

pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"PRIXIPC\0");
pub(crate) const WELCOME: u64 = 0x101;
pub(crate) const OPENED: u64 = 0x102;

/// One connection, on which the test answers as it likes.
pub(crate) struct Conversation {
    socket: OwnedFd,
}

pub(crate) struct FakeServer {
    pub(crate) address: Address,
    thread: Option<JoinHandle<()>>,
}

impl FakeServer {
    /// Takes one connection and lets `talk` have it.
    pub(crate) fn start(talk: impl FnOnce(Conversation) + Send + 'static) -> Self {
        let address = address("fake");
        let name = address.to_string();
        let name = SocketAddrUnix::new_abstract_name(&name.as_bytes()[1..]).unwrap();
        let listener = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        rustix::net::bind(&listener, &name).unwrap();
        rustix::net::listen(&listener, 8).unwrap();
        let thread = std::thread::spawn(move || {
            let socket = rustix::net::accept(&listener).unwrap();
            talk(Conversation { socket });
        });
        Self {
            address,
            thread: Some(thread),
        }
    }

    /// A connector whose client wants a small channel, and waits `connect_timeout_ms` for answers.
    pub(crate) fn connector(&self, connect_timeout_ms: u64) -> Connector {
        let mut options = ClientOptions::default();
        options.sizes = sizes();
        options.connect_timeout = std::time::Duration::from_millis(connect_timeout_ms);
        Connector::with_options(self.address.clone(), options)
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

impl Conversation {
    /// The next message, or `None` when the client has hung up.
    pub(crate) fn hear(&self) -> Option<[u64; 8]> {
        let mut bytes = [0; 64];
        let (received, _) =
            rustix::net::recv(&self.socket, &mut bytes[..], RecvFlags::empty()).ok()?;
        if received != 64 {
            return None;
        }
        let mut words = [0; 8];
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(place.try_into().unwrap());
        }
        Some(words)
    }

    pub(crate) fn say(&self, words: [u64; 8], descriptors: &[BorrowedFd<'_>]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.say_bytes(&bytes, descriptors);
    }

    pub(crate) fn say_bytes(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
        let mut space = vec![std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
        }
        // A client that has hung up has refused, which is what the test is about.
        let _ = rustix::net::sendmsg(
            &self.socket,
            &[IoSlice::new(bytes)],
            &mut control,
            SendFlags::NOSIGNAL,
        );
    }

    /// Welcomes as a server that keeps the rules, and returns what it has sent.
    pub(crate) fn welcome(&self) -> Vec<OwnedFd> {
        self.hear().unwrap();
        let descriptors = honest_descriptors();
        self.say(honest_welcome(), &borrowed(&descriptors));
        descriptors
    }
}

pub(crate) fn honest_welcome() -> [u64; 8] {
    let [ring, payload, in_flight] = SIZES;
    [WELCOME, MAGIC, 4096, 4096, ring, payload, in_flight, 0]
}

pub(crate) fn honest_descriptors() -> Vec<OwnedFd> {
    vec![
        sealed(4096, FIXED | SealFlags::FUTURE_WRITE),
        sealed(4096, FIXED),
        eventfd(),
    ]
}

pub(crate) fn borrowed(descriptors: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
    descriptors.iter().map(AsFd::as_fd).collect()
}

pub(crate) const FIXED: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

pub(crate) fn sealed(size: u64, seals: SealFlags) -> OwnedFd {
    let memory = rustix::fs::memfd_create("fake", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&memory, size).unwrap();
    rustix::fs::fcntl_add_seals(&memory, seals).unwrap();
    memory
}

pub(crate) fn eventfd() -> OwnedFd {
    rustix::event::eventfd(0, rustix::event::EventfdFlags::NONBLOCK).unwrap()
}

pub(crate) const SIZES: [u64; 3] = [4096, 1024, 8];

pub(crate) fn sizes() -> ChannelSizes {
    super::stage::small()
}

/// Octets of a segment of these sizes.
pub(crate) const SEGMENT: u64 = 3 * 4096;

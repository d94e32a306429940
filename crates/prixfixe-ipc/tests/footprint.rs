//! What a client costs a server's private memory that has connected and is idle: there may be thousands.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use prixfixe_ipc::{Address, Client, Connector, Reply, Request, Server, ServerConfig};

/// Counts what the threads of this process have allocated and not given back, except those that say that they
/// are no server.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static IS_CLIENT: Cell<bool> = const { Cell::new(false) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn is_counted() -> bool {
    !IS_CLIENT.get()
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_counted() {
            HELD.fetch_add(layout.size(), Ordering::SeqCst);
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if is_counted() {
            HELD.fetch_sub(layout.size(), Ordering::SeqCst);
        }
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// A number at which tables that grow by doubling are full.
const CHANNELS: usize = 256;
/// Octets for a client process with one channel. With what an allocator adds, a thousand of them leave more
/// than a megabyte of the two that a server with so many may have to the program around it.
const MOST_PER_PROCESS: usize = 616;
/// Octets for one more channel of a process.
const MOST_PER_CHANNEL: usize = 432;

/// One test, since what others allocate would be counted with it.
#[test]
fn a_server_keeps_little_for_a_client_that_is_idle() {
    IS_CLIENT.set(true);
    let processes = held_for("processes", |address| {
        // Each has a connection of its own, as in a process of its own.
        (1..CHANNELS).map(|_| Client::connect(address)).collect()
    });
    let channels = held_for("channels", |address| {
        let connector = Connector::new(address.clone());
        (1..CHANNELS).map(|_| connector.client()).collect()
    });
    println!("{processes} octets for each process, {channels} for each channel of one");
    assert!(processes <= MOST_PER_PROCESS, "{processes} octets");
    assert!(channels <= MOST_PER_CHANNEL, "{channels} octets");
}

/// Octets that a server keeps for each of its clients, once all have made a call.
fn held_for(
    name: &str,
    connect: impl FnOnce(&Address) -> Result<Vec<Client>, prixfixe_ipc::ConnectError>,
) -> usize {
    let name = format!("prixfixe-footprint-{}-{name}", std::process::id());
    let address = Address::abstract_name(name).unwrap();
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let answer = |request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload());
    let _running = server.spawn(answer).unwrap();
    let mut first = Client::connect(&address).unwrap();
    // Then what it keeps for itself is there.
    first.call(b"a call").completed().unwrap();
    let before = HELD.load(Ordering::SeqCst);
    let mut others = connect(&address).unwrap();
    for client in &mut others {
        client.call(b"a call").completed().unwrap();
    }
    let after = HELD.load(Ordering::SeqCst);
    // Wrapping: a thread may give back what one that is not counted has allocated.
    after.wrapping_sub(before) / others.len()
}

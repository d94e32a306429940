//! No call allocates once everybody is connected: neither side, blocking or asynchronous, whether the
//! handler answers at once or later. Both sides are in this process and all their threads are counted.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use prixfixe_ipc::typed::{self, AsyncService, Rkyv, Service};
use prixfixe_ipc::{
    Address, AsyncClient, AsyncConnector, Call, Client, Outcome, OwnedReply, OwnedRequest, Pool,
    PoolSettings, Refusal, Reply, Request, RunningServer, SealedMessage, Server, ServerConfig,
};
use tokio::runtime::{Builder, Runtime};

/// Counts what all threads of this process allocate.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Calls of each kind that are counted.
const CALLS: usize = 10_000;
/// The type of requests of which the first KiB is echoed.
const ASKS_FOR_LITTLE: u32 = 1;
/// The type of requests that are told whether they lie where their sender has put them.
const ASKS_WHERE: u32 = 2;
const IN_FLIGHT: usize = 32;
const THREADS: usize = 6;
const PAYLOAD: [u8; 1024] = [7; 1024];

/// One test, since others in this process would be counted with it.
#[test]
fn no_call_allocates() {
    // Later is what the runtimes' own threads allocate as they start.
    for kind in ["answered at once", "answered later"] {
        let (address, _server) = serve(kind);
        blocking(&address, kind);
        lent(&address, kind);
        pipelined(&address, kind);
        pooled(&address, kind);
        let one = Builder::new_current_thread().enable_all().build().unwrap();
        asynchronous(&one, &address, kind, "current_thread");
        drop(one);
        let many = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        asynchronous(&many, &address, kind, "multi_thread");
    }
    typed_calls();
}

/// A request that is not one piece, and a reply for which its handler allocates nothing.
#[derive(rkyv::Archive, rkyv::Serialize)]
struct Sum {
    name: String,
    numbers: Vec<u64>,
    notes: Vec<String>,
}

impl typed::Request for Sum {
    type Reply = [u64; 100];
    type Codec = Rkyv;
    const TYPE: u32 = 1;
    const VERSION: u32 = 1;
}

fn typed_calls() {
    let sum = |sum: &ArchivedSum| {
        let length = sum.name.len() + sum.notes.iter().map(|note| note.len()).sum::<usize>();
        [length as u64 + sum.numbers[0].to_native(); 100]
    };
    let request = Sum {
        name: "a name that has its own memory".to_owned(),
        numbers: (1..100).collect(),
        notes: vec!["one".to_owned(), "and another".to_owned()],
    };
    let expected = [30 + 14 + 1; 100];
    let serve = |kind: &str| {
        let name = format!("prixfixe-allocations-{}-{kind}", std::process::id());
        let address = Address::abstract_name(name).unwrap();
        let server = Server::bind(&address, ServerConfig::default()).unwrap();
        (address, server)
    };

    let (address, server) = serve("typed");
    let service = Service::new().on::<Sum>(move |request, _| Ok(sum(request)));
    let _server = server.spawn(service).unwrap();
    let mut client = typed::Client::connect(&address).unwrap();
    count("answered at once", "typed", || {
        for _ in 0..CALLS {
            let reply = client.call(&request).completed().unwrap();
            assert_eq!(*reply, expected);
        }
    });
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(AsyncConnector::new(address).client());
    let client = typed::AsyncClient::from(client.unwrap());
    let mut buffer = typed::Buffer::new();
    count("answered at once", "typed and asynchronous", || {
        runtime.block_on(async {
            for _ in 0..CALLS {
                let reply = client.call(&request, &mut buffer).await;
                assert_eq!(*reply.completed().unwrap(), expected);
            }
        });
    });

    let (address, server) = serve("typed-later");
    let service = AsyncService::new().on::<Sum>(async move |request, _| Ok(sum(request)));
    let _server = server.spawn_async(service).unwrap();
    let mut client = typed::Client::connect(&address).unwrap();
    let mut calls = || {
        for _ in 0..CALLS {
            let reply = client.call(&request).completed().unwrap();
            assert_eq!(*reply, expected);
        }
    };
    calls();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    calls();
    let counted = ALLOCATIONS.load(Ordering::SeqCst) - before;
    println!("{counted} allocations in {CALLS} calls, typed, answered later");
    assert_eq!(counted, CALLS as u64, "one for each future, and no other");
}

fn serve(kind: &str) -> (Address, RunningServer) {
    let name = format!("prixfixe-allocations-{}-{kind}", std::process::id());
    let address = Address::abstract_name(name).unwrap();
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let running = if kind == "answered later" {
        server.spawn_async(answer_later).unwrap()
    } else {
        server.spawn(answer).unwrap()
    };
    (address, running)
}

fn answer(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
    reply.write(asked_for(request.message_type(), request.payload()))
}

fn asked_for(message_type: u32, payload: &[u8]) -> &[u8] {
    match message_type {
        ASKS_FOR_LITTLE => &payload[..1024],
        ASKS_WHERE if is_lent(payload) => b"lent",
        ASKS_WHERE => b"copied",
        _ => payload,
    }
}

/// Whether it lies in a sealed file.
fn is_lent(payload: &[u8]) -> bool {
    let place = payload.as_ptr() as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().any(|line| {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let bound = |text| usize::from_str_radix(text, 16).unwrap();
        (bound(start)..bound(end)).contains(&place) && rest.contains("prixfixe-ipc-message")
    })
}

async fn answer_later(request: OwnedRequest, mut reply: OwnedReply) -> Result<(), Refusal> {
    let mut woken = false;
    poll_fn(|context| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    reply.write(asked_for(request.message_type(), request.payload()))
}

fn call() -> Call<'static> {
    Call::new(&PAYLOAD).timeout(Duration::from_secs(20))
}

/// Makes calls until the memory that is kept for them has been made, then counts.
fn count(kind: &str, client: &str, mut calls: impl FnMut()) {
    calls();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    calls();
    let counted = ALLOCATIONS.load(Ordering::SeqCst) - before;
    println!("{counted} allocations in {CALLS} calls, {client}, {kind}");
    assert_eq!(counted, 0, "{client}, {kind}");
}

fn blocking(address: &Address, kind: &str) {
    let mut client = Client::connect(address).unwrap();
    let mut reply = [0; 1024];
    count(kind, "blocking", || {
        for _ in 0..CALLS {
            let outcome = client.call_into(call(), &mut reply);
            assert_eq!(outcome, Outcome::Completed(1024));
        }
    });
}

/// Calls of which each lends the server the memory of its request.
fn lent(address: &Address, kind: &str) {
    let message = SealedMessage::copy_of(&vec![7; 256 << 10]).unwrap();
    let mut client = Client::connect(address).unwrap();
    let mut reply = [0; 1024];
    let asking = || Call::sealed(&message).message_type(ASKS_FOR_LITTLE);
    let where_it_lies = || Call::sealed(&message).message_type(ASKS_WHERE);
    let outcome = client.call(where_it_lies());
    assert_eq!(outcome, Outcome::Completed(&b"lent"[..]));
    count(kind, "blocking, lent", || {
        for _ in 0..CALLS {
            let outcome = client.call_into(asking(), &mut reply);
            assert_eq!(outcome, Outcome::Completed(1024));
        }
    });
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(AsyncConnector::new(address.clone()).client());
    let client = client.unwrap();
    let outcome = runtime.block_on(client.call_into(where_it_lies(), &mut reply));
    assert_eq!(outcome, Outcome::Completed(4));
    assert_eq!(&reply[..4], b"lent");
    count(kind, "asynchronous, lent", || {
        runtime.block_on(async {
            for _ in 0..CALLS {
                let outcome = client.call_into(asking(), &mut reply).await;
                assert_eq!(outcome, Outcome::Completed(1024));
            }
        });
    });
}

fn pooled(address: &Address, kind: &str) {
    let mut settings = PoolSettings::default();
    settings.max_channels = std::num::NonZeroU16::MIN.saturating_add(1);
    let pool = Pool::with_settings(address.clone(), settings).unwrap();
    let mut reply = [0; 1024];
    count(kind, "over a pool", || {
        for _ in 0..CALLS {
            let outcome = pool.call_into(call(), &mut reply);
            assert_eq!(outcome, Outcome::Completed(1024));
        }
    });

    // More threads than channels; each starts and ends a round with the others.
    let barrier = std::sync::Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut reply = [0; 1024];
                for _ in 0..2 {
                    barrier.wait();
                    for _ in 0..CALLS / IN_FLIGHT {
                        let outcome = pool.call_into(call(), &mut reply);
                        assert_eq!(outcome, Outcome::Completed(1024));
                    }
                    barrier.wait();
                }
            });
        }
        count(kind, "over a pool with threads that wait", || {
            barrier.wait();
            barrier.wait();
        });
    });
}

fn pipelined(address: &Address, kind: &str) {
    let mut client = Client::connect(address).unwrap();
    let mut pipeline = client.pipeline().unwrap();
    let mut reply = [0; 1024];
    count(kind, "pipelined", || {
        let (mut sent, mut received) = (0, 0);
        while received < CALLS {
            while sent < CALLS && pipeline.submit(call(), 1024).is_ok() {
                sent += 1;
            }
            let (_, outcome) = pipeline.receive(&mut reply).unwrap();
            assert_eq!(outcome, Outcome::Completed(1024));
            received += 1;
        }
    });
}

fn asynchronous(runtime: &Runtime, address: &Address, kind: &str, flavor: &str) {
    let client = runtime.block_on(AsyncConnector::new(address.clone()).client());
    let client = client.unwrap();
    let mut reply = [0; 1024];
    count(kind, &format!("asynchronous on {flavor}"), || {
        runtime.block_on(one_after_the_other(&client, &mut reply));
    });

    // The tasks are made before counting; each starts and ends a round with the others.
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(IN_FLIGHT + 1));
    let tasks: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (client, barrier) = (client.clone(), std::sync::Arc::clone(&barrier));
            runtime.spawn(async move {
                let mut reply = [0; 1024];
                for _ in 0..2 {
                    barrier.wait().await;
                    for _ in 0..CALLS / IN_FLIGHT {
                        let outcome = client.call_into(call(), &mut reply).await;
                        assert_eq!(outcome, Outcome::Completed(1024));
                    }
                    barrier.wait().await;
                }
            })
        })
        .collect();
    count(kind, &format!("32 asynchronous on {flavor}"), || {
        runtime.block_on(async {
            barrier.wait().await;
            barrier.wait().await;
        });
    });
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
}

async fn one_after_the_other(client: &AsyncClient, reply: &mut [u8]) {
    for number in 0..CALLS {
        if number.is_multiple_of(2) {
            let outcome = client.call_into(call(), reply).await;
            assert_eq!(outcome, Outcome::Completed(1024));
        } else {
            let lent = client.call(call()).await.completed().unwrap();
            assert_eq!(*lent, PAYLOAD);
        }
    }
}

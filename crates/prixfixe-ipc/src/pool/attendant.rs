//! The thread of a pool that closes what nobody uses. It sleeps until the server hangs up or says that
//! it will, and has a timer only while channels are open.

use std::io;
use std::sync::{Arc, Weak, mpsc};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::Inner;
use super::places::Close;
use crate::client::after;

/// Makes a pool with its attendant, which ends with it.
pub(super) fn spawn(
    idle_timeout: Duration,
    make: impl FnOnce(Thread) -> Inner,
) -> io::Result<Arc<Inner>> {
    let (introduce, introduced) = mpsc::sync_channel::<Weak<Inner>>(1);
    let thread = std::thread::Builder::new()
        .name("prixfixe-ipc-pool".to_owned())
        .spawn(move || {
            if let Ok(pool) = introduced.recv() {
                attend(&pool, idle_timeout);
            }
        })?;
    let pool = Arc::new(make(thread.thread().clone()));
    // It waits for nothing else, so it is there.
    let _ = introduce.send(Arc::downgrade(&pool));
    Ok(pool)
}

/// While a call looks for a server, or one is under way at a server that goes: until the next look.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

fn attend(pool: &Weak<Inner>, idle_timeout: Duration) {
    let mut next_look = after(Instant::now(), idle_timeout);
    // Ends with the pool.
    while let Some(inner) = pool.upgrade() {
        let now = Instant::now();
        if now >= next_look {
            inner.places.close(Close::GoneOrUnused);
            next_look = after(now, idle_timeout);
        } else {
            inner.places.close(Close::Gone);
        }
        let open = inner.places.open() > 0;
        let link = inner.connector.current_link();
        drop(inner);
        if !open {
            // Whoever opens a channel wakes this thread.
            drop(link);
            std::thread::park();
            next_look = after(Instant::now(), idle_timeout);
            continue;
        }
        let left = next_look.saturating_duration_since(Instant::now());
        match link {
            Some(link) if link.is_usable() => {
                link.wait_news(Some(left));
                link.hear();
            }
            _ => std::thread::park_timeout(left.min(LOOK_AGAIN)),
        }
    }
}

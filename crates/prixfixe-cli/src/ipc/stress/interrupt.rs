//! Ctrl-C: nothing of a level stays behind. Its processes end with the program, its files here.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Removes `folder` and ends the program when somebody wants it to end.
pub(super) fn remove_when_stopped(folder: PathBuf) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _runtime = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    thread::Builder::new().spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // A process that is just being started may put another file there meanwhile.
        for _ in 0..MOST_ATTEMPTS {
            if fs::remove_dir_all(&folder).is_ok() {
                break;
            }
        }
        std::process::exit(STOPPED);
    })?;
    Ok(())
}

const MOST_ATTEMPTS: u32 = 100;
/// As shells report it: 128 and the number of SIGINT.
const STOPPED: i32 = 130;

//! Saves each message as a file that survives a crash before the client hears its 250:
//! `cargo run --example save_eml -- 127.0.0.1:2525 mail/`

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use prixfixe::{
    Body, Client, CommitPoint, Envelope, ForwardPath, Handler, MessageVerdict, QueueId, Refusal,
    Server, Verdict,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:2525".to_owned());
    let folder = PathBuf::from(arguments.next().unwrap_or("mail".to_owned()));
    fs::create_dir_all(&folder)?;
    let server = Server::bind(address).await?;
    println!("listening on {}", server.local_addr());
    let number = AtomicU64::new(0);
    Ok(server.serve(SaveEml { folder, number }).await?)
}

struct SaveEml {
    folder: PathBuf,
    number: AtomicU64,
}

impl Handler for SaveEml {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, client: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        // The server refuses what exceeds `Limits::message_size`. An error means that it has told
        // the client already, whatever is answered here.
        let Ok(content) = body.read_to_end(usize::MAX).await else {
            return Refusal::try_later().into();
        };
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let Ok(id) = format!("{}-{number}", client.session).parse::<QueueId>() else {
            return Refusal::try_later().into();
        };
        let (folder, name, point) = (self.folder.clone(), id.to_string(), body.commit_point());
        let saving = tokio::task::spawn_blocking(move || save(&folder, &name, &content, &point));
        match saving.await {
            Ok(Ok(())) => MessageVerdict::Accept(id),
            Ok(Err(error)) if error.kind() == io::ErrorKind::StorageFull => {
                Refusal::storage_full().into()
            }
            _ => Refusal::try_later().into(),
        }
    }
}

/// Puts a whole file in the folder, or none: its name appears only when its content is on disk,
/// and this returns only when its name is.
fn save(folder: &Path, name: &str, content: &[u8], point: &CommitPoint) -> io::Result<()> {
    let temporary = folder.join(format!("{name}.tmp"));
    let saved = write_synced(&temporary, content).and_then(|()| {
        // Too late: the client was told to try again, and this would be one message too many.
        if !point.enter() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        fs::rename(&temporary, folder.join(format!("{name}.eml")))?;
        File::open(folder)?.sync_all()
    });
    if saved.is_err() {
        // Left behind it would only take up room.
        let _ = fs::remove_file(&temporary);
    }
    saved
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(content)?;
    file.sync_all()
}

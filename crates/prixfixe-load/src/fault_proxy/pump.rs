//! One direction of a connection: what is read, and later written.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::faults::{Cut, Direction};
use super::pace::Pace;
use super::passage::Passage;

/// The most octets that are read at once.
pub(super) const MOST_PARCEL_OCTETS: usize = 16 << 10;
/// The most parcels on their way: with the octets above 1 MiB.
pub(super) const MOST_PARCELS: usize = 64;

/// What is on its way.
enum Parcel {
    /// Octets, and when they arrive.
    Octets(Instant, Bytes),
    /// The point at which the connection breaks.
    Cut(Cut),
}

/// Carries one direction to its end. An error is one of a socket, and ends the connection.
pub(super) async fn run(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    direction: Direction,
    passage: &Passage,
) -> io::Result<()> {
    let (sender, parcels) = mpsc::channel(MOST_PARCELS);
    tokio::try_join!(
        read(from, sender, direction, passage),
        write(to, parcels, direction, passage),
    )?;
    Ok(())
}

async fn read(
    mut from: ReadHalf<'_>,
    parcels: mpsc::Sender<Parcel>,
    direction: Direction,
    passage: &Passage,
) -> io::Result<()> {
    let mut pace = Pace::new(passage.random(direction));
    let mut buffer = vec![0; MOST_PARCEL_OCTETS];
    loop {
        passage.outlast_hole(from.as_ref()).await;
        let flow = passage.wait_to_read(direction, &mut pace).await;
        let most = Pace::most_at_once(&flow);
        let length = tokio::select! {
            biased;
            () = passage.holding() => continue,
            length = from.read(&mut buffer[..most]) => length?,
        };
        if length == 0 {
            return Ok(());
        }
        let due = pace.took(length, &flow);
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            let cut = passage.observe(direction, rest);
            let (before, behind) = rest.split_at(cut.map_or(rest.len(), |(at, _)| at));
            rest = behind;
            // Behind a half-close nobody takes parcels any more, and they are dropped.
            let _ = parcels
                .send(Parcel::Octets(due, Bytes::copy_from_slice(before)))
                .await;
            if let Some((_, cut)) = cut {
                if parcels.send(Parcel::Cut(cut)).await.is_err() {
                    passage.cut(cut.how);
                }
                // What lies behind the point waits until it is known what becomes of it.
                passage.until_cut().await;
            }
        }
    }
}

async fn write(
    mut to: WriteHalf<'_>,
    mut parcels: mpsc::Receiver<Parcel>,
    direction: Direction,
    passage: &Passage,
) -> io::Result<()> {
    loop {
        let parcel = tokio::select! {
            biased;
            () = passage.half_closed(direction) => None,
            parcel = parcels.recv() => parcel,
        };
        match parcel {
            Some(Parcel::Octets(due, octets)) => {
                sleep_until(due).await;
                passage.until_passing().await;
                to.write_all(&octets).await?;
                passage.handed_on(direction, octets.len());
            }
            Some(Parcel::Cut(cut)) => passage.cut(cut.how),
            None => break,
        }
    }
    passage.until_passing().await;
    to.shutdown().await
}

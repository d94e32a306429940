//! How a client of a floor gets the server's memory: a Unix socket, once, before anything is timed.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

/// Where clients ask for descriptors.
pub(crate) struct Listener(UnixListener);

impl Listener {
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        UnixListener::bind(path).map(Self)
    }

    /// Waits for one client, gives it the descriptors that `choose` finds for its number, and
    /// returns that number.
    pub(crate) fn admit<'a>(
        &self,
        choose: impl FnOnce(usize) -> io::Result<Vec<BorrowedFd<'a>>>,
    ) -> io::Result<usize> {
        let (mut stream, _) = self.0.accept()?;
        let mut number = [0; 8];
        stream.read_exact(&mut number)?;
        let number = usize::try_from(u64::from_le_bytes(number)).map_err(io::Error::other)?;
        give(&stream, &choose(number)?)?;
        Ok(number)
    }
}

/// Asks the server at `path` for the descriptors of client `number`.
pub(crate) fn join<const COUNT: usize>(path: &Path, number: u64) -> io::Result<[OwnedFd; COUNT]> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(&number.to_le_bytes())?;
    take(&stream)?
        .try_into()
        .map_err(|got: Vec<_>| io::Error::other(format!("got {} descriptors", got.len())))
}

fn give(stream: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); SPACE_BYTES];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    rustix::net::sendmsg(
        stream.as_fd(),
        &[IoSlice::new(&[0])],
        &mut control,
        SendFlags::empty(),
    )?;
    Ok(())
}

fn take(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); SPACE_BYTES];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    rustix::net::recvmsg(
        stream.as_fd(),
        &mut [IoSliceMut::new(&mut [0])],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut taken = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            taken.extend(descriptors);
        }
    }
    Ok(taken)
}

/// The memory and two doorbells: the most that any floor hands over.
const MOST_DESCRIPTORS: usize = 3;
const SPACE_BYTES: usize = rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_was_chosen_for_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = Listener::bind(&path).unwrap();
        let file = tempfile::tempfile().unwrap();
        std::thread::scope(|scope| {
            let client = scope.spawn(|| join::<1>(&path, 5).unwrap());
            let number = listener.admit(|_| Ok(vec![file.as_fd()])).unwrap();
            assert_eq!(number, 5);
            let [got] = client.join().unwrap();
            let inode = |fd: BorrowedFd<'_>| rustix::fs::fstat(fd).unwrap().st_ino;
            assert_eq!(inode(got.as_fd()), inode(file.as_fd()));
        });
    }
}

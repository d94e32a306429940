//! Sockets that a service manager passed, as sd_listen_fds(3) has it: from descriptor 3 on, as many as
//! `LISTEN_FDS` says, for the process that `LISTEN_PID` names.

use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use super::{BadListener, look_at};

/// Which of the sockets that a service manager passed: by its place, from 0, or by its name.
///
/// ```
/// use prixfixe_ipc::PassedSocket;
///
/// assert_eq!(PassedSocket::from(0), PassedSocket::Index(0));
/// assert_eq!(PassedSocket::from("calls"), PassedSocket::Name("calls"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassedSocket<'n> {
    /// By its place in the unit, counted from 0.
    Index(usize),
    /// By its `FileDescriptorName=`: of several with that name, the first that was not taken yet.
    Name(&'n str),
}

impl From<usize> for PassedSocket<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl<'n> From<&'n str> for PassedSocket<'n> {
    fn from(name: &'n str) -> Self {
        Self::Name(name)
    }
}

/// The places of those that this process has taken. It belongs to the process, as descriptors do.
static TAKEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// The first of them.
const FIRST: RawFd = 3;
/// The most that are looked at; more than any unit has.
const MOST: usize = 1024;

/// Takes the socket, which is closed again only by whoever gets it. What is no listener stays open, for
/// it may be meant for somebody else.
pub(super) fn take(which: PassedSocket<'_>) -> Result<OwnedFd, BadListener> {
    // No change can be left half done by a panic.
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let passed = Passed::of_this_process().ok_or(BadListener::NotPassed)?;
    let index = passed.find(which, &taken).ok_or(BadListener::NotPassed)?;
    // It is at most `MOST`.
    let number = FIRST + RawFd::try_from(index).map_err(|_| BadListener::NotPassed)?;
    // SAFETY: borrowed for the next call only, which looks at what the number stands for and leaves it
    // alone; a number that stands for nothing is an error there.
    let socket = unsafe { BorrowedFd::borrow_raw(number) };
    look_at(socket)?;
    // SAFETY: it is open. It was passed to this process and nothing in it had opened it, so nobody owns
    // it: not a former call, which would have left it among those taken, and no other code, for which
    // the convention is the same: who takes a passed descriptor owns it alone.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    taken.push(index);
    Ok(socket)
}

/// What the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Passed {
    count: usize,
    /// Of the first so many; none where nobody named them.
    names: Vec<String>,
}

impl Passed {
    fn of_this_process() -> Option<Self> {
        let read = |name| std::env::var(name).ok();
        let process = std::process::id();
        Self::read(
            process,
            read("LISTEN_PID"),
            read("LISTEN_FDS"),
            read("LISTEN_FDNAMES"),
        )
    }

    /// Nothing, unless it is for `process`: its children have the same variables, and not the sockets.
    fn read(
        process: u32,
        meant_for: Option<String>,
        count: Option<String>,
        names: Option<String>,
    ) -> Option<Self> {
        if meant_for?.parse() != Ok(process) {
            return None;
        }
        let count: usize = count?.parse().ok()?;
        let names = names.unwrap_or_default();
        Some(Self {
            count: count.min(MOST),
            names: names.split(':').take(MOST).map(str::to_owned).collect(),
        })
    }

    fn find(&self, which: PassedSocket<'_>, taken: &[usize]) -> Option<usize> {
        let is_meant = |index: &usize| match which {
            PassedSocket::Index(wanted) => *index == wanted,
            PassedSocket::Name(name) => self.names.get(*index).is_some_and(|known| known == name),
        };
        (0..self.count)
            .filter(|index| !taken.contains(index))
            .find(is_meant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(meant_for: &str, count: &str, names: Option<&str>) -> Option<Passed> {
        let own = str::to_owned;
        Passed::read(7, Some(own(meant_for)), Some(own(count)), names.map(own))
    }

    #[test]
    fn sockets_are_found_by_place_and_name_and_each_once() {
        let passed = passed("7", "3", Some("a:b:a")).unwrap();
        let find = |which: PassedSocket<'_>, taken: &[usize]| passed.find(which, taken);
        assert_eq!(find(0.into(), &[]), Some(0));
        assert_eq!(find(2.into(), &[0]), Some(2));
        assert_eq!(find(2.into(), &[2]), None);
        assert_eq!(find(3.into(), &[]), None);
        assert_eq!(find("b".into(), &[]), Some(1));
        assert_eq!(find("a".into(), &[]), Some(0));
        assert_eq!(find("a".into(), &[0]), Some(2));
        assert_eq!(find("a".into(), &[0, 2]), None);
        assert_eq!(find("c".into(), &[]), None);
    }

    #[test]
    fn what_is_not_meant_for_this_process_is_not_there() {
        assert_eq!(passed("8", "1", None), None);
        assert_eq!(passed("", "1", None), None);
        assert_eq!(passed("7", "", None), None);
        assert_eq!(passed("7", "-1", None), None);
        assert_eq!(Passed::read(7, None, Some("1".to_owned()), None), None);
        assert_eq!(Passed::read(7, Some("7".to_owned()), None, None), None);
    }

    #[test]
    fn sockets_without_names_have_places() {
        let passed = passed("7", "1", None).unwrap();
        assert_eq!(passed.find(0.into(), &[]), Some(0));
        assert_eq!(passed.find("x".into(), &[]), None);
    }

    #[test]
    fn a_process_that_was_passed_nothing_gets_nothing() {
        let refused = take(PassedSocket::Index(0));
        assert!(matches!(refused, Err(BadListener::NotPassed)));
    }
}

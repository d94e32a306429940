//! The fault that this process waits for.

use std::sync::{Mutex, PoisonError};

use super::Point;

/// The environment variable, read once, that arms a fault: the name of a point, at which of the times
/// it is reached, and `kill` or `stop`, as in `server.taken:3:kill`.
pub const FAULT_VARIABLE: &str = "TEST_PRIXFIXE_IPC_FAULT";

#[derive(Clone, Copy)]
enum State {
    /// The environment was not looked at.
    Unread,
    Disarmed,
    Armed(Fault),
}

#[derive(Clone, Copy)]
struct Fault {
    point: Point,
    /// How often the point has to be reached yet.
    left: u32,
    signal: libc::c_int,
}

static STATE: Mutex<State> = Mutex::new(State::Unread);

/// Stops or kills this process if a fault is armed for this time at `point`.
pub fn reach(point: Point) {
    let signal = {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Unread) {
            let text = std::env::var(FAULT_VARIABLE);
            *state = parse(text.as_deref().unwrap_or_default());
        }
        match &mut *state {
            State::Armed(fault) if fault.point == point => {
                fault.left -= 1;
                if fault.left > 0 {
                    return;
                }
                let signal = fault.signal;
                *state = State::Disarmed;
                signal
            }
            _ => return,
        }
    };
    // To this very thread, which therefore does not come further than here.
    // SAFETY: `raise` touches no memory of ours; both signals act whatever handlers there are.
    unsafe { libc::raise(signal) };
}

/// Arms the fault that `text` describes as in [`FAULT_VARIABLE`], counting from now. One that cannot be
/// understood disarms.
pub fn arm(text: &str) {
    *STATE.lock().unwrap_or_else(PoisonError::into_inner) = parse(text);
}

fn parse(text: &str) -> State {
    fault(text).map_or(State::Disarmed, State::Armed)
}

fn fault(text: &str) -> Option<Fault> {
    let mut parts = text.split(':');
    let name = parts.next()?;
    let left = parts.next()?.parse().ok().filter(|left| *left > 0)?;
    let signal = match parts.next()? {
        "kill" => libc::SIGKILL,
        "stop" => libc::SIGSTOP,
        _ => return None,
    };
    let mut points = Point::ALL.iter().copied();
    let point = points.find(|point| point.name() == name)?;
    Some(Fault {
        point,
        left,
        signal,
    })
}

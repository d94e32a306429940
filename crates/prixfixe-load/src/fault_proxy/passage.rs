//! One connection on its way through the proxy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::counters::{Counters, count};
use super::dialogue::Dialogue;
use super::faults::{Break, Cut, Direction, Faults, Flow, Point};
use super::pace::Pace;
use super::{FaultProxy, pump};

/// What both directions of a connection share.
#[derive(Debug)]
pub(super) struct Passage {
    number: u64,
    faults: watch::Receiver<Arc<Faults>>,
    /// Those of them that hold here already.
    taken_up: Mutex<Option<Arc<Faults>>>,
    dialogue: Mutex<Dialogue>,
    state: watch::Sender<State>,
    /// How many peers have left within a black hole.
    left: watch::Sender<u8>,
    counters: Arc<Counters>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Passing,
    /// The point was reached; what lies before it is still on its way.
    Due,
    Holding,
    HalfClosed(Direction),
    Reset,
}

impl Passage {
    pub(super) fn new(
        number: u64,
        faults: watch::Receiver<Arc<Faults>>,
        counters: Arc<Counters>,
    ) -> Self {
        count(&counters.connections);
        Self {
            number,
            faults,
            taken_up: Mutex::new(None),
            dialogue: Mutex::new(Dialogue::new(None)),
            state: watch::Sender::new(State::Passing),
            left: watch::Sender::new(0),
            counters,
        }
    }

    /// Carries it to its end.
    pub(super) async fn carry(&self, mut client: TcpStream, upstream: &str) {
        self.take_up();
        let connect = async {
            self.outlast_hole(&client).await;
            timeout(FaultProxy::CONNECT_TIMEOUT, TcpStream::connect(upstream)).await
        };
        let connected = tokio::select! {
            biased;
            () = self.reset() => return set_reset(&client),
            connected = connect => connected,
            () = self.follow() => return,
            () = self.abandoned(1) => return,
        };
        let Ok(Ok(mut server)) = connected else {
            count(&self.counters.refused);
            return set_reset(&client);
        };
        self.prepare(&client, Direction::ToServer);
        self.prepare(&server, Direction::ToClient);
        let whole = {
            let (client_read, client_write) = client.split();
            let (server_read, server_write) = server.split();
            let both = async {
                tokio::try_join!(
                    pump::run(client_read, server_write, Direction::ToServer, self),
                    pump::run(server_read, client_write, Direction::ToClient, self),
                )
                .is_ok()
            };
            tokio::select! {
                whole = both => whole,
                () = self.reset() => false,
                () = self.follow() => false,
                () = self.abandoned(2) => true,
            }
        };
        if !whole {
            // A reset of one side is handed on to the other.
            set_reset(&client);
            set_reset(&server);
        }
    }

    /// Sets up the socket from which a direction is read.
    fn prepare(&self, from: &TcpStream, direction: Direction) {
        // Who refuses an option still has a connection, and the faults work without it.
        let _ = from.set_nodelay(true);
        let flow = self.flow(direction);
        if flow.dribble.is_some() || flow.bandwidth.is_some() {
            let _ = SockRef::from(from).set_recv_buffer_size(SLOW_READ_BUFFER_OCTETS);
        }
    }

    /// Takes up faults that are set while it lasts. Ends with the proxy.
    async fn follow(&self) {
        let mut faults = self.faults.clone();
        while faults.changed().await.is_ok() {
            self.take_up();
        }
    }

    /// What the faults that are set mean for it, if they are new.
    fn take_up(&self) {
        {
            let faults = Arc::clone(&self.faults.borrow());
            let mut taken_up = locked(&self.taken_up);
            if taken_up
                .as_ref()
                .is_some_and(|last| Arc::ptr_eq(last, &faults))
            {
                return;
            }
            *taken_up = Some(faults);
        }
        let cut = self.concerning().and_then(|faults| faults.cut);
        let point = cut.map(|cut| cut.at);
        locked(&self.dialogue).await_point(point.filter(|at| *at != Point::AtOnce));
        let is_black_hole = cut.is_some_and(|cut| cut.how == Break::BlackHole);
        self.state.send_if_modified(|state| {
            let lifted = *state == State::Holding && !is_black_hole;
            if lifted {
                *state = State::Passing;
            }
            lifted
        });
        if let Some(cut) = cut.filter(|cut| cut.at == Point::AtOnce) {
            self.cut(cut.how);
        }
    }

    /// The faults, if they are meant for this connection.
    fn concerning(&self) -> Option<Arc<Faults>> {
        let faults = Arc::clone(&self.faults.borrow());
        faults.concern(self.number).then_some(faults)
    }

    fn flow(&self, direction: Direction) -> Flow {
        self.concerning()
            .map_or_else(Flow::default, |faults| faults.flow(direction))
    }

    pub(super) fn random(&self, direction: Direction) -> StdRng {
        let purpose = match direction {
            Direction::ToServer => 1,
            Direction::ToClient => 2,
        };
        self.faults.borrow().random(self.number, purpose)
    }

    /// Waits until the flow lets something pass; other faults may come meanwhile.
    pub(super) async fn wait_to_read(&self, direction: Direction, pace: &mut Pace) -> Flow {
        let mut faults = self.faults.clone();
        loop {
            faults.mark_unchanged();
            self.until_passing().await;
            let flow = self.flow(direction);
            if pace.free_at() <= Instant::now() {
                return flow;
            }
            tokio::select! {
                () = sleep_until(pace.free_at()) => {}
                changed = faults.changed() => match changed {
                    Ok(()) => pace.hurry(),
                    Err(_) => sleep_until(pace.free_at()).await,
                },
            }
        }
    }

    /// Looks at what passes: how much of it lies before the point, and what happens there.
    pub(super) fn observe(&self, direction: Direction, octets: &[u8]) -> Option<(usize, Cut)> {
        // What is read after faults were set must not escape them.
        self.take_up();
        let at = locked(&self.dialogue).observe(direction, octets)?;
        let cut = self.concerning()?.cut?;
        self.state.send_replace(State::Due);
        Some((at, cut))
    }

    pub(super) fn cut(&self, how: Break) {
        count(&self.counters.cut);
        self.state.send_replace(match how {
            Break::Reset => State::Reset,
            Break::BlackHole => State::Holding,
            Break::HalfClose(direction) => State::HalfClosed(direction),
        });
    }

    pub(super) fn handed_on(&self, direction: Direction, octets: usize) {
        self.counters.handed_on(direction, octets);
    }

    /// Until what a point brings has come. Behind a reset nothing comes any more.
    pub(super) async fn until_cut(&self) {
        self.until(|state| !matches!(state, State::Due | State::Reset))
            .await;
    }

    /// Until there is no black hole. Who leaves meanwhile is counted: a hole tells nobody, but when
    /// nobody is left to be told it is over.
    pub(super) async fn outlast_hole(&self, socket: &TcpStream) {
        let left = async {
            while !is_closed(socket).await {
                sleep(HOLE_LOOK).await;
            }
            self.left.send_modify(|left| *left += 1);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = self.until_passing() => {}
            () = left => {}
        }
    }

    /// Until so many of its peers have left within a black hole.
    async fn abandoned(&self, peers: u8) {
        let mut left = self.left.subscribe();
        // As with `until`.
        let _ = left.wait_for(|left| *left >= peers).await;
    }

    /// Until there is a black hole.
    pub(super) async fn holding(&self) {
        self.until(|state| state == State::Holding).await;
    }

    /// Until there is no black hole.
    pub(super) async fn until_passing(&self) {
        self.until(|state| state != State::Holding).await;
    }

    pub(super) async fn half_closed(&self, direction: Direction) {
        self.until(|state| state == State::HalfClosed(direction))
            .await;
    }

    async fn reset(&self) {
        self.until(|state| state == State::Reset).await;
    }

    async fn until(&self, holds: impl Fn(State) -> bool) {
        let mut state = self.state.subscribe();
        // The sender is a field of this very passage and outlives the wait.
        let _ = state.wait_for(|state| holds(*state)).await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a slow reader leaves to the kernel, in octets: so little that its sender soon feels it.
const SLOW_READ_BUFFER_OCTETS: usize = 4 << 10;

/// How often a black hole looks whether its peers are still there.
const HOLE_LOOK: Duration = Duration::from_millis(250);

/// Waits for a sign of life, and says whether it was the last; nothing is read.
async fn is_closed(socket: &TcpStream) -> bool {
    match socket.ready(Interest::READABLE).await {
        Ok(ready) => ready.is_read_closed(),
        Err(_) => true,
    }
}

fn set_reset(stream: &TcpStream) {
    // On a socket that has an error already there is nothing left to reset.
    let _ = stream.set_zero_linger();
}

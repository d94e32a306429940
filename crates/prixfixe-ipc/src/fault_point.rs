//! Places at which tests let a process die or stop, to see what becomes of the other side.
//!
//! Without the feature `fault-points` reaching one compiles to nothing.

#[cfg(feature = "fault-points")]
mod armed;

#[cfg(feature = "fault-points")]
pub use armed::{FAULT_VARIABLE, arm, reach};

#[cfg(not(feature = "fault-points"))]
#[inline(always)]
pub(crate) const fn reach(_: Point) {}

macro_rules! points {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A place, and what has and has not happened there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(not(feature = "fault-points"), expect(unreachable_pub, reason = "public for tests only"))]
        pub enum Point {
            $($(#[$doc])* $name,)+
        }

        #[cfg(feature = "fault-points")]
        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in [`FAULT_VARIABLE`].
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

points! {
    /// The socket is connected; no hello was sent.
    ClientConnected = "client.connected",
    /// Hello was sent; the answer was not read.
    ClientHelloSent = "client.hello-sent",
    /// The welcome was read; nothing that came with it is mapped.
    ClientWelcomed = "client.welcomed",
    /// A channel was asked for; the answer was not read.
    ClientChannelAsked = "client.channel-asked",
    /// The channel is mapped; the caller does not have it yet.
    ClientChannelOpened = "client.channel-opened",
    /// The request is in the ring; the tail was not published.
    ClientRequestWritten = "client.request-written",
    /// The tail was published; nobody has looked whether the server sleeps.
    ClientRequestPublished = "client.request-published",
    /// The memory of a request was given to the server; nothing of the request is in the ring.
    ClientLent = "client.lent",
    /// The server slept and was rung for.
    ClientRung = "client.rung",
    /// A part of a long request, or of an item, is in the ring; the tail was not published.
    ClientPartWritten = "client.part-written",
    /// A part of a long reply, or of an item, was read; the server was not told that it has room again.
    ClientPartRead = "client.part-read",
    /// The reply was found; nothing of it was copied.
    ClientReplySeen = "client.reply-seen",
    /// The reply was copied; the room it took was not given back.
    ClientReplyCopied = "client.reply-copied",
    /// The cancel word was set and `taken` looked at; the caller was not told the result.
    ClientTookBack = "client.took-back",
    /// The connection was accepted; its hello was not read.
    ServerAccepted = "server.accepted",
    /// The welcome was sent.
    ServerWelcomed = "server.welcomed",
    /// A channel was made; the client was not told.
    ServerChannelMade = "server.channel-made",
    /// Memory that a client lent is mapped and its descriptor closed; nobody has looked for its call.
    ServerLent = "server.lent",
    /// A request was found and room for its reply; it was not taken.
    ServerRequestSeen = "server.request-seen",
    /// `taken` was published; the cancel word was not read again.
    ServerClaimed = "server.claimed",
    /// The call is certainly taken and its payload copied; the handler was not called.
    ServerTaken = "server.taken",
    /// A part of a long request, or of an item, was read; the client was not told that it has room again.
    ServerPartRead = "server.part-read",
    /// Within the handler. The tests' own handlers reach it.
    #[cfg(feature = "fault-points")]
    ServerHandling = "server.handling",
    /// The handler is done; the memory that its client lent is still mapped.
    ServerGivingBack = "server.giving-back",
    /// The answer is known; nothing of it is in the ring.
    ServerHandled = "server.handled",
    /// A part of a long reply, or of an item, is in the ring; the tail was not published.
    ServerPartWritten = "server.part-written",
    /// The reply is in the ring; the tail was not published.
    ServerReplyWritten = "server.reply-written",
    /// The tail was published; nobody has looked whether the client sleeps.
    ServerReplyPublished = "server.reply-published",
    /// Every client was told that the server drains; no call was passed over.
    ServerDraining = "server.draining",
    /// A draining server has published that it did not take a call; the call does not count as taken.
    ServerNotTaken = "server.not-taken",
    /// The client slept and was woken.
    ServerClientWoken = "server.client-woken",
    /// Sleep was announced; no last look was taken.
    ServerSleepAnnounced = "server.sleep-announced",
    /// The poller has returned; nothing of what it reported was attended to.
    ServerWoken = "server.woken",
}

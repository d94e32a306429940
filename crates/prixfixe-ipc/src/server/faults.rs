//! Where [`testing`](crate::testing) meets a running server. Without the feature it is nothing at all.

#[cfg(feature = "testing")]
pub(crate) use scripted::{Faults, Source};
#[cfg(not(feature = "testing"))]
pub(crate) use unscripted::Source;

#[cfg(feature = "testing")]
mod scripted {
    use std::sync::Arc;

    use crate::record::RequestHeader;
    use crate::server::execution::Ticket;

    /// Says what goes wrong with the calls of one server. A call is known by the generation of its channel
    /// and its number.
    pub(crate) trait Faults: Send + Sync {
        /// Whether the call may be taken. It is asked once for each call, right before.
        fn admits(&self, generation: u64, header: &RequestHeader) -> bool;

        /// The handler has the call next. Whether its reply goes to nobody.
        fn begins(&self, generation: u64, call: u64) -> bool;
    }

    /// Who says it to a server, if anybody does.
    #[derive(Clone, Default)]
    pub(crate) struct Source(pub(crate) Option<Arc<dyn Faults>>);

    /// The slot of no call: there are not as many.
    const NO_SLOT: u16 = u16::MAX;

    impl Source {
        pub(crate) fn admits(&self, generation: u64, header: &RequestHeader) -> bool {
            let faults = self.0.as_ref();
            faults.is_none_or(|faults| faults.admits(generation, header))
        }

        pub(crate) fn begin(&self, ticket: &mut Ticket) {
            if let Some(faults) = &self.0
                && faults.begins(ticket.generation, ticket.call)
            {
                ticket.slot = NO_SLOT;
            }
        }
    }
}

#[cfg(not(feature = "testing"))]
mod unscripted {
    use crate::record::RequestHeader;
    use crate::server::execution::Ticket;

    /// Nobody.
    #[derive(Clone, Default)]
    pub(crate) struct Source(());

    impl Source {
        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(crate) const fn admits(&self, _: u64, _: &RequestHeader) -> bool {
            true
        }

        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(crate) const fn begin(&self, _: &mut Ticket) {}
    }
}

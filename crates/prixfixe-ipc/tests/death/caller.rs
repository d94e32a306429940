//! Clients of either kind that make numbered calls and check what comes back.

use std::time::Duration;

use prixfixe_ipc::{
    Address, AsyncClient, AsyncConnector, Call, ChannelSizes, Client, ClientOptions, Connector,
    Outcome, SealedMessage, workload,
};
use tokio::runtime::{Builder, Runtime};

use super::process::{this_thread, wait_until};
use super::scene::{ARM, FOR_EVER, Kind, LENGTH, caller_id, client_number, is_reply};

/// Makes calls whose bytes follow from who calls and in which call. To be used by the thread that
/// made it.
pub(crate) struct Caller {
    pub(crate) client: AnyClient,
    /// Tells it from every other caller, and names its thread.
    pub(crate) number: u64,
    pub(crate) calls: u64,
}

/// The kind of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Blocking,
    Asynchronous,
}

pub(crate) enum AnyClient {
    Blocking(Box<Client>),
    /// With the runtime that drives it, in the caller's thread.
    Asynchronous(AsyncClient, Runtime),
}

impl Caller {
    /// `number` differs from that of every other caller of the scene.
    pub(crate) fn new(address: &Address, number: u32, style: Style) -> Self {
        // While a server is replaced, nobody is there.
        let mut client = None;
        wait_until(|| {
            client = AnyClient::connect(address, style, ChannelSizes::default());
            client.is_some()
        });
        Self {
            client: client.unwrap(),
            number: client_number(number, this_thread()),
            calls: 0,
        }
    }

    /// Makes the next call. Returns its id, too.
    pub(crate) fn call(
        &mut self,
        kind: Kind,
        idempotent: bool,
        timeout: Duration,
    ) -> (u128, Outcome<()>) {
        self.calls += 1;
        let mut payload = vec![0; kind.length()];
        workload::fill(&mut payload, self.number, self.calls);
        let sealed = (kind == Kind::Sealed).then(|| SealedMessage::copy_of(&payload).unwrap());
        let id = caller_id(self.number, self.calls);
        let call = sealed.as_ref().map_or(Call::new(&payload), Call::sealed);
        let call = call.caller_id(id).timeout(timeout);
        let call = call.message_type(kind as u32);
        let call = if idempotent { call.idempotent() } else { call };
        let (number, calls) = (self.number, self.calls);
        let outcome = self.client.call(call, |reply| {
            assert!(is_reply(reply, number, calls), "a reply to something else");
        });
        (id, outcome)
    }

    /// A call that has to be completed.
    pub(crate) fn complete(&mut self, kind: Kind) {
        let (_, outcome) = self.call(kind, false, FOR_EVER);
        assert_eq!(outcome, Outcome::Completed(()));
    }

    /// Arms a fault in the server.
    pub(crate) fn arm(&mut self, fault: &str) {
        let call = Call::new(fault.as_bytes()).message_type(ARM);
        let outcome = self.client.call(call, |_| ());
        assert_eq!(outcome, Outcome::Completed(()));
    }
}

impl Style {
    pub(crate) const ALL: [Self; 2] = [Self::Blocking, Self::Asynchronous];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Asynchronous => "async",
        }
    }

    pub(crate) fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|style| style.name() == name)
            .unwrap()
    }
}

impl AnyClient {
    pub(crate) fn connect(address: &Address, style: Style, sizes: ChannelSizes) -> Option<Self> {
        let mut options = ClientOptions::default();
        options.sizes = sizes;
        // So that a call which waits for this rather than for its own deadline is found out.
        options.connect_timeout = FOR_EVER;
        match style {
            Style::Blocking => {
                let connector = Connector::with_options(address.clone(), options);
                let client = connector.client().ok()?;
                Some(Self::Blocking(Box::new(client)))
            }
            Style::Asynchronous => {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                let connector = AsyncConnector::with_options(address.clone(), options);
                let client = runtime.block_on(connector.client()).ok()?;
                Some(Self::Asynchronous(client, runtime))
            }
        }
    }

    fn call(&mut self, call: Call<'_>, check: impl FnOnce(&[u8])) -> Outcome<()> {
        match self {
            Self::Blocking(client) => client.call(call).map(check),
            Self::Asynchronous(client, runtime) if call.payload().len() > LENGTH => {
                let mut reply = [0; LENGTH];
                let outcome = runtime.block_on(client.call_into(call, &mut reply));
                outcome.map(|length| check(&reply[..length]))
            }
            Self::Asynchronous(client, runtime) => {
                runtime.block_on(async { client.call(call).await.map(|reply| check(&reply)) })
            }
        }
    }

    pub(crate) fn call_into(&mut self, call: Call<'_>, reply: &mut [u8]) -> Outcome<usize> {
        match self {
            Self::Blocking(client) => client.call_into(call, reply),
            Self::Asynchronous(client, runtime) => runtime.block_on(client.call_into(call, reply)),
        }
    }
}

//! Where accepted mail goes.

use super::choice::choice;
use super::{Report, Setting};
use crate::config::fault::Problem;
use crate::config::node::{Node, Value};

choice! {
    /// A place for accepted mail.
    pub(crate) enum Destination {
        /// The SQLite store in `store.path`.
        Store = "store",
        /// Nowhere: for tests and measurements.
        Discard = "discard",
        /// A Maildir.
        Maildir = "maildir",
        /// An application process, through shared memory.
        Ipc = "ipc",
        /// A next hop that speaks LMTP.
        Lmtp = "lmtp",
        /// A next hop that speaks SMTP.
        Smtp = "smtp",
        /// An HTTPS endpoint.
        Webhook = "webhook",
        /// A NATS JetStream.
        Jetstream = "jetstream",
    }
}

/// One destination or several, each of them once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destinations(Vec<Destination>);

impl Destinations {
    /// In the order of the file; never empty.
    pub(crate) fn as_slice(&self) -> &[Destination] {
        &self.0
    }
}

impl Setting for Destinations {
    const LIST: bool = true;

    fn wants() -> String {
        format!("{}, or a list of them", <Destination as Setting>::wants())
    }

    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Text(_) => std::slice::from_ref(node),
            _ => {
                report.wrong_type(node, &Self::wants());
                return None;
            }
        };
        if items.is_empty() {
            let nowhere = "the list is empty; write \"store\", or \"discard\" to keep nothing";
            report.fault(&node.place, Problem::Value(nowhere.to_owned()));
            return None;
        }
        let read: Vec<_> = items
            .iter()
            .map(|item| Destination::read(item, report))
            .collect();
        let destinations: Vec<Destination> = read.into_iter().collect::<Option<_>>()?;
        for (index, destination) in destinations.iter().enumerate() {
            if destinations
                .iter()
                .take(index)
                .any(|earlier| earlier == destination)
            {
                let twice = format!("\"{destination}\" stands twice; write it once");
                report.fault(&node.place, Problem::Value(twice));
                return None;
            }
        }
        Some(Self(destinations))
    }

    fn to_toml(&self) -> Option<toml::Value> {
        match self.0.as_slice() {
            [single] => single.to_toml(),
            several => Some(toml::Value::Array(
                several.iter().filter_map(Setting::to_toml).collect(),
            )),
        }
    }
}

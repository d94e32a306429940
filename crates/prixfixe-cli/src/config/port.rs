//! `SMTP_PORT` and `--port`: the default listeners on another port.

use super::fault::{Finding, Problem};
use super::node::{Node, Value};
use super::reader::Layer;
use super::value::{Count, Report, Setting};

/// Puts `listen` into `layer` if nobody has set it. A port beside a list of addresses has no
/// meaning, which is said in a warning.
pub(crate) fn apply(
    port: &Node,
    listen: Option<&Node>,
    layer: &mut Layer,
    faults: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) {
    let number = Count::<0, 65_535>::read(port, &mut Report::new(LISTEN, faults));
    if let Some(listen) = listen {
        let problem = Problem::Overruled(format!("{} sets the addresses", listen.place));
        Report::new(LISTEN, warnings).fault(&port.place, problem);
    } else if let Some(number) = number {
        let address = |host: &str| Node {
            value: Value::Raw(format!("{host}:{}", number.get())),
            place: port.place.clone(),
        };
        let listen = Node {
            value: Value::List(vec![address("127.0.0.1"), address("[::1]")]),
            place: port.place.clone(),
        };
        layer.insert(LISTEN.to_owned(), listen);
    }
}

const LISTEN: &str = "listen";

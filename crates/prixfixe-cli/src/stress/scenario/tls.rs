//! The same burst in the clear, after STARTTLS, from the first octet, and with sessions taken up
//! again. Every message has a connection of its own, so that there is a handshake to measure.

use std::num::NonZeroU32;

use prixfixe_load::plan::{Tls, TlsTerms, Trust};
use prixfixe_load::result::Table;
use prixfixe_load::size::MessageSize;

use super::extent::Extent;
use super::loads::{self, Course, Load, Promise};
use crate::stress::lab::{Lab, LabError};
use crate::stress::servers::Server;

/// Messages of each part.
const MESSAGES: u64 = 2_000;
const WORKERS: usize = 20;

/// A server that makes its certificate itself, with a second listener for TLS from the first octet.
const SETTINGS: &str = "[tls]\n\
    certificate = \"self-signed\"\n\
    [[listener]]\n\
    address = \"127.0.0.1:0\"\n\
    tls = \"implicit\"\n";

pub(super) fn run(lab: &mut Lab, extent: Extent) -> Result<(), LabError> {
    if !lab.is_own() {
        let text =
            "tls needs listeners of its own; against a --target use `prixfixe stress run --tls …`";
        return Err(LabError::Misuse(text.to_owned()));
    }
    if lab.terms().tls != Tls::None {
        let text = "tls measures every way to encrypt; leave out --tls";
        return Err(LabError::Misuse(text.to_owned()));
    }
    lab.start_servers(1, SETTINGS)?;
    lab.probe_disk()?;
    let terms = |resume| TlsTerms {
        trust: Trust::Anybody,
        server_name: Some("localhost".to_owned()),
        resume,
    };
    let parts = [
        ("plain", Tls::None, 0),
        ("STARTTLS", Tls::StartTls(terms(false)), 0),
        ("implicit", Tls::Implicit(terms(false)), 1),
        ("STARTTLS, resumed", Tls::StartTls(terms(true)), 0),
        ("implicit, resumed", Tls::Implicit(terms(true)), 1),
    ];
    let mut rows = Vec::new();
    for (name, tls, listener) in parts {
        let load = Load {
            name,
            course: Course::Burst(MESSAGES),
            workers: WORKERS,
            size: MessageSize::MEDIUM,
            promise: Promise::Nothing,
        };
        let mut plan = load.plan(lab, extent);
        plan.targets = lab
            .servers()
            .iter()
            .filter_map(|server: &Server| server.addresses().get(listener).cloned())
            .collect();
        let resumes = matches!(&tls, Tls::StartTls(terms) | Tls::Implicit(terms) if terms.resume);
        plan.per_connection.get_or_insert(NonZeroU32::MIN);
        plan.tls = tls;
        let figures = lab.measure(name, plan)?.figures;
        let connections = figures.connections;
        if resumes && connections.tls_resumed == 0 && figures.accepted > WORKERS as u64 {
            lab.fault(format!("{name}: no session was taken up again"));
        }
        rows.push(vec![
            name.to_owned(),
            connections.made.to_string(),
            connections.tls_full.to_string(),
            connections.tls_resumed.to_string(),
            format!("{:.1}", figures.rate),
        ]);
    }
    lab.end_disk_probe();
    lab.table(Table {
        title: "Handshakes".to_owned(),
        columns: ["part", "connections", "full", "resumed", "messages/s"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    });
    loads::judge(lab, &[loads::USUAL_PROMISE; 5]);
    Ok(())
}

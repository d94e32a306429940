//! The same burst in the clear, after STARTTLS, from the first octet, and with sessions taken up
//! again. Every message has a connection of its own, so that there is a handshake to measure.

use std::num::NonZeroU32;

use prixfixe_load::plan::MessageSize;
use prixfixe_load::plan::{Plan, Tls, TlsTerms, Trust};
use prixfixe_load::result::Table;

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

/// A way to encrypt, or not to.
struct Way {
    name: &'static str,
    tls: Tls,
    /// Which address of each of the lab's own servers speaks it.
    listener: usize,
}

impl Way {
    fn resumes(&self) -> bool {
        matches!(&self.tls, Tls::StartTls(terms) | Tls::Implicit(terms) if terms.resume)
    }

    fn plan(&self, lab: &mut Lab, extent: Extent) -> Plan {
        let load = Load {
            name: self.name,
            course: Course::Burst(MESSAGES),
            workers: WORKERS,
            size: MessageSize::MEDIUM,
            promise: Promise::Nothing,
        };
        let mut plan = load.plan(lab, extent);
        if lab.is_own() {
            plan.targets = lab
                .servers()
                .iter()
                .filter_map(|server: &Server| server.addresses().get(self.listener).cloned())
                .collect();
        }
        plan.per_connection.get_or_insert(NonZeroU32::MIN);
        plan.tls = self.tls.clone();
        plan
    }
}

pub(super) fn run(lab: &mut Lab, extent: Extent) -> Result<(), LabError> {
    let ways = if lab.is_own() {
        of_own_servers(lab)?
    } else {
        of_targets(lab, extent)?
    };
    lab.start_servers(1, SETTINGS)?;
    lab.probe_disk()?;
    let mut rows = Vec::new();
    for way in &ways {
        let plan = way.plan(lab, extent);
        let figures = lab.measure(way.name, plan)?.figures;
        let connections = figures.connections;
        let many = figures.accepted > WORKERS as u64;
        if way.resumes() && connections.tls_resumed == 0 && many {
            let said = format!("{}: no session was taken up again", way.name);
            if lab.is_own() {
                lab.fault(said);
            } else {
                lab.note(said);
            }
        }
        rows.push(vec![
            way.name.to_owned(),
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
    loads::judge(lab, &vec![loads::USUAL_PROMISE; ways.len()]);
    Ok(())
}

/// Every way, on both listeners.
fn of_own_servers(lab: &Lab) -> Result<Vec<Way>, LabError> {
    if lab.terms().tls != Tls::None {
        let text = "tls measures every way to encrypt; leave out --tls";
        return Err(LabError::Misuse(text.to_owned()));
    }
    let terms = TlsTerms {
        trust: Trust::Anybody,
        server_name: Some("localhost".to_owned()),
        resume: true,
    };
    let [plain, starttls, starttls_resumed] = after_starttls(&terms);
    let [implicit, implicit_resumed] = implicit(&terms);
    Ok(vec![
        plain,
        starttls,
        implicit,
        starttls_resumed,
        implicit_resumed,
    ])
}

/// A port speaks TLS from its first octet on, or offers STARTTLS: --tls says which.
fn of_targets(lab: &mut Lab, extent: Extent) -> Result<Vec<Way>, LabError> {
    let (mut ways, resume) = match &lab.terms().tls {
        Tls::Implicit(terms) => (Vec::from(implicit(terms)), terms.resume),
        Tls::StartTls(terms) => (Vec::from(after_starttls(terms)), terms.resume),
        Tls::None => {
            let terms = TlsTerms {
                trust: Trust::System,
                server_name: None,
                resume: true,
            };
            (Vec::from(after_starttls(&terms)), true)
        }
    };
    ways.retain(|way| resume || !way.resumes());
    let mut taken = Vec::new();
    for way in ways {
        let plan = way.plan(lab, extent);
        match lab.refusal(&plan)? {
            None => taken.push(way),
            Some(said) if way.tls == Tls::None => {
                lab.note(format!(
                    "plain: left out, mail in the clear is not taken: {said}"
                ));
            }
            Some(said) => {
                return Err(LabError::Misuse(format!(
                    "{said}; a port that speaks TLS from its first octet on is measured by --tls implicit"
                )));
            }
        }
    }
    Ok(taken)
}

fn after_starttls(terms: &TlsTerms) -> [Way; 3] {
    let way = |name, tls| Way {
        name,
        tls,
        listener: 0,
    };
    [
        way("plain", Tls::None),
        way("STARTTLS", Tls::StartTls(resuming(terms, false))),
        way("STARTTLS, resumed", Tls::StartTls(resuming(terms, true))),
    ]
}

fn implicit(terms: &TlsTerms) -> [Way; 2] {
    [("implicit", false), ("implicit, resumed", true)].map(|(name, resume)| Way {
        name,
        tls: Tls::Implicit(resuming(terms, resume)),
        listener: 1,
    })
}

fn resuming(terms: &TlsTerms, resume: bool) -> TlsTerms {
    TlsTerms {
        resume,
        ..terms.clone()
    }
}

//! What no key can know alone: settings that contradict each other.

use super::fault::Problem;
use super::place::Place;
use super::reader::{Reader, Row};
use super::settings::{
    Auth, ClientCertificates, ListenerKeys, ListenerTls, Protocol, Sections, TlsVersion,
};
use super::value::{CertificateSource, Duration, ListenAddress};

/// Notes every contradiction.
pub(crate) fn check(sections: &Sections, reader: &mut Reader<'_>) {
    check_certificate(sections, reader);
    check_client_certificates(sections, reader);
    check_listeners(sections, reader);
    check_addresses(sections, reader);
    check_networks(sections, reader);
    check_server_names(sections, reader);
    check_timeouts(sections, reader);
    check_store(sections, reader);
    check_destinations(sections, reader);
}

fn check_certificate(sections: &Sections, reader: &mut Reader<'_>) {
    let certificate = reader.place_of("tls.certificate");
    let key = reader.place_of("tls.key");
    let is_self_signed = sections.tls.certificate == Some(CertificateSource::SelfSigned);
    match (&certificate, &key) {
        (None, Some(place)) => {
            contradiction(
                reader,
                place,
                "tls.key",
                "there is no certificate for this key; set tls.certificate",
            );
        }
        (Some(place), None) if !is_self_signed => {
            contradiction(
                reader,
                place,
                "tls.certificate",
                "there is no key for this certificate; set tls.key",
            );
        }
        (Some(_), Some(place)) if is_self_signed => {
            let text = "a self-signed certificate makes its own key; remove tls.key";
            contradiction(reader, place, "tls.key", text);
        }
        _ => {}
    }
    if let (Some(place), None) = (reader.place_of("tls.key_password_file"), key) {
        let text = "there is no key that this password could open; set tls.key";
        contradiction(reader, &place, "tls.key_password_file", text);
    }
    if certificate.is_some() {
        return;
    }
    let tls = &sections.tls;
    for (path, says_something) in [
        (
            "tls.minimum_version",
            tls.minimum_version != TlsVersion::Tls12,
        ),
        ("tls.cipher_suites", tls.cipher_suites.is_some()),
        ("tls.key_exchange_groups", tls.key_exchange_groups.is_some()),
        (
            "tls.client_certificates",
            tls.client_certificates != ClientCertificates::None,
        ),
    ] {
        if let (Some(place), true) = (reader.place_of(path), says_something) {
            let text = "there is no TLS without a certificate; set tls.certificate";
            contradiction(reader, &place, path, text);
        }
    }
    if let Some(row) = sections.sni.first() {
        let text = "clients that ask for no name need a certificate too; set tls.certificate";
        contradiction(reader, &row.place, "tls.sni", text);
    }
}

/// Whoever demands certificates uses them as the lock, so anybody's must not open it.
fn check_client_certificates(sections: &Sections, reader: &mut Reader<'_>) {
    let demand = sections.tls.client_certificates;
    let demand_place = reader.place_of("tls.client_certificates");
    let ca_place = reader.place_of("tls.client_ca");
    if demand == ClientCertificates::Required
        && ca_place.is_none()
        && let Some(place) = demand_place
    {
        let text = "anybody can make a certificate; set tls.client_ca to those who issue yours";
        contradiction(reader, &place, "tls.client_certificates", text);
    } else if demand == ClientCertificates::None
        && let Some(place) = ca_place
    {
        let text = "clients are not asked for certificates; set tls.client_certificates";
        contradiction(reader, &place, "tls.client_ca", text);
    }
}

fn check_listeners(sections: &Sections, reader: &mut Reader<'_>) {
    let has_certificate = reader.place_of("tls.certificate").is_some();
    let has_passwords = reader.place_of("auth.password_file").is_some();
    for row in &sections.listeners {
        check_lmtp_port(row, reader);
        let wants_tls = !matches!(row.keys.tls, None | Some(ListenerTls::None));
        if wants_tls && !has_certificate {
            let text = "there is no certificate; set tls.certificate and tls.key";
            contradiction(reader, &place_in(row, "tls"), "listener.tls", text);
        }
        if row.keys.auth == Auth::Never {
            continue;
        }
        let place = place_in(row, "auth");
        if !has_passwords {
            let text = "there are no users; set auth.password_file";
            contradiction(reader, &place, "listener.auth", text);
        }
        let never_encrypted = row.keys.tls == Some(ListenerTls::None) || !has_certificate;
        if never_encrypted && !wants_tls && !row.keys.auth_without_tls {
            let text = "nobody could log in, since logins are offered only under TLS; set tls, or \
                        auth_without_tls = true where the network is trusted";
            contradiction(reader, &place, "listener.auth", text);
        }
    }
}

/// Whoever sends by SMTP would lose the replies for all but the first recipient.
fn check_lmtp_port(row: &Row<ListenerKeys>, reader: &mut Reader<'_>) {
    let is_smtp_port =
        matches!(&row.keys.address, ListenAddress::Tcp(address) if address.port() == SMTP_PORT);
    if row.keys.protocol == Protocol::Lmtp && is_smtp_port {
        let text = "LMTP must not be spoken on port 25 (RFC 2033 section 5); choose another port";
        contradiction(
            reader,
            &place_in(row, "protocol"),
            "listener.protocol",
            text,
        );
    }
}

/// The port on which servers speak SMTP to each other.
const SMTP_PORT: u16 = 25;

fn check_addresses(sections: &Sections, reader: &mut Reader<'_>) {
    let listen_place = reader.place_of("listen").unwrap_or(Place::Default);
    let admin = sections.admin.listen.on().cloned().map(ListenAddress::from);
    let short = sections.receiver.listen.iter();
    let mut taken: Vec<(&ListenAddress, &str, Place)> = short
        .map(|address| (address, "listen", listen_place.clone()))
        .collect();
    for row in &sections.listeners {
        taken.push((
            &row.keys.address,
            "listener.address",
            place_in(row, "address"),
        ));
    }
    if taken.is_empty() {
        let text = "there is no listener; add an address, or a [[listener]]";
        contradiction(reader, &listen_place, "listen", text);
    }
    if let Some(address) = &admin {
        let place = reader.place_of("admin.listen").unwrap_or(Place::Default);
        taken.push((address, "admin.listen", place));
    }
    for (index, (address, key, place)) in taken.iter().enumerate() {
        let mut earlier = taken.iter().take(index);
        if let Some((other, other_key, other_place)) =
            earlier.find(|(other, ..)| other.collides(address))
        {
            // The default cannot be corrected: the blame is on the one that was given.
            let (place, key, address, other, other_key, other_place) = if *place == Place::Default {
                (other_place, other_key, other, address, key, place)
            } else {
                (place, key, address, other, other_key, other_place)
            };
            let text = format!(
                "{address} is taken by {other} of {other_key} ({other_place}); choose another address"
            );
            contradiction(reader, place, key, &text);
        }
    }
}

fn check_networks(sections: &Sections, reader: &mut Reader<'_>) {
    for (index, row) in sections.networks.iter().enumerate() {
        let network = row.keys.network;
        if sections
            .networks
            .iter()
            .take(index)
            .any(|other| other.keys.network == network)
        {
            let text = format!("{network} stands twice; keep one of the two tables");
            contradiction(
                reader,
                &place_in(row, "network"),
                "bare_newline_network.network",
                &text,
            );
        }
    }
}

fn check_server_names(sections: &Sections, reader: &mut Reader<'_>) {
    for (index, row) in sections.sni.iter().enumerate() {
        let name = &row.keys.name;
        if sections
            .sni
            .iter()
            .take(index)
            .any(|other| other.keys.name == *name)
        {
            let text = format!("{name} stands twice; keep one of the two tables");
            contradiction(reader, &place_in(row, "name"), "tls.sni.name", &text);
        }
    }
}

/// Nothing within a session can take longer than the session.
fn check_timeouts(sections: &Sections, reader: &mut Reader<'_>) {
    let timeouts = &sections.timeouts;
    let Some(session) = timeouts.session.on() else {
        return;
    };
    let parts: [(&str, Duration); 6] = [
        ("timeouts.banner", timeouts.banner),
        ("timeouts.handshake", timeouts.handshake),
        ("timeouts.command", timeouts.command),
        ("timeouts.body_block", timeouts.body_block),
        ("timeouts.verdict", timeouts.verdict),
        ("timeouts.message_verdict", timeouts.message_verdict),
    ];
    let session_place = reader.place_of("timeouts.session");
    for (path, part) in parts.into_iter().filter(|(_, part)| part > session) {
        if let Some(place) = reader.place_of(path).or_else(|| session_place.clone()) {
            let text = format!(
                "{part} is longer than timeouts.session = \"{session}\"; lower it, or allow longer sessions"
            );
            contradiction(reader, &place, path, &text);
        }
    }
}

fn check_store(sections: &Sections, reader: &mut Reader<'_>) {
    let largest = sections.receiver.max_message_size;
    if let (Some(kept), Some(place)) = (
        sections.store.keep_bytes.on(),
        reader.place_of("store.keep_bytes"),
    ) && kept.get() < largest.get()
    {
        let text = format!(
            "{kept} is less than one message of max_message_size = \"{largest}\"; keep more, or accept less"
        );
        contradiction(reader, &place, "store.keep_bytes", &text);
    }
}

fn check_destinations(sections: &Sections, reader: &mut Reader<'_>) {
    if sections.receiver.destination.as_slice().len() > 1 {
        let place = reader.place_of("destination").unwrap_or(Place::Default);
        let problem = Problem::NotAvailable {
            feature: "more than one destination",
            instead: Some("one of them".to_owned()),
        };
        reader.fault(&place, "destination", problem);
    }
}

fn contradiction(reader: &mut Reader<'_>, place: &Place, key: &str, text: &str) {
    reader.fault(place, key, Problem::Contradiction(text.to_owned()));
}

/// Where a key of a `[[…]]` table was given, or else the table.
fn place_in<S>(row: &Row<S>, name: &str) -> Place {
    row.places.get(name).unwrap_or(&row.place).clone()
}

//! The server under attack, as a process of its own.

use std::time::Duration;

use prixfixe_ipc::{
    Address, OwnedReply, OwnedRequest, Refusal, Reply, Request, Server, ServerConfig, ServerEvent,
    TrustDomains, workload,
};

use super::processes::{hear, is, say, setting};

pub(crate) const ROLE: &str = "server_process::the_server";
pub(crate) const ADDRESS: &str = "PRIXFIXE_HOSTILE_ADDRESS";
pub(crate) const PER_CLIENT: &str = "PRIXFIXE_HOSTILE_PER_CLIENT";
pub(crate) const MAX_HANDSHAKES: &str = "PRIXFIXE_HOSTILE_MAX_HANDSHAKES";
pub(crate) const HANDSHAKE_MS: &str = "PRIXFIXE_HOSTILE_HANDSHAKE_MS";
pub(crate) const MAX_CLIENTS: &str = "PRIXFIXE_HOSTILE_MAX_CLIENTS";
pub(crate) const MAX_CHANNELS_PER_CLIENT: &str = "PRIXFIXE_HOSTILE_MAX_CHANNELS";
pub(crate) const MAX_SHARED_PER_CLIENT: &str = "PRIXFIXE_HOSTILE_MAX_SHARED";

/// The handlers are asynchronous.
pub(crate) const ASYNCHRONOUS: &str = "PRIXFIXE_HOSTILE_ASYNC";
/// Takes items for as long as there are some, and answers.
pub(crate) const TAKE: u32 = 2;
/// Sends items for as long as they are wanted.
pub(crate) const FLOOD: u32 = 3;

/// A request of this type is made by [`super::bystanders::request`], and verified.
pub(crate) const VERIFIED: u32 = 1;

#[test]
#[ignore = "a process that the other tests start"]
fn the_server() {
    if !is(ROLE) {
        return;
    }
    let mut config = ServerConfig::default().on_event(tell);
    let number = |name: &str| setting(name).map(|text| text.parse::<usize>().unwrap());
    if setting(PER_CLIENT).is_some() {
        config.trust_domains = TrustDomains::PerClient;
    }
    config.max_handshakes = number(MAX_HANDSHAKES).unwrap_or(config.max_handshakes);
    config.max_clients = number(MAX_CLIENTS).unwrap_or(config.max_clients);
    config.max_channels_per_client =
        number(MAX_CHANNELS_PER_CLIENT).unwrap_or(config.max_channels_per_client);
    config.max_shared_per_client =
        number(MAX_SHARED_PER_CLIENT).unwrap_or(config.max_shared_per_client);
    if let Some(ms) = number(HANDSHAKE_MS) {
        config.handshake_timeout = Duration::from_millis(ms as u64);
    }
    let address: Address = setting(ADDRESS).unwrap().parse().unwrap();
    let server = Server::bind(&address, config).unwrap();
    let stopper = server.stopper();
    std::thread::spawn(move || {
        while hear().is_some() {}
        stopper.stop();
    });
    say("serving");
    if setting(ASYNCHRONOUS).is_some() {
        server.serve_async(answer_async).unwrap();
    } else {
        server.serve(answer).unwrap();
    }
}

async fn answer_async(mut request: OwnedRequest, mut reply: OwnedReply) -> Result<(), Refusal> {
    match request.message_type() {
        TAKE => {
            let mut item = Vec::new();
            while request.next_item(&mut item).await? {}
            Ok(())
        }
        FLOOD => {
            while reply.send_item(&[7; 300]).await.is_ok() {}
            Ok(())
        }
        VERIFIED => {
            let payload = request.payload();
            let (client, call) =
                super::bystanders::names_of(payload).ok_or(Refusal::HandlerFailed)?;
            if !super::bystanders::is_request(payload, client, call) {
                return Err(Refusal::HandlerFailed);
            }
            let room = reply.extend(request.payload().len())?;
            workload::fill(room, workload::replying_to(client), call);
            Ok(())
        }
        _ => reply.write(request.payload()),
    }
}

fn answer(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
    let payload = request.payload();
    if request.message_type() != VERIFIED {
        return reply.write(payload);
    }
    let (client, call) = super::bystanders::names_of(payload).ok_or(Refusal::HandlerFailed)?;
    if !super::bystanders::is_request(payload, client, call) {
        return Err(Refusal::HandlerFailed);
    }
    let room = reply.extend(payload.len())?;
    workload::fill(room, workload::replying_to(client), call);
    Ok(())
}

fn tell(event: &ServerEvent) {
    match event {
        ServerEvent::Connected(client) => {
            say(&format!("connected {}", pid(client.credentials.pid)));
        }
        ServerEvent::Refused { peer, refusal } => {
            say(&format!("refused {} {refusal:?}", pid(peer.pid)));
        }
        ServerEvent::Gone { client, reason } => {
            say(&format!("gone {} {reason:?}", pid(client.credentials.pid)));
        }
        _ => {}
    }
}

fn pid(pid: Option<std::num::NonZeroI32>) -> i32 {
    pid.map_or(0, std::num::NonZeroI32::get)
}

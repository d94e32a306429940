//! HAProxy in front: the server sees its clients through the PROXY protocol.

use std::{fs, net::TcpListener, os::fd::OwnedFd, process::Stdio};

use crate::{
    message,
    program::{Watched, program, run},
    secured::{BOTH, Secured, Tls},
    swaks::swaks_to,
};

/// What a client has that is not the balancer.
const CLIENT: &str = "127.0.0.9";

#[test]
fn clients_behind_haproxy_keep_their_address() {
    for tls in BOTH {
        let secured = Secured::behind_balancer();
        let (_balancer, port) = balancer(&secured, tls);
        let mut client = swaks_to(&port, secured.folder());
        client
            .args(["--local-interface", CLIENT, "--tls-verify", "--tls-ca-path"])
            .arg(secured.certificate())
            .arg(if tls == Tls::StartTls {
                "-tls"
            } else {
                "-tlsc"
            });
        run(&mut client, b"");
        let mail = secured.only();
        let (address, _) = mail.details.peer.rsplit_once(':').unwrap();
        assert_eq!(address, CLIENT);
        message::same(&mail.body, &message::tricky_and_empty_line());
    }
}

/// Starts one in front of a listener. It is handed its socket, so that it can be talked to at once.
fn balancer(secured: &Secured, tls: Tls) -> (Watched, String) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let settings = secured.folder().join("haproxy.cfg");
    let text = format!(
        "global\n  maxconn 100\n\
         defaults\n  mode tcp\n  timeout connect 60s\n  timeout client 60s\n  timeout server 60s\n\
         listen smtp\n  bind fd@0\n  server mx {} send-proxy-v2\n",
        secured.address(tls)
    );
    fs::write(&settings, text).unwrap();
    let mut command = program("haproxy");
    command
        .args(["-db", "-f"])
        .arg(settings)
        .stdin(OwnedFd::from(socket))
        .stdout(Stdio::null());
    (Watched::spawn(&mut command), port)
}

//! What becomes of bare line ends can depend on the network of the client.

use crate::{
    server_process::{Server, store},
    smtp_client::{Client, code},
    stored_mail,
};

#[test]
fn the_network_of_a_client_decides_before_its_listener() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "bare_newline = \"reject\"\n\
        [[bare_newline_network]]\nnetwork = \"127.0.0.0/8\"\nbare_newline = \"reject\"\n\
        [[bare_newline_network]]\nnetwork = \"127.0.0.1/32\"\nbare_newline = \"accept\"\n";
    let server = Server::start_with(folder.path(), settings);
    let mut client = Client::greeted(server.address());
    let body = b"a line\nand another\r\n";
    let reply = client.deliver("a@example.org", "b@example.com", body);
    assert_eq!(code(&reply), 250, "{reply}");
    assert_eq!(stored_mail::only(&store(folder.path())).body, body);
}

//! A server that cannot have its ports or its settings says why, and leaves nothing behind.

use std::{fs, net::TcpListener, path::Path, process::Output};

use crate::{
    server_process::{self, LISTEN, Server, admin_socket, store},
    smtp_client::Client,
};

#[test]
fn the_port_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let output = serve(folder.path(), &format!("listen = [\"{address}\"]\n"));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let message = format!("another process listens on {address} already");
    assert!(text(&output).contains(&message), "{}", text(&output));
    assert!(
        !store(folder.path()).exists(),
        "no folder is made for nothing"
    );
}

#[test]
fn the_port_of_another_server_is_in_use() {
    let (folder, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(folder.path());
    let output = serve(
        second.path(),
        &format!("listen = [\"{}\"]\n", server.address()),
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    Client::greeted(server.address());
}

#[test]
fn every_wrong_setting_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "
listen = [\"127.0.0.1:70000\"]
max_connections = 0
max_mesage_size = \"10MiB\"
[timeouts]
command = \"soon\"
";
    let output = serve(folder.path(), settings);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    for part in [
        "127.0.0.1:70000",
        "max_connections",
        "max_mesage_size",
        "max_message_size",
        "soon",
    ] {
        assert!(
            text(&output).contains(part),
            "{part} is not in\n{}",
            text(&output)
        );
    }
    assert!(
        !store(folder.path()).exists(),
        "no folder is made for nothing"
    );
}

#[test]
fn the_settings_file_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = server_process::command(folder.path(), LISTEN);
    fs::remove_file(folder.path().join("prixfixe.toml")).unwrap();
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("prixfixe.toml"), "{}", text(&output));
}

#[test]
fn the_admin_address_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let output = serve(folder.path(), LISTEN);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("admin.listen"), "{}", text(&output));
    Client::greeted(server.address());
}

/// Connecting to an ordinary file is refused as it is at a socket that nobody serves any more.
#[test]
fn a_file_in_the_place_of_the_admin_socket_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(admin_socket(folder.path()), "somebody's data").unwrap();
    let output = serve(folder.path(), LISTEN);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("admin.listen"), "{}", text(&output));
    let kept = fs::read_to_string(admin_socket(folder.path())).unwrap();
    assert_eq!(kept, "somebody's data");
}

/// Runs a server that must end by itself.
fn serve(folder: &Path, settings: &str) -> Output {
    server_process::command(folder, settings).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

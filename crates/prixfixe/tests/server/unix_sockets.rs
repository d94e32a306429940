//! Unix sockets and their files.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
};

use prixfixe::{BoundAddress, ListenError, ListenerSettings, Server};

use crate::scene::{Keep, WATCHDOG, settings, watchdog};

fn greets(path: &Path) {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert!(line.starts_with("220 "), "{line}");
    stream.get_mut().write_all(b"QUIT\r\n").unwrap();
    line.clear();
    stream.read_line(&mut line).unwrap();
    assert!(line.starts_with("221 "), "{line}");
}

fn listen(path: &Path) -> Result<Server, ListenError> {
    let mut server = Server::new(settings());
    server.listen_unix(path, ListenerSettings::default())?;
    Ok(server)
}

/// Serves one client and stops.
async fn serve_one(server: Server, path: &Path) {
    watchdog(async {
        let stop = server.shutdown_handle();
        let serving = tokio::spawn(server.serve(Keep::default()));
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || greets(&path))
            .await
            .unwrap();
        stop.drain();
        serving.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_file_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smtp.sock");
    let server = listen(&path).unwrap();
    let bound = BoundAddress::Unix(Some(path.clone()));
    assert_eq!(bound.to_string(), format!("unix:{}", path.display()));
    assert_eq!(server.addresses(), [bound]);
    serve_one(server, &path).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_was_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smtp.sock");
    // The file of a listener stays when it is gone.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    serve_one(listen(&path).unwrap(), &path).await;
}

#[tokio::test]
async fn one_that_is_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smtp.sock");
    let first = listen(&path).unwrap();
    let error = listen(&path).unwrap_err();
    assert!(matches!(error, ListenError::InUse(_)), "{error}");
    assert!(error.to_string().contains("smtp.sock"), "{error}");
    serve_one(first, &path).await;
}

#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious.txt");
    fs::write(&path, "precious").unwrap();
    let error = listen(&path).unwrap_err();
    assert!(error.to_string().contains("precious.txt"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let error = listen(Path::new("missing/smtp.sock")).unwrap_err();
    assert!(error.to_string().contains("missing/smtp.sock"), "{error}");
}

#[tokio::test]
async fn a_socket_that_listens_already_is_taken_over_and_its_file_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inherited.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut server = Server::new(settings());
    server
        .adopt_unix(listener, ListenerSettings::default())
        .unwrap();
    serve_one(server, &path).await;
    // It belongs to whoever made it.
    assert!(path.exists());
}

#[tokio::test]
async fn the_file_stays_while_a_clone_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smtp.sock");
    let server = listen(&path).unwrap();
    let clone = server.try_clone().unwrap();
    drop(server);
    assert!(path.exists());
    serve_one(clone, &path).await;
    assert!(!path.exists());
}

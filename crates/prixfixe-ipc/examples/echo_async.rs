//! A server whose handler waits, and an asynchronous client, in two processes.
//!
//! ```sh
//! cargo run --release -p prixfixe-ipc --example echo_async -- serve /tmp/echo.sock &
//! cargo run --release -p prixfixe-ipc --example echo_async -- call /tmp/echo.sock "hello there"
//! ```

use std::error::Error;

use prixfixe_ipc::{Address, AsyncClient, Outcome, OwnedReply, OwnedRequest, Server, ServerConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", path] => serve(&Address::path(path)?),
        ["call", path, text] => call(&Address::path(path)?, text),
        _ => Err("usage: echo_async serve PATH | echo_async call PATH TEXT".into()),
    }
}

fn serve(address: &Address) -> Result<(), Box<dyn Error>> {
    let server = Server::bind(address, ServerConfig::default())?;
    server.serve_async(|request: OwnedRequest, mut reply: OwnedReply| async move {
        // Whatever it waited for here, other calls would be answered meanwhile.
        reply.write(request.payload())
    })?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn call(address: &Address, text: &str) -> Result<(), Box<dyn Error>> {
    let client = AsyncClient::connect(address).await?;
    match client.call(text).await {
        Outcome::Completed(reply) => println!("{}", String::from_utf8_lossy(&reply)),
        Outcome::Refused(refusal) => println!("refused: {refusal}"),
        // `failure.executed` says whether it is safe to ask again.
        Outcome::Failed(failure) => println!("failed: {failure}"),
    }
    Ok(())
}

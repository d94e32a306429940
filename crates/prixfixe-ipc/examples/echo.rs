//! A server and a client in two processes.
//!
//! ```sh
//! cargo run --release -p prixfixe-ipc --example echo -- serve /tmp/echo.sock &
//! cargo run --release -p prixfixe-ipc --example echo -- call /tmp/echo.sock "hello there"
//! ```

use std::error::Error;

use prixfixe_ipc::{Address, Client, Outcome, Reply, Request, Server, ServerConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", path] => serve(&Address::path(path)?),
        ["call", path, text] => call(&Address::path(path)?, text),
        _ => Err("usage: echo serve PATH | echo call PATH TEXT".into()),
    }
}

fn serve(address: &Address) -> Result<(), Box<dyn Error>> {
    let server = Server::bind(address, ServerConfig::default())?;
    server.serve(|request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload()))?;
    Ok(())
}

fn call(address: &Address, text: &str) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(address)?;
    match client.call(text) {
        Outcome::Completed(reply) => println!("{}", String::from_utf8_lossy(reply)),
        Outcome::Refused(refusal) => println!("refused: {refusal}"),
        // `failure.executed` says whether it is safe to ask again.
        Outcome::Failed(failure) => println!("failed: {failure}"),
    }
    Ok(())
}

//! Prints what comes in: `cargo run --example print -- 127.0.0.1:2525`

use prixfixe::{Mail, Server, on_message};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let server = Server::bind(address.as_deref().unwrap_or("127.0.0.1:2525")).await?;
    println!("listening on {}", server.local_addr());
    let print = |mail: Mail| async move {
        println!("from {}", mail.envelope.reverse_path);
        println!("{}", String::from_utf8_lossy(&mail.content));
        Ok(())
    };
    Ok(server.serve(on_message(print)).await?)
}

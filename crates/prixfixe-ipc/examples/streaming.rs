//! A server that searches the lines it is sent, and a client that sends while it receives.
//!
//! ```sh
//! cargo run -p prixfixe-ipc --example streaming -- needle < some.txt
//! ```

use std::io::BufRead;

use prixfixe_ipc::{Address, AsyncClient, OwnedReply, OwnedRequest, Refusal, Server, ServerConfig};

/// Sends back the lines that contain the request, and in the end how many there were.
async fn search(mut request: OwnedRequest, mut reply: OwnedReply) -> Result<(), Refusal> {
    let needle = request.payload().to_vec();
    let (mut line, mut found) = (Vec::new(), 0_u64);
    while request.next_item(&mut line).await? {
        if line.windows(needle.len().max(1)).any(|part| part == needle) {
            reply.send_item(&line).await?;
            found += 1;
        }
    }
    reply.write(&found.to_le_bytes())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let needle = std::env::args().nth(1).ok_or("what to search for?")?;
    let address = Address::abstract_name(format!("streaming-{}", std::process::id()))?;
    let _server = Server::bind(&address, ServerConfig::default())?.spawn_async(search)?;

    let client = AsyncClient::connect(&address).await?;
    let mut stream = client.stream(needle.as_bytes()).await?;
    let (mut sender, mut receiver) = stream.split();
    let send = async {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else {
                break;
            };
            // It waits while the server is behind, and the receiver below goes on meanwhile.
            sender.send(line.as_bytes()).await?;
        }
        sender.end().await
    };
    let receive = async {
        let mut line = Vec::new();
        while receiver.receive(&mut line).await? {
            println!("{}", String::from_utf8_lossy(&line));
        }
        Ok(())
    };
    tokio::try_join!(send, receive)?;
    let mut found = [0; 8];
    stream.reply(&mut found).await.completed()?;
    eprintln!("{} lines", u64::from_le_bytes(found));
    Ok(())
}

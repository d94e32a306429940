//! A service with two typed requests, and a client of it, in one process.
//!
//! ```sh
//! cargo run --release -p prixfixe-ipc --features rkyv --example typed_service
//! ```

use std::collections::BTreeMap;
use std::error::Error;

use prixfixe_ipc::typed::{self, Rkyv, Service};
use prixfixe_ipc::{Address, Server, ServerConfig};
use rkyv::{Archive, Serialize};

/// Puts so many into stock.
#[derive(Archive, Serialize)]
struct Store {
    item: String,
    count: u32,
}

/// Takes so many out of it.
#[derive(Archive, Serialize)]
struct Take {
    item: String,
    count: u32,
}

/// There are not so many.
#[derive(Archive, Serialize)]
struct Short {
    in_stock: u32,
}

impl typed::Request for Store {
    type Reply = ();
    type Codec = Rkyv;
    const TYPE: u32 = 1;
    const VERSION: u32 = 1;
}

impl typed::Request for Take {
    /// What is left.
    type Reply = Result<u32, Short>;
    type Codec = Rkyv;
    const TYPE: u32 = 2;
    const VERSION: u32 = 1;
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = Address::abstract_name(format!("typed-service-{}", std::process::id()))?;
    let _running = Server::bind(&address, ServerConfig::default())?.spawn(warehouse())?;

    let mut client = typed::Client::connect(&address)?;
    let item = || "teapot".to_owned();
    let store = Store {
        item: item(),
        count: 5,
    };
    client.call(&store).completed()?;
    for count in [3, 4] {
        let take = Take {
            item: item(),
            count,
        };
        match client.call(&take).completed()?.as_ref() {
            Ok(left) => println!("took {count}, {left} left"),
            Err(short) => println!("cannot take {count}, there are {}", short.in_stock),
        }
    }
    Ok(())
}

/// Both handlers share the stock. The server calls one at a time, so nobody ever waits for the lock.
fn warehouse() -> Service {
    let stock = std::sync::Arc::new(std::sync::Mutex::new(BTreeMap::<String, u32>::new()));
    let also = std::sync::Arc::clone(&stock);
    Service::new()
        .on::<Store>(move |store, _call| {
            let mut stock = stock
                .lock()
                .map_err(|_| prixfixe_ipc::Refusal::HandlerFailed)?;
            *stock.entry(store.item.to_string()).or_default() += store.count.to_native();
            Ok(())
        })
        .on::<Take>(move |take, _call| {
            let mut stock = also
                .lock()
                .map_err(|_| prixfixe_ipc::Refusal::HandlerFailed)?;
            let in_stock = stock.entry(take.item.to_string()).or_default();
            Ok(match in_stock.checked_sub(take.count.to_native()) {
                Some(left) => {
                    *in_stock = left;
                    Ok(left)
                }
                None => Err(Short {
                    in_stock: *in_stock,
                }),
            })
        })
}

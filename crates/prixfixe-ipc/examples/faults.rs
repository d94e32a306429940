//! How a program's own code is tried against everything that can become of its calls:
//! `cargo run -p prixfixe-ipc --features testing --example faults`.

use std::time::Duration;

use prixfixe_ipc::testing::{Away, Fault, TestServer};
use prixfixe_ipc::{Call, Client, Executed, Outcome, Refusal, Reply, Request, ServerConfig};

/// What the program under test makes of a payment.
#[derive(Debug, PartialEq, Eq)]
enum Payment {
    Done,
    /// It can be tried again.
    NotDone,
    /// Somebody has to look.
    Unknown,
    Declined,
}

/// The code under test.
fn pay(client: &mut Client, amount: &[u8]) -> Payment {
    let call = Call::new(amount).timeout(Duration::from_millis(500));
    match client.call(call) {
        Outcome::Completed(b"paid") => Payment::Done,
        Outcome::Refused(Refusal::Busy) => Payment::NotDone,
        Outcome::Refused(_) | Outcome::Completed(_) => Payment::Declined,
        Outcome::Failed(failure) => match failure.executed {
            Executed::No => Payment::NotDone,
            Executed::Maybe => Payment::Unknown,
        },
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let till = |_: Request<'_>, reply: &mut Reply<'_>| reply.write(b"paid");
    let server = TestServer::start(ServerConfig::default(), till)?;
    let mut client = Client::connect(server.address())?;
    let cases = [
        (None, Payment::Done),
        (Some(Fault::refuse(Refusal::Busy)), Payment::NotDone),
        (Some(Fault::answer("no funds")), Payment::Declined),
        (Some(Fault::never_answer()), Payment::Unknown),
        (Some(Fault::hang_up_after(Away::NotAtAll)), Payment::Unknown),
        (Some(Fault::corrupt_reply()), Payment::Unknown),
        // It is back in time: the client has sent the call again by itself.
        (Some(Fault::hang_up_before(Away::NotAtAll)), Payment::Done),
        (
            Some(Fault::hang_up_before(Away::UntilCalledBack)),
            Payment::NotDone,
        ),
    ];
    for (fault, expected) in cases {
        let injected = format!("{fault:?}");
        if let Some(fault) = fault {
            server.inject(fault);
        }
        let before = server.executed();
        let payment = pay(&mut client, b"10.00");
        let executed = server.executed() - before;
        println!("{payment:?}, executed {executed} times, with {injected}");
        assert_eq!(payment, expected);
        assert!(payment != Payment::NotDone || executed == 0);
        server.come_back();
    }
    Ok(())
}

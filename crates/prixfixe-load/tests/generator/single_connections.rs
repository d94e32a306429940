//! Connections one by one, for scenarios that no schedule describes.

use prixfixe_load::client::{Connector, Course};
use prixfixe_load::contents::{Library, Scratch};
use prixfixe_load::failure::FailureKind;
use prixfixe_load::failure::Stage;
use prixfixe_load::ledger::Answer;

use crate::scripted_server::{Act, At, Server, closed};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn a_connection_is_opened_used_and_left() {
    let server = Server::scripted(|_| Act::Usual);
    let plan = closed(&server, 1, 1);
    let library = Library::prepare(&plan.contents, plan.run, false).unwrap();
    let connector = Connector::new(&plan).unwrap();
    block_on(async {
        let mut course = Course::new();
        let mut connection = connector.open(0, &mut course).await.unwrap();
        connection.noop().await.unwrap();
        let mut scratch = Scratch::default();
        for number in 0..3 {
            let message = library.message(number, &mut scratch);
            connection.deliver(&message, &mut course).await.unwrap();
            assert_eq!(connection.last_line(), "250 stored");
        }
        assert_eq!(course.answer(), Some(Answer::Accepted));
        let stages: Vec<Stage> = course.taken().map(|(stage, _)| stage).collect();
        assert_eq!(
            stages,
            [
                Stage::Connect,
                Stage::Banner,
                Stage::Ehlo,
                Stage::Mail,
                Stage::Rcpt,
                Stage::DataStart,
                Stage::DataEnd,
                Stage::Total,
            ]
        );
        connection.rset().await.unwrap();
        connection.quit().await;
    });
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_greeting_is_told_by_its_code_whatever_it_is() {
    let server = Server::scripted(|moment| match (moment.at, moment.connection) {
        (At::Banner, 1) => Act::SayAndClose("421 4.3.2 too many\r\n"),
        _ => Act::Usual,
    });
    let connector = Connector::new(&closed(&server, 1, 1)).unwrap();
    block_on(async {
        let mut course = Course::new();
        let (code, first) = connector.greeting(0, &mut course).await.unwrap();
        assert_eq!(code, 220);
        let (code, mut second) = connector.greeting(0, &mut course).await.unwrap();
        assert_eq!(
            (code, second.last_line()),
            (421, "421 4.3.2 too many".to_owned())
        );
        assert!(!second.recover().await);
        first.quit().await;
    });
}

#[test]
fn after_a_refused_recipient_a_connection_recovers() {
    let server = Server::scripted(|moment| match moment.at {
        At::Rcpt if moment.message == 1 => Act::Say("550 5.1.1 nobody\r\n"),
        _ => Act::Usual,
    });
    let plan = closed(&server, 1, 1);
    let library = Library::prepare(&plan.contents, plan.run, false).unwrap();
    let connector = Connector::new(&plan).unwrap();
    block_on(async {
        let mut course = Course::new();
        let mut connection = connector.open(0, &mut course).await.unwrap();
        let mut scratch = Scratch::default();
        let message = library.message(0, &mut scratch);
        connection.deliver(&message, &mut course).await.unwrap();
        let failure = connection.deliver(&message, &mut course).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Permanent(550));
        assert_eq!((failure.stage, course.stage()), (Stage::Rcpt, Stage::Rcpt));
        assert_eq!(
            course.answer(),
            None,
            "that of the message before is forgotten"
        );
        assert!(course.taken().all(|(stage, _)| stage != Stage::Total));
        assert!(connection.recover().await);
        connection.noop().await.unwrap();
    });
}

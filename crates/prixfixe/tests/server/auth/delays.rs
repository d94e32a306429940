//! Who guesses waits longer each time, and ends up outside.

use super::*;
use prixfixe::PeerPattern;
use std::num::NonZeroU32;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::Instant,
};

/// Logs in with a wrong password over a socket, `times` times, and tells the seconds that each
/// answer took and its code. The clock is stopped while the server works and moves when all wait.
async fn guess(settings: Settings, times: usize) -> Vec<(u64, String)> {
    let mut listener = prixfixe::ListenerSettings::default();
    listener.auth = settings.session.auth;
    let mut server = Server::new(settings);
    let address = server.listen_tcp("127.0.0.1:0", listener).unwrap();
    let stop = server.shutdown_handle();
    let serving = tokio::spawn(server.serve(Arc::new(Doorkeeper::default())));
    let mut client = BufReader::new(TcpStream::connect(address).await.unwrap());
    let mut line = String::new();
    client.read_line(&mut line).await.unwrap();
    client.write_all(b"EHLO c\r\n").await.unwrap();
    while !line.starts_with("250 ") {
        line.clear();
        client.read_line(&mut line).await.unwrap();
    }
    let mut seen = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        let command = format!("{}\r\n", plain(USER, "wrong"));
        client.write_all(command.as_bytes()).await.unwrap();
        line.clear();
        client.read_line(&mut line).await.unwrap();
        seen.push((start.elapsed().as_secs(), line[..3].to_owned()));
    }
    stop.force();
    serving.await.unwrap().unwrap();
    seen
}

fn expected(seconds: &[u64]) -> Vec<(u64, String)> {
    let last = seconds.len() - 1;
    let code = |n| if n == last { "421" } else { "535" };
    let of = |(n, seconds): (usize, &u64)| (*seconds, code(n).to_owned());
    seconds.iter().enumerate().map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn each_failure_above_the_number_takes_twice_as_long() {
    let mut settings = login_settings(OneUser);
    settings.session.limits.auth_failures = 5;
    settings.failed_logins_per_minute = NonZeroU32::new(2);
    let seen = watchdog_of_hours(guess(settings, 6)).await;
    assert!(at_least(&seen, &expected(&[0, 0, 1, 2, 4, 8])), "{seen:?}");
}

/// The delay ends before the patience with a verdict does: a failure that nobody waits for any more
/// would be none, and guessing would never end.
#[tokio::test(start_paused = true)]
async fn a_failure_counts_however_short_verdicts_are() {
    let mut settings = login_settings(OneUser);
    settings.session.limits.auth_failures = 3;
    settings.session.timeouts.verdict = Duration::from_secs(2);
    settings.failed_logins_per_minute = NonZeroU32::new(1);
    let codes = watchdog_of_hours(guess(settings, 4)).await;
    let codes: Vec<_> = codes.into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["535", "535", "535", "421"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_exempt_is_not_delayed_and_has_no_more_attempts() {
    let mut settings = login_settings(OneUser);
    settings.exempt = vec![PeerPattern::Network("127.0.0.0/8".parse().unwrap())];
    settings.failed_logins_per_minute = NonZeroU32::new(1);
    let codes: Vec<_> = watchdog_of_hours(guess(settings, 4))
        .await
        .into_iter()
        .map(|(_, code)| code)
        .collect();
    assert_eq!(codes, ["535", "535", "535", "421"]);
}

/// The stopped clock jumps ahead when a socket keeps all waiting, so it shows no upper bound.
fn at_least(seen: &[(u64, String)], expected: &[(u64, String)]) -> bool {
    let pairs = seen.iter().zip(expected);
    seen.len() == expected.len()
        && pairs
            .into_iter()
            .all(|((took, code), (least, expected))| took >= least && code == expected)
}

/// With the clock stopped, a time-out on it would fire at once.
async fn watchdog_of_hours<T>(test: impl Future<Output = T>) -> T {
    let hours = Duration::from_secs(100 * 3600);
    tokio::time::timeout(hours, test)
        .await
        .expect("the test hangs")
}

/// While one client waits for the answer to its failure, others are served.
#[tokio::test(start_paused = true)]
async fn nobody_else_waits() {
    let mut settings = login_settings(OneUser);
    settings.failed_logins_per_minute = NonZeroU32::new(1);
    let server = Server::new(settings);
    let handler = Arc::new(Doorkeeper::default());
    let mut slow = connect(&server, &handler);
    slow.greet().await.unwrap();
    assert_eq!(
        converse(&mut slow, &[&plain(USER, "wrong")]).await,
        [FAILED]
    );
    slow.write(format!("{}\r\n", plain(USER, "wrong")).as_bytes())
        .await
        .unwrap();
    let mut other = connect(&server, &handler);
    other.greet().await.unwrap();
    assert_eq!(
        converse(&mut other, &[&plain(USER, PASSWORD)]).await,
        [SUCCEEDED]
    );
    assert_eq!(slow.reply().await.unwrap().code, 535);
}

//! The set of servers for work by hand.

use crate::lab::Lab;

/// Stops what a failed test leaves.
struct Stop<'a>(&'a Lab);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        let _ = self.0.command(&["stop"]).output();
    }
}

#[test]
fn servers_are_started_shown_used_stopped_and_cleaned_away() {
    let lab = Lab::new();
    let _stop = Stop(&lab);
    let (code, said) = lab.run(&["status"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no servers"), "{said}");

    let (code, said) = lab.run(&["start", "--servers", "2"]);
    assert_eq!(code, Some(0), "{said}");
    let targets = said.lines().last().unwrap().to_owned();
    assert_eq!(targets.split(',').count(), 2, "{said}");

    let words = [
        "run",
        "--target",
        &targets,
        "--messages",
        "10",
        "--workers",
        "2",
    ];
    let (code, said) = lab.run(&words);
    assert_eq!(code, Some(0), "{said}");

    let (code, said) = lab.run(&["status"]);
    assert_eq!(code, Some(0), "{said}");
    let messages: u32 = said
        .lines()
        .skip(1)
        .map(|line| {
            line.split_whitespace()
                .last()
                .unwrap()
                .parse::<u32>()
                .unwrap()
        })
        .sum();
    assert_eq!(messages, 10, "{said}");

    for words in [&["start"][..], &["clean"]] {
        let (code, said) = lab.run(words);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("prixfixe stress stop"), "{said}");
    }
    let (_, log) = lab.run(&["logs", "2"]);
    assert!(log.contains("listening on"), "{log}");

    let (code, said) = lab.run(&["stop"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = lab.run(&["status"]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches(" down ").count(), 2, "{said}");

    // Again, with its mail and on its ports.
    let (code, said) = lab.run(&["start", "--servers", "2"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.lines().last().unwrap(), targets);
    let (code, _) = lab.run(&["stop"]);
    assert_eq!(code, Some(0));

    let (code, said) = lab.run(&["clean"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!lab.path().join("prixfixe-lab").exists(), "{said}");
}

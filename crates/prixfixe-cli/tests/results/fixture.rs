//! A folder of results, and the program run on it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Keeps a result of a scenario, with some fields changed.
    pub(crate) fn keep(&self, name: &str, scenario: &str, started_at: &str, changes: &Value) {
        let value = result(scenario, started_at);
        fs::write(self.path(name), value.to_string()).unwrap();
        self.change(name, changes);
    }

    /// Changes fields of a kept result.
    pub(crate) fn change(&self, name: &str, changes: &Value) {
        let kept = fs::read(self.path(name)).unwrap();
        let mut value: Value = serde_json::from_slice(&kept).unwrap();
        for (pointer, change) in changes.as_object().unwrap() {
            *value.pointer_mut(pointer).expect(pointer) = change.clone();
        }
        fs::write(self.path(name), value.to_string()).unwrap();
    }

    /// Says of a kept result that all of it arrived.
    pub(crate) fn verify(&self, name: &str) {
        let kept = fs::read(self.path(name)).unwrap();
        let mut value: Value = serde_json::from_slice(&kept).unwrap();
        let none = json!({"count": 0, "named": []});
        value["verification"] = json!({
            "source": "the store", "acknowledged": 50_000, "stored": 50_000,
            "recipients_known": 50_000, "misdelivered": none, "lost": none,
            "duplicated": none, "altered": none, "refused_but_stored": none,
            "unanswered_but_stored": 0
        });
        fs::write(self.path(name), value.to_string()).unwrap();
    }

    /// `prixfixe COMMAND… --folder FOLDER`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_prixfixe"))
            .args(arguments)
            .arg("--folder")
            .arg(self.folder.path())
            .output()
            .unwrap()
    }

    /// What it prints, where it must end with `code`.
    pub(crate) fn print(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        text(&output.stdout)
    }

    /// What it complains of, where it must end with `code`.
    pub(crate) fn complaint(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        errors
    }
}

pub(crate) fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// 50,000 messages of 10 KiB at 1,000/s.
fn result(scenario: &str, started_at: &str) -> Value {
    let times = |count: u64| {
        json!({
            "count": count, "min": 1.0, "mean": 11.0, "p50": 10.0, "p90": 15.0, "p95": 17.0,
            "p99": 20.0, "p99_9": 30.0, "p99_99": 35.0, "max": 40.0
        })
    };
    let points: Vec<Value> = (0..50)
        .map(|second: u64| {
            json!({
                "at_s": second, "intended": 1000, "accepted": 990 + second * 7 % 20, "failed": 0,
                "p50_ms": 10.0, "p99_ms": 20.0, "max_ms": 40.0
            })
        })
        .collect();
    json!({
        "schema": 1,
        "scenario": scenario,
        "started_at": started_at,
        "passed": true,
        "faults": [],
        "duration_s": 50.0,
        "rate": 1000.0,
        "sent": 50_000,
        "accepted": 50_000,
        "failed": 0,
        "octets": 512_000_000,
        "connections": {"made": 50, "remade": 0, "tls_full": 0, "tls_resumed": 0},
        "latency_ms": times(50_000),
        "stages_ms": {"data_end": times(50_000)},
        "curve": [[0.0, 1.0], [100.0, 40.0]],
        "errors": [],
        "valid": true,
        "invalid_because": [],
        "generator": {
            "threads": 2, "cpu_s": 5.0, "cpu_s_per_1000": 0.1, "busy": 0.05,
            "lag_ms": times(50_000), "waited_ms": times(0)
        },
        "server": {
            "source": "/proc", "processes": 1, "cpu_s": 10.0, "cpu_s_per_1000": 0.2,
            "rss_before": 8_388_608, "rss_peak": 16_777_216, "rss_after": 9_437_184,
            "descriptors_peak": 70
        },
        "timeline": {"interval_s": 1.0, "points": points},
        "settings": {"targets": ["127.0.0.1:2525"], "workers": 50},
        "machine": {
            "processor": "Example 3000", "processors": 4, "memory": 8_589_934_592_u64,
            "kernel": "Linux 6.18", "descriptors": 1024
        },
        "versions": {"prixfixe": "0.1.0"},
        "command": "prixfixe stress burst"
    })
}

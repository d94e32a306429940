//! testssl.sh and sslscan, who look for weak TLS. They may find the certificate, which signs
//! itself, and nothing else.

use std::{fs, time::Duration};

use crate::{
    program::{outcome_within, program, run},
    secured::{BOTH, Secured, Tls},
};

/// It tries hundreds of handshakes, each in a process of its own.
const TESTSSL_LIMIT: Duration = Duration::from_secs(900);

#[test]
fn testssl_finds_nothing_above_low() {
    for tls in BOTH {
        let secured = Secured::open();
        let report = secured.folder().join("testssl.json");
        let mut command = program("testssl");
        // Protocols, standard ciphers, forward secrecy, vulnerabilities.
        command
            .args(["-p", "-s", "-f", "-U", "--quiet", "--color", "0"])
            .args(["--warnings", "off", "--jsonfile"])
            .arg(&report);
        if tls == Tls::StartTls {
            command.args(["--starttls", "smtp"]);
        }
        outcome_within(command.arg(secured.address(tls)), b"", TESTSSL_LIMIT);
        let report = fs::read_to_string(&report).unwrap();
        let findings: Vec<Finding> = serde_json::from_str(&report).unwrap();
        let bad: Vec<_> = findings.iter().filter(|finding| finding.is_bad()).collect();
        assert!(bad.is_empty(), "{tls:?}: {bad:#?}");
        // A scan that got nowhere finds nothing either.
        for wanted in ["TLS1_2", "TLS1_3", "heartbleed", "secure_renego"] {
            let found = findings.iter().any(|finding| finding.says_ok_of(wanted));
            assert!(found, "{tls:?}: nothing good about {wanted}: {findings:#?}");
        }
    }
}

/// One of a report of testssl.sh, as far as it is judged here.
#[derive(Debug, serde::Deserialize)]
struct Finding {
    id: String,
    severity: String,
    #[serde(rename = "finding")]
    text: String,
}

impl Finding {
    fn is_bad(&self) -> bool {
        // It would like to have an OpenSSL with old ciphers; that is no word about the server.
        let harmless = self.id == "engine_problem";
        !harmless && !["OK", "INFO", "LOW", "DEBUG"].contains(&self.severity.as_str())
    }

    fn says_ok_of(&self, id: &str) -> bool {
        self.severity == "OK" && self.id == id && !self.text.is_empty()
    }
}

#[test]
fn sslscan_finds_new_versions_and_strong_ciphers_only() {
    for tls in BOTH {
        let secured = Secured::open();
        let report = secured.folder().join("sslscan.xml");
        let mut command = program("sslscan");
        command
            .arg("--no-colour")
            .arg(format!("--xml={}", report.display()));
        if tls == Tls::StartTls {
            command.arg("--starttls-smtp");
        }
        run(command.arg(secured.address(tls)), b"");
        let report = fs::read_to_string(&report).unwrap();
        let of = |element: &str| elements(&report, element);
        let mut enabled = of("protocol");
        enabled.retain(|version| version.contains("enabled=\"1\""));
        let versions = ["1.2", "1.3"].map(|version| format!("type=\"tls\" version=\"{version}\""));
        assert_eq!(enabled.len(), versions.len(), "{report}");
        for (found, version) in enabled.iter().zip(&versions) {
            assert!(found.contains(version), "{report}");
        }
        let ciphers = of("cipher");
        assert!(!ciphers.is_empty(), "{report}");
        for cipher in ciphers {
            let good = ["strong", "acceptable"].map(|word| format!("strength=\"{word}\""));
            assert!(good.iter().any(|good| cipher.contains(good)), "{cipher}");
        }
        for weakness in ["vulnerable=\"1\"", "<compression supported=\"1\""] {
            assert!(!report.contains(weakness), "{report}");
        }
        assert!(
            report.contains("<renegotiation supported=\"0\""),
            "{report}"
        );
    }
}

/// The attributes of every element of this name.
fn elements<'a>(report: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("<{name} ");
    let starts = report.split(&start).skip(1);
    starts.filter_map(|rest| rest.split('>').next()).collect()
}

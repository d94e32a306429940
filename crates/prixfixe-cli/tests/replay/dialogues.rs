//! Every dialogue file of the core is replayed against the binary, and the store compared.

use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock};

use prixfixe::{
    PasswordFile,
    auth::{PasswordEntry, PasswordScheme, prepare_password},
};

use crate::{
    conversation::{Cut, all_at_once, flight_by_flight},
    dialogue::Dialogue,
    dialogue_settings::{Lack, Needs, USERS_FILE, needs},
    line_end_modes::address,
    server_process::{Server, store},
    stored_mail,
};

#[test]
fn every_dialogue_holds_over_sockets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../prixfixe-proto/tests/dialogues");
    let dialogues = Dialogue::read_all(&folder);
    let mut groups: BTreeMap<String, Vec<(&Dialogue, Needs)>> = BTreeMap::new();
    let mut left_out = Vec::new();
    for dialogue in &dialogues {
        match needs(dialogue) {
            Ok(needs) => {
                groups
                    .entry(needs.settings.clone())
                    .or_default()
                    .push((dialogue, needs));
            }
            Err(lack) => left_out.push((lack, &dialogue.name)),
        }
    }
    println!("what these need is not there: {left_out:?}");
    let lacking = |lack| left_out.iter().filter(|(why, _)| *why == lack).count();
    let asked_of_settings = dialogues.len() - lacking(Lack::Handler);
    assert!(
        lacking(Lack::Key) * 10 < asked_of_settings && asked_of_settings * 10 > dialogues.len() * 8,
        "too few dialogues are replayed"
    );
    let faults: Vec<_> = groups
        .into_values()
        .flat_map(|group| replay(&group))
        .collect();
    let count = faults.len();
    assert!(faults.is_empty(), "{count} faults\n{}", faults.join("\n"));
}

/// Replays dialogues with the same settings against one server.
fn replay(group: &[(&Dialogue, Needs)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    write_users(folder.path());
    let server = Server::start_with(folder.path(), &group[0].1.settings);
    let (mut faults, mut promised) = (Vec::new(), 0);
    for (dialogue, needs) in group {
        let address = address(&server, needs.bare_newline);
        let mut run = |how: &str, replayed: &dyn Fn() -> Result<Vec<String>, String>| {
            // The last of these names the one that hangs.
            println!("{}, {how}", dialogue.name);
            let outcome = replayed().and_then(|ids| {
                promised += ids.len();
                compare(dialogue, &store(folder.path()), &ids)
            });
            if let Err(fault) = outcome {
                faults.push(format!("--- {}, {how}: {fault}", dialogue.name));
            }
        };
        run("all at once", &|| all_at_once(dialogue, address));
        for cut in cuts(dialogue) {
            run(&format!("{cut:?}"), &|| {
                flight_by_flight(dialogue, address, cut)
            });
        }
    }
    let stored = stored_mail::all(&store(folder.path())).len();
    if stored != promised {
        faults.push(format!(
            "{stored} messages are stored, and {promised} were promised"
        ));
    }
    faults
}

/// Writes the one user of the dialogues.
fn write_users(folder: &Path) {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let password = prepare_password("right").unwrap();
        let entry = PasswordEntry::generate(PasswordScheme::ScramSha256, &password).unwrap();
        format!("{}user:{entry}\n", PasswordFile::new_text().unwrap())
    });
    fs::write(folder.join(USERS_FILE), &*TEXT).unwrap();
}

/// The ways to write a flight: whole, in two, and octet by octet unless that takes long.
fn cuts(dialogue: &Dialogue) -> Vec<Cut> {
    let octets = dialogue.sent();
    // Not the same place in every file, and the same in every run.
    let place = octets
        .iter()
        .fold(7, |sum, octet| (sum * 31 + usize::from(*octet)) % 1000);
    let mut cuts = vec![Cut::Whole, Cut::At(place), Cut::At((place + 500) % 1000)];
    if octets.len() <= OCTETS_ONE_BY_ONE {
        cuts.push(Cut::Octets);
    }
    cuts
}

/// The messages of a dialogue against those that its replies have named.
fn compare(dialogue: &Dialogue, store: &Path, ids: &[String]) -> Result<(), String> {
    let mails: Vec<_> = ids.iter().map(|id| stored_mail::named(store, id)).collect();
    let same = mails.len() == dialogue.messages.len()
        && mails
            .iter()
            .zip(&dialogue.messages)
            .all(|(mail, expected)| {
                let envelope = expected.envelope.as_ref();
                mail.body == expected.body && envelope.is_none_or(|e| addresses(e) == mail.envelope)
            });
    let shown = mails
        .iter()
        .map(|mail| format!("E: {}\n= \"{}\"", mail.envelope, mail.body.escape_ascii()));
    if same {
        Ok(())
    } else {
        Err(format!("stored:\n{}", shown.collect::<Vec<_>>().join("\n")))
    }
}

/// An envelope without AUTH= of MAIL, which the store does not keep.
fn addresses(envelope: &str) -> String {
    match envelope.split_once(" AUTH=<") {
        Some((sender, rest)) => format!("{sender}{}", rest.split_once('>').unwrap().1),
        None => envelope.to_owned(),
    }
}

/// A longer dialogue would take longer than it tells.
const OCTETS_ONE_BY_ONE: usize = 2000;

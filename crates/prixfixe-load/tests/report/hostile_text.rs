//! Every text of a file arrives as text, whatever it says.

use prixfixe_load::report::{Run, page};
use prixfixe_load::result::ResultFile;
use serde_json::Value;

use crate::{example, well_formed};

const HOSTILE: &str = "</title></style></script><img src=x onerror=alert(1)>\"' onload='&lt;<!--";

/// Puts the hostile text wherever a file has a text of its own choosing.
fn poison(value: &mut Value, path: &str) -> usize {
    match value {
        // These are of a closed set: a file with another is not read.
        Value::String(_) if ["kind", "stage"].contains(&path) => 0,
        Value::String(text) => {
            HOSTILE.clone_into(text);
            1
        }
        Value::Array(list) => list.iter_mut().map(|one| poison(one, path)).sum(),
        Value::Object(fields) => fields.iter_mut().map(|(name, one)| poison(one, name)).sum(),
        _ => 0,
    }
}

fn poisoned(result: &ResultFile) -> ResultFile {
    let mut value = serde_json::to_value(result).unwrap();
    let places = poison(&mut value, "");
    assert!(places > 10, "{places}");
    for (name, key) in [("versions", HOSTILE), ("settings", HOSTILE)] {
        value[name][key] = Value::String(HOSTILE.to_owned());
    }
    serde_json::from_value(value).unwrap()
}

#[test]
fn markup_in_any_text_of_a_file_stays_text() {
    let results =
        [example::burst(1), example::troubled(), example::scale()].map(|it| poisoned(&it));
    for count in 1..=results.len() {
        let runs: Vec<Run<'_>> = results[..count]
            .iter()
            .map(|result| Run {
                name: HOSTILE,
                result,
            })
            .collect();
        let page = page(&runs).unwrap();
        well_formed::check(&page);
        assert!(!page.contains("<img"));
        assert_eq!(page.matches("</script>").count(), 1);
        assert_eq!(page.matches("</style>").count(), 1);
        let escaped =
            "&lt;/title&gt;&lt;/style&gt;&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;";
        assert!(page.matches(escaped).count() > 20);
    }
}

#[test]
fn the_check_of_pages_sees_what_was_let_in() {
    let page = page(&[Run {
        name: "a",
        result: &example::burst(1),
    }])
    .unwrap();
    for intruder in ["<img src=x>", "<b>", "<p onclick=\"x\"></p>", "</p>"] {
        let broken = page.replacen("<main>", &format!("<main>{intruder}"), 1);
        let seen = std::panic::catch_unwind(|| well_formed::check(&broken));
        assert!(seen.is_err(), "{intruder}");
    }
}

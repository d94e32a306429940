//! Every fence, and every ordering stronger than relaxed, is needed: with any one of them weakened
//! some model fails. The places are found while the models run, so that a new one is held to it, too.

use std::env;
use std::process::{Command, Output};

use super::{ALL, Model};
use crate::sync::modelled::Weakening;

/// Tell the child what to run.
const MODEL: &str = "PRIXFIXE_MODEL";
const PLACE: &str = "PRIXFIXE_WEAKENED";
/// What the child says when the sound model has held and the weakened one follows.
const SOUND: &str = "held while it was sound";

#[test]
fn each_fence_and_ordering_is_needed() {
    let models: Vec<(&Model, Vec<Weakening>)> = models()
        .map(|model| (model, possible_weakenings(model)))
        .collect();
    let mut places: Vec<String> = models
        .iter()
        .flat_map(|(_, possible)| possible.iter().map(ToString::to_string))
        .collect();
    places.sort();
    places.dedup();
    assert!(places.len() > MODELLED_PLACES, "{places:#?}");
    let mut unneeded = Vec::new();
    for place in places {
        let concerned = models
            .iter()
            .filter(|(_, possible)| possible.iter().any(|one| one.to_string() == place));
        let failing = concerned
            .map(|(model, _)| model)
            .find(|model| fails(model, &place));
        match failing {
            Some(model) => println!("{place}: fails \"{}\"", model.name),
            None => unneeded.push(place),
        }
    }
    assert!(unneeded.is_empty(), "no model fails with {unneeded:#?}");
}

/// So that finding no place is not taken for needing none.
const MODELLED_PLACES: usize = 10;

/// A model that fails leaves its threads behind, which may end the process: hence a child.
#[test]
#[ignore = "run by the test above, with a model and a place"]
fn one_weakened_model() {
    let name = env::var(MODEL).unwrap();
    let place = env::var(PLACE).unwrap();
    let model = models().find(|model| model.name == name).unwrap();
    let possible = possible_weakenings(model);
    let weakening = possible.iter().find(|one| one.to_string() == place);
    let weakening = weakening.unwrap();
    println!("{SOUND}");
    weakening.during(|| model.check());
}

fn models() -> impl Iterator<Item = &'static Model> {
    ALL.into_iter().flatten()
}

fn possible_weakenings(model: &Model) -> Vec<Weakening> {
    Weakening::take_possible();
    model.check();
    Weakening::take_possible()
}

fn fails(model: &Model, place: &str) -> bool {
    let output: Output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture"])
        .arg("models::orderings::one_weakened_model")
        .env(MODEL, model.name)
        .env(PLACE, place)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(SOUND), "{}: {said}", model.name);
    !output.status.success()
}

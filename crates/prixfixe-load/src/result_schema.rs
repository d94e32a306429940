//! The published schema, held against what is written.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;

use crate::made_up;
use crate::stage::Stage;

const SCHEMA: &str = include_str!("../../../docs/results.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// What is wrong with `value`, a line each. Only the words that the schema uses are known, and a
/// field that the schema has not is a fault as well.
fn faults(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    let mut found = Vec::new();
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64(),
        None => true,
        Some(other) => panic!("{place}: unknown type {other}"),
    };
    if !fits {
        found.push(format!("{place}: {value} is of another type"));
    }
    if let Some(names) = schema.get("enum").and_then(Value::as_array)
        && !names.contains(value)
    {
        found.push(format!("{place}: {value} is not in the list"));
    }
    for name in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if value.get(name.as_str().unwrap()).is_none() {
            found.push(format!("{place}: {name} is missing"));
        }
    }
    if let (Some(object), Some("object")) = (value.as_object(), schema["type"].as_str()) {
        for (name, value) in object {
            let place = format!("{place}.{name}");
            let of_field = schema
                .pointer(&format!("/properties/{name}"))
                .or_else(|| schema.get("additionalProperties"));
            match of_field {
                Some(schema) => found.extend(faults(root, schema, value, &place)),
                None => found.push(format!("{place}: the schema has no such field")),
            }
        }
    }
    if let (Some(values), Some(items)) = (value.as_array(), schema.get("items")) {
        for value in values {
            found.extend(faults(root, items, value, &format!("{place}[]")));
        }
    }
    found
}

fn faults_of(value: &Value) -> Vec<String> {
    let schema = schema();
    faults(&schema, &schema, value, "")
}

/// All fields that the schema describes, each as its place in a file.
fn fields(root: &Value, schema: &Value, value: &Value, place: &str, missing: &mut Vec<String>) {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        match value.get(name) {
            Some(value) => fields(root, schema, value, &place, missing),
            None => missing.push(place),
        }
    }
    if let Some(items) = schema.get("items") {
        let first = &value[0];
        if first.is_null() {
            missing.push(format!("{place}[]"));
        } else {
            fields(root, items, first, &format!("{place}[]"), missing);
        }
    }
}

#[test]
fn what_is_written_fits_the_schema() {
    let value = serde_json::to_value(made_up::burst()).unwrap();
    assert_eq!(faults_of(&value), Vec::<String>::new());
}

#[test]
fn the_schema_describes_nothing_that_is_not_written() {
    let schema = schema();
    let value = serde_json::to_value(made_up::burst()).unwrap();
    let mut missing = Vec::new();
    fields(&schema, &schema, &value, "", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_schema_knows_all_stages_and_the_version() {
    let schema = schema();
    let names: Vec<&str> = Stage::ALL.iter().map(|stage| stage.name()).collect();
    let known = &schema["properties"]["stages_ms"]["propertyNames"]["enum"];
    assert_eq!(known, &serde_json::json!(names));
    assert_eq!(
        schema["properties"]["schema"]["const"],
        crate::result::SCHEMA
    );
}

#[test]
fn what_does_not_fit_is_found() {
    type Change = fn(&mut Value);
    let changes: [Change; 5] = [
        |value| value["rate"] = "fast".into(),
        |value| value["new"] = 1.into(),
        |value| value["sent"] = (-1).into(),
        |value| {
            value["parts"][0].as_object_mut().unwrap().remove("valid");
        },
        |value| value["errors"][0]["kind"] = "else".into(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut value = serde_json::to_value(made_up::burst()).unwrap();
        change(&mut value);
        assert_eq!(faults_of(&value).len(), 1, "change {number}");
    }
}

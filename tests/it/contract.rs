//! What clients rely on is as committed: the OpenAPI documents and the command tree.

pub(crate) mod access_table;

use std::collections::{BTreeMap, BTreeSet};

use moxnas_app::ops;
use serde_json::{Map, Value};

use crate::{product, source::golden};

/// Both documents, read back.
fn documents() -> [(&'static str, Value); 2] {
    [
        ("openapi.json", moxnas_api::spec()),
        ("openapi-simulation.json", moxnas_api::simulation_spec()),
    ]
    .map(|(name, text)| (name, serde_json::from_str(&text).unwrap()))
}

/// Every operation of a document: its path, its method, and what it says.
pub(crate) fn operations(document: &Value) -> Vec<(String, String, &Map<String, Value>)> {
    let server = document["servers"][0]["url"].as_str().unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = format!("{server}{path}");
            operations.push((path, method.to_uppercase(), operation.as_object().unwrap()));
        }
    }
    operations
}

/// Both documents.
pub(crate) fn all_documents() -> Vec<Value> {
    documents().into_iter().map(|(_, it)| it).collect()
}

#[test]
fn the_documents_are_as_committed() {
    for (name, document) in documents() {
        let text = serde_json::to_string_pretty(&document).unwrap();
        golden(&format!("moxnas-api/{name}"), &format!("{text}\n"));
    }
}

#[test]
fn the_command_tree_is_as_committed() {
    let tree = product::command_tree();
    let text: Vec<String> = tree
        .iter()
        .map(|(command, help)| format!("# {command}\n\n{}\n", help.trim_end()))
        .collect();
    golden("moxnas-cli/cli-tree.txt", &text.join("\n"));
}

#[test]
fn the_documents_have_exactly_the_operations_of_the_application() {
    let mut documented = Vec::new();
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let id = operation.get("operationId").and_then(Value::as_str);
            documented.push(
                id.unwrap_or_else(|| panic!("{method} {path} has no id"))
                    .to_owned(),
            );
        }
    }
    documented.sort();
    let known: Vec<String> = ops::all().iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(documented, known);
}

#[test]
fn every_operation_says_what_it_is() {
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let at = format!("{method} {path}");
            let summary = operation
                .get("summary")
                .and_then(Value::as_str)
                .unwrap_or_default();
            assert!(!summary.is_empty(), "{at} has no summary");
            assert!(!summary.ends_with('.'), "{at}: {summary:?} is a headline");
            let tags = operation
                .get("tags")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            assert_eq!(tags, 1, "{at} belongs to one chapter");
            let answers = operation["responses"].as_object().unwrap();
            assert!(!answers.contains_key("default"), "{at}");
            for range in ["4XX", "5XX"] {
                let media = answers.get(range).map(|it| &it["content"]);
                let media = media.unwrap_or_else(|| panic!("{at} cannot fail with {range}"));
                assert!(
                    media.get("application/problem+json").is_some(),
                    "{at}: {media}"
                );
            }
            for (status, answer) in answers {
                let text = answer["description"].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{at}: {status} says nothing");
            }
            for parameter in operation
                .get("parameters")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let text = parameter["description"].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{at}: {} says nothing", parameter["name"]);
            }
        }
    }
}

#[test]
fn everything_that_needs_a_login_says_so() {
    let needs: BTreeMap<&str, bool> = ops::all()
        .iter()
        .map(|it| (it.name, it.needs.is_some()))
        .collect();
    for document in all_documents() {
        for (path, method, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            let says = operation
                .get("security")
                .and_then(Value::as_array)
                .is_some_and(|it| !it.is_empty());
            assert_eq!(says, needs[id], "{method} {path}");
        }
    }
}

#[test]
fn every_property_is_described() {
    let mut undescribed = BTreeSet::new();
    for document in all_documents() {
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for (name, schema) in schemas {
            let described = |it: &Value| {
                // A reference beside a description is written with `allOf`.
                it["description"].as_str().is_some_and(|it| !it.is_empty())
                    || it.get("$ref").is_some()
            };
            if !described(schema) {
                undescribed.insert(name.clone());
            }
            for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
                if !described(schema) {
                    undescribed.insert(format!("{name}.{property}"));
                }
                assert!(
                    property
                        .bytes()
                        .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_'),
                    "{name}.{property} is snake_case",
                );
            }
        }
    }
    assert_eq!(undescribed, BTreeSet::new());
}

/// `serde_json` keeps the last of two equal keys in silence, so this looks at the text.
#[test]
fn no_path_is_there_twice() {
    for text in [moxnas_api::spec(), moxnas_api::simulation_spec()] {
        let document: Value = serde_json::from_str(&text).unwrap();
        for path in document["paths"].as_object().unwrap().keys() {
            let key = format!("{}:", Value::String(path.clone()));
            let compact: String = text.split_whitespace().collect();
            assert_eq!(compact.matches(&key).count(), 1, "{path}");
        }
        // Two templates that only differ in the name of a parameter are one path as well.
        let shape = |path: &String| -> String {
            let parts = path.split('/');
            parts
                .map(|it| if it.starts_with('{') { "{}" } else { it })
                .collect::<Vec<_>>()
                .join("/")
        };
        let shapes: BTreeSet<String> = document["paths"]
            .as_object()
            .unwrap()
            .keys()
            .map(shape)
            .collect();
        assert_eq!(shapes.len(), document["paths"].as_object().unwrap().len());
    }
}

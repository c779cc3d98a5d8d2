//! What the document says of requests and poem-openapi's registry cannot hold.
//!
//! Changes nothing but the text: all of it is refused anyway, and a client should know before.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{refuse::CONFIRM, routes::PAGE_MAX};

const SCHEMAS: &str = "#/components/schemas/";

/// Texts, by schema and property, that are parsed later and refused then with better words than a
/// pattern has.
const PATTERNS: [(&str, &str, &str); 19] = [
    ("CreateArray", "name", ARRAY_NAME),
    ("SetArray", "spare_group", SPARE_GROUP),
    ("CreatePool", "name", POOL_NAME),
    ("CreatePool", "options", MOUNT_OPTION),
    ("ImportPool", "name", POOL_NAME),
    ("ImportPool", "options", MOUNT_OPTION),
    ("CreateDataset", "name", DATASET_NAME),
    ("RenameDataset", "to", DATASET_NAME),
    ("CloneSnapshot", "to", DATASET_NAME),
    ("ReplicateDataset", "to_dataset", DATASET_NAME),
    ("ReplicateDataset", "target", TARGET_NAME),
    ("AddTarget", "name", TARGET_NAME),
    ("AddTarget", "host", HOST_NAME),
    ("AddTarget", "user", USER_NAME),
    ("AddTarget", "pools", POOL_NAME),
    ("CreateSnapshot", "name", SNAPSHOT_NAME),
    ("HoldSnapshot", "hold", HOLD_NAME),
    ("PruneSnapshots", "prefix", SNAPSHOT_PREFIX),
    ("MakeSnapshotSchedule", "prefix", SNAPSHOT_PREFIX),
];
/// As [`moxnas_core::names::SpareGroup`] is parsed, which is as an array's name is; or nothing.
const SPARE_GROUP: &str = "^([A-Za-z0-9_][A-Za-z0-9_-]{0,31})?$";
/// As [`moxnas_core::names::ArrayName`] is parsed.
const ARRAY_NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,31}$";
/// As [`moxnas_pool::model::PoolName`] is parsed, which is as an array's name is.
const POOL_NAME: &str = ARRAY_NAME;
/// As [`moxnas_pool::dataset::DatasetName`] is parsed.
const DATASET_NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$";
/// As [`moxnas_pool::dataset::SnapshotName`] is parsed.
const SNAPSHOT_NAME: &str = "^[A-Za-z0-9_:][A-Za-z0-9_:-]{0,63}$";
/// As [`moxnas_pool::dataset::SnapshotPrefix`] is parsed.
const SNAPSHOT_PREFIX: &str = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,39}$";
/// As [`moxnas_pool::dataset::HoldName`] is parsed.
const HOLD_NAME: &str = "^[A-Za-z0-9_:/@][A-Za-z0-9_:/@-]{0,99}$";
/// As [`moxnas_pool::remote::TargetName`] is parsed, which is as an array's name is.
const TARGET_NAME: &str = ARRAY_NAME;
/// As [`moxnas_pool::remote::HostName`] is parsed.
const HOST_NAME: &str = "^[A-Za-z0-9._:][A-Za-z0-9._:-]{0,252}$";
/// As [`moxnas_pool::remote::UserName`] is parsed.
const USER_NAME: &str = "^[A-Za-z0-9._][A-Za-z0-9._-]{0,31}$";
/// As [`moxnas_pool::plan::MountOption`] is parsed, and none begins with a dot.
const MOUNT_OPTION: &str = "^[A-Za-z0-9_=:/][A-Za-z0-9_=:./-]{0,63}$";

/// poem-openapi's text of the document, completed:
///
/// * An object that is sent has no fields but those listed (`deny_unknown_fields`), and `null` means
///   that a field was left out.
/// * A number without a sign is not negative, and has an end.
/// * A parameter of all lists, or of all changes, is bounded as they read it.
/// * A name has the pattern that is parsed.
/// * An operation that needs no login says so.
///
/// # Panics
/// If the text is no JSON: poem-openapi made it.
#[must_use]
pub fn complete(text: &str) -> String {
    let mut document: Value = serde_json::from_str(text).expect("poem-openapi writes JSON");
    let mut sent = Vec::new();
    for operation in operations(&mut document) {
        operation.entry("security").or_insert_with(|| json!([]));
        for parameter in items(operation.get_mut("parameters")) {
            bound(parameter);
        }
        names(operation.get("requestBody"), &mut sent);
    }
    unsigned(&mut document);
    let schemas = document.pointer_mut("/components/schemas");
    if let Some(schemas) = schemas.and_then(Value::as_object_mut) {
        close(schemas, sent);
        for (schema, property, pattern) in PATTERNS {
            let property = schemas
                .get_mut(schema)
                .and_then(|it| it.get_mut("properties")?.get_mut(property));
            if let Some(property) = property.and_then(text_of) {
                property.insert("pattern".to_owned(), json!(pattern));
            }
        }
    }
    document.to_string()
}

/// The schema of a text, or of each text of a list.
fn text_of(property: &mut Value) -> Option<&mut Map<String, Value>> {
    let schema = match property.get("type") {
        Some(kind) if kind == "array" => property.get_mut("items")?,
        _ => property,
    };
    schema.as_object_mut()
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let methods = paths.into_iter().flat_map(|it| it.values_mut());
    methods
        .filter_map(Value::as_object_mut)
        .flat_map(|it| it.values_mut())
        .filter_map(Value::as_object_mut)
}

fn items(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    list.and_then(Value::as_array_mut).into_iter().flatten()
}

/// As `routes::Page` and `routes::terms` read them.
fn bound(parameter: &mut Value) {
    let name = parameter["name"].as_str().unwrap_or_default().to_owned();
    let Some(schema) = parameter["schema"].as_object_mut() else {
        return;
    };
    if name == "limit" {
        schema.insert("minimum".to_owned(), json!(1));
        schema.insert("maximum".to_owned(), json!(PAGE_MAX));
    } else if name.eq_ignore_ascii_case(CONFIRM.as_str()) {
        schema.insert("pattern".to_owned(), json!("^[0-9a-f]{32}$"));
    }
}

/// Say how far the numbers reach that have no sign, wherever they are.
fn unsigned(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(unsigned),
        Value::Object(fields) => {
            let most = match fields.get("format").and_then(Value::as_str) {
                Some("uint8") => Some(json!(u8::MAX)),
                Some("uint16") => Some(json!(u16::MAX)),
                Some("uint32") => Some(json!(u32::MAX)),
                Some("uint64") => Some(json!(u64::MAX)),
                _ => None,
            };
            if let Some(most) = most {
                fields.entry("minimum").or_insert(json!(0));
                fields.entry("maximum").or_insert(most);
            }
            fields.values_mut().for_each(unsigned);
        }
        _ => (),
    }
}

/// The names of the schemas that `value` refers to.
fn names(value: Option<&Value>, found: &mut Vec<String>) {
    match value {
        Some(Value::Array(items)) => items.iter().for_each(|it| names(Some(it), found)),
        Some(Value::Object(fields)) => {
            let reference = fields.get("$ref").and_then(Value::as_str);
            found.extend(reference.and_then(|it| Some(it.strip_prefix(SCHEMAS)?.to_owned())));
            fields.values().for_each(|it| names(Some(it), found));
        }
        _ => (),
    }
}

/// Close these objects, and those within them, to fields that are not listed.
fn close(schemas: &mut Map<String, Value>, mut open: Vec<String>) {
    let types: BTreeMap<String, Value> = schemas
        .iter()
        .filter_map(|(name, schema)| Some((name.clone(), schema.get("type")?.clone())))
        .collect();
    while let Some(name) = open.pop() {
        let Some(schema) = schemas.get_mut(&name).and_then(Value::as_object_mut) else {
            continue;
        };
        let is_new =
            schema.contains_key("properties") && !schema.contains_key("additionalProperties");
        if is_new {
            schema.insert("additionalProperties".to_owned(), json!(false));
            names(schema.get("properties"), &mut open);
            let required = schema.get("required").cloned().unwrap_or_default();
            let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
            for (name, property) in properties.into_iter().flatten() {
                let required = required
                    .as_array()
                    .is_some_and(|it| it.contains(&json!(name)));
                if let (false, Some(property)) = (required, property.as_object_mut()) {
                    nullable(property, &types);
                }
            }
        }
    }
}

/// A field that may be left out may be `null` as well, and means the same; not so where leaving it
/// out has a meaning of its own, its default.
fn nullable(property: &mut Map<String, Value>, types: &BTreeMap<String, Value>) {
    if property.contains_key("default") {
        return;
    }
    if let Some(reference) = property.remove("$ref") {
        property.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
    let mut within = Vec::new();
    names(property.get("allOf"), &mut within);
    // Linters want the type beside `nullable`.
    let of_reference = within.first().and_then(|it| types.get(it)).cloned();
    if let (false, Some(kind)) = (property.contains_key("type"), of_reference) {
        property.insert("type".to_owned(), kind);
    }
    if property.contains_key("type") {
        property.insert("nullable".to_owned(), json!(true));
    }
}

#[cfg(test)]
mod tests {
    use moxnas_core::names::ArrayName;
    use moxnas_pool::{
        dataset::{DatasetName, HoldName, SnapshotName},
        plan::MountOption,
    };
    use serde_json::{Value, json};

    use super::{ARRAY_NAME, PATTERNS, complete, text_of};

    /// Without an engine for patterns: the first letter, the others, and how many.
    #[test]
    fn the_pattern_of_array_names_is_what_is_parsed() {
        assert_eq!(ARRAY_NAME, "^[A-Za-z0-9_][A-Za-z0-9_-]{0,31}$");
        assert_eq!(ArrayName::MAX_LEN, 32);
        for it in '\0'..='\u{ff}' {
            let is_first = it.is_ascii_alphanumeric() || it == '_';
            let first = it.to_string().parse::<ArrayName>();
            assert_eq!(first.is_ok(), is_first, "{it:?}");
            let later = format!("a{it}").parse::<ArrayName>();
            assert_eq!(later.is_ok(), is_first || it == '-', "{it:?}");
        }
    }

    #[test]
    fn the_patterns_of_datasets_and_snapshots_are_what_is_parsed() {
        assert_eq!((DatasetName::MAX_LEN, SnapshotName::MAX_LEN), (64, 64));
        assert_eq!(HoldName::MAX_LEN, 100);
        for it in '\0'..='\u{ff}' {
            let is_first = it.is_ascii_alphanumeric() || it == '_';
            let dataset = |text: String| text.parse::<DatasetName>().is_ok();
            assert_eq!(dataset(it.to_string()), is_first, "{it:?}");
            assert_eq!(dataset(format!("a{it}")), is_first || it == '-', "{it:?}");
            let is_first = is_first || it == ':';
            let snapshot = |text: String| text.parse::<SnapshotName>().is_ok();
            assert_eq!(snapshot(it.to_string()), is_first, "{it:?}");
            assert_eq!(snapshot(format!("a{it}")), is_first || it == '-', "{it:?}");
            let is_first = is_first || "/@".contains(it);
            let hold = |text: String| text.parse::<HoldName>().is_ok();
            assert_eq!(hold(it.to_string()), is_first, "{it:?}");
            assert_eq!(hold(format!("a{it}")), is_first || it == '-', "{it:?}");
        }
    }

    #[test]
    fn the_pattern_of_mount_options_is_what_is_parsed() {
        assert_eq!(MountOption::MAX_LEN, 64);
        for it in '\0'..='\u{ff}' {
            let is_first = it.is_ascii_alphanumeric() || "_=:/".contains(it);
            // The planner refuses those that begin with a dot.
            let first = format!("{it}a").parse::<MountOption>();
            assert_eq!(first.is_ok(), is_first || it == '.', "{it:?}");
            let later = format!("a{it}").parse::<MountOption>();
            assert_eq!(later.is_ok(), is_first || ".-".contains(it), "{it:?}");
        }
    }

    #[test]
    fn every_pattern_has_a_place() {
        let document: Value = serde_json::from_str(&crate::spec()).unwrap();
        for (schema, property, pattern) in PATTERNS {
            let schema = &document["components"]["schemas"][schema];
            let mut property = schema["properties"][property].clone();
            assert_eq!(text_of(&mut property).unwrap()["pattern"], pattern);
        }
    }

    #[test]
    fn what_is_sent_is_closed_and_what_comes_back_is_not() {
        let object = |of: &str| json!({ "properties": { "it": { "items": { "$ref": format!("#/components/schemas/{of}") } } } });
        let body = |of: &str| json!({ "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{of}") } } } });
        let document = json!({
            "paths": { "/": { "post": { "requestBody": body("Sent"), "responses": { "200": body("Back") } } } },
            "components": { "schemas": {
                "Sent": object("Within"), "Within": object("Sent"), "Back": object("Back"),
                "Map": { "additionalProperties": { "type": "string" } },
            } },
        });
        let document: Value = serde_json::from_str(&complete(&document.to_string())).unwrap();
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["Sent"]["additionalProperties"], false);
        assert_eq!(schemas["Within"]["additionalProperties"], false);
        assert_eq!(schemas["Back"].get("additionalProperties"), None);
        assert_eq!(document["paths"]["/"]["post"]["security"], json!([]));
    }

    #[test]
    fn what_may_be_left_out_may_be_null() {
        let reference = json!({ "$ref": "#/components/schemas/Word" });
        let document = json!({
            "paths": { "/": { "post": { "requestBody": { "$ref": "#/components/schemas/Sent" } } } },
            "components": { "schemas": {
                "Word": { "type": "string", "enum": ["a"] },
                "Sent": { "required": ["must"], "properties": {
                    "must": { "type": "string" },
                    "may": { "type": "string" },
                    "list": { "type": "array", "default": [] },
                    "word": { "allOf": [reference, { "description": "d" }] },
                    "bare": reference,
                    "any": {},
                } },
            } },
        });
        let document: Value = serde_json::from_str(&complete(&document.to_string())).unwrap();
        let properties = &document["components"]["schemas"]["Sent"]["properties"];
        for (name, is_nullable) in [
            ("must", false),
            ("may", true),
            ("list", false),
            ("word", true),
            ("bare", true),
            ("any", false),
        ] {
            let property = &properties[name];
            assert_eq!(property.get("nullable").is_some(), is_nullable, "{name}");
            assert_eq!(property.get("type").is_some(), name != "any", "{name}");
        }
        assert_eq!(properties["bare"]["allOf"], json!([reference]));
    }

    #[test]
    fn a_number_without_a_sign_is_not_negative() {
        let number = |format: &str| json!({ "type": "integer", "format": format });
        let parameter = |name: &str| json!({ "name": name, "schema": number("uint64") });
        let document = json!({
            "paths": { "/": { "get": { "parameters": [parameter("limit"), parameter("other")] } } },
            "components": { "schemas": { "A": number("uint16"), "B": number("int64") } },
        });
        let document: Value = serde_json::from_str(&complete(&document.to_string())).unwrap();
        let schemas = &document["components"]["schemas"];
        assert_eq!(
            (&schemas["A"]["minimum"], &schemas["A"]["maximum"]),
            (&json!(0), &json!(65535))
        );
        assert_eq!(schemas["B"].get("minimum"), None);
        let parameters = &document["paths"]["/"]["get"]["parameters"];
        assert_eq!(parameters[0]["schema"]["minimum"], 1);
        assert_eq!(parameters[0]["schema"]["maximum"], 1000);
        assert_eq!(parameters[1]["schema"]["minimum"], 0);
        assert_eq!(parameters[1]["schema"]["maximum"], u64::MAX);
    }
}

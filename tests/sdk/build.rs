//! Generates the client.

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use progenitor::{GenerationSettings, Generator, InterfaceStyle};
use serde_json::Value;

const DOCUMENT: &str = "../../moxnas-api/openapi.json";

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let text = fs::read_to_string(DOCUMENT).context(DOCUMENT)?;
    let mut document: Value = serde_json::from_str(&text)?;
    leave_out(&mut document);
    let document = serde_json::from_value(document).context("it is no OpenAPI 3.0 document")?;

    let mut settings = GenerationSettings::new();
    settings.with_interface(InterfaceStyle::Builder);
    let tokens = Generator::new(&settings).generate_tokens(&document)?;
    let client = prettyplease::unparse(&syn::parse2(tokens)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?);
    fs::write(out.join("client.rs"), client)?;
    Ok(())
}

/// What the generator cannot take.
fn leave_out(document: &mut Value) {
    leave_out_ends(document);
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    // A stream of events has no end, and no type of its own in the generator.
    paths.remove("/events");
    for operation in paths
        .values_mut()
        .filter_map(Value::as_object_mut)
        .flat_map(|it| it.values_mut())
    {
        let Some(answers) = operation["responses"].as_object_mut() else {
            continue;
        };
        // Every failure of an operation must have one type: a status with its own is left to the
        // range that it is in.
        answers.retain(|status, _| status.ends_with("XX") || !status.starts_with(['4', '5']));
    }
}

/// It reads bounds as numbers with a sign: that of 64 bits without one has no room.
fn leave_out_ends(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(leave_out_ends),
        Value::Object(fields) => {
            let is_too_large =
                |it: &Value| it.as_u64().is_some_and(|it| i64::try_from(it).is_err());
            if fields.get("maximum").is_some_and(is_too_large) {
                fields.remove("maximum");
            }
            fields.values_mut().for_each(leave_out_ends);
        }
        _ => {}
    }
}

//! What about a JSON value is not as its schema says.
//!
//! Knows what the schemas of this interface use: types, required fields, lists of words, and
//! schemas put together with `allOf`. A choice (`oneOf`, `anyOf`) is not looked into, as which
//! branch was meant is a guess.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::{Map, Value};

/// The path of each wrong field, as `members[2].disk`, with what is wrong with it.
pub(super) fn compare(
    value: &Value,
    schema: &MetaSchemaRef,
    registry: &Registry,
) -> Vec<(String, String)> {
    let mut comparison = Comparison {
        registry,
        errors: Vec::new(),
    };
    comparison.value(String::new(), value, schema);
    comparison.errors
}

struct Comparison<'a> {
    registry: &'a Registry,
    errors: Vec<(String, String)>,
}

impl Comparison<'_> {
    fn value(&mut self, path: String, value: &Value, schema: &MetaSchemaRef) {
        let schema = match schema {
            MetaSchemaRef::Inline(schema) => schema,
            MetaSchemaRef::Reference(name) => match self.registry.schemas.get(name) {
                Some(schema) => schema,
                None => return,
            },
        };
        for part in &schema.all_of {
            self.value(path.clone(), value, part);
        }
        if !is_of_type(value, schema) {
            self.errors
                .push((path, format!("{} is expected", expected(schema))));
            return;
        }
        if !schema.enum_items.is_empty() && !schema.enum_items.contains(value) {
            let words: Vec<_> = schema.enum_items.iter().map(ToString::to_string).collect();
            self.errors
                .push((path, format!("one of {} is expected", words.join(", "))));
            return;
        }
        match value {
            Value::Object(fields) => self.fields(&path, fields, schema),
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    if let Some(of_item) = &schema.items {
                        self.value(format!("{path}[{number}]"), item, of_item);
                    }
                }
            }
            _ => {}
        }
    }

    fn fields(&mut self, path: &str, fields: &Map<String, Value>, schema: &MetaSchema) {
        let below = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        for (name, of_field) in &schema.properties {
            let is_required = schema.required.contains(name);
            match fields.get(*name) {
                None if is_required => self.errors.push((below(name), "required".to_owned())),
                // poem-openapi takes `null` for a field left out. Where that has a meaning of its own,
                // its default, the document says that `null` is nothing.
                None => {}
                Some(Value::Null) if !is_required && !has_default(of_field) => {}
                Some(value) => self.value(below(name), value, of_field),
            }
        }
    }
}

fn has_default(schema: &MetaSchemaRef) -> bool {
    matches!(schema, MetaSchemaRef::Inline(schema) if schema.default.is_some())
}

fn is_of_type(value: &Value, schema: &MetaSchema) -> bool {
    match schema.ty {
        _ if schema.nullable && value.is_null() => true,
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" if is_unsigned(schema) => value.is_u64(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn is_unsigned(schema: &MetaSchema) -> bool {
    schema
        .format
        .is_some_and(|format| format.starts_with("uint"))
}

fn expected(schema: &MetaSchema) -> &'static str {
    match schema.ty {
        "string" => "a string",
        "boolean" => "true or false",
        "number" => "a number",
        "integer" if is_unsigned(schema) => "a whole number, not negative,",
        "integer" => "a whole number",
        "array" => "a list",
        _ => "an object",
    }
}

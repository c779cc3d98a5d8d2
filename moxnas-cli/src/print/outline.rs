//! Any JSON value, indented, for people.

use serde_json::Value;

/// `key: value` lines, nested ones indented. What is empty or null is left out.
pub(super) fn outline(value: &Value) -> String {
    let mut lines = Vec::new();
    write(value, 0, &mut lines);
    lines.join("\n")
}

fn write(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(_, value)| !is_empty(value)) {
                match plain(value) {
                    Some(text) => lines.push(format!("{indent}{key}: {text}")),
                    None => {
                        lines.push(format!("{indent}{key}:"));
                        write(value, depth + 1, lines);
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                let before = lines.len();
                match plain(item) {
                    Some(text) => lines.push(format!("{indent}- {text}")),
                    None => write(item, depth + 1, lines),
                }
                // The first line of an item carries its mark.
                if let Some(first) = lines.get_mut(before) {
                    let text = first.trim_start().trim_start_matches("- ").to_owned();
                    *first = format!("{indent}- {text}");
                }
            }
        }
        other => lines.push(format!("{indent}{}", plain(other).unwrap_or_default())),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// A value that fits behind its key: words, numbers, and short lists of them.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) if items.iter().all(|it| !it.is_object() && !it.is_array()) => {
            let words: Option<Vec<String>> = items.iter().map(plain).collect();
            words.map(|it| it.join(", ")).filter(|it| it.len() < 90)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::outline;

    #[test]
    fn nested_values_are_indented() {
        let value = json!({
            "status": "healthy",
            "checks": { "database": { "ok": true, "causes": [] } },
            "items": [{ "a": 1, "b": null }, { "a": 2 }],
            "words": ["x", "y"],
        });
        assert_eq!(
            outline(&value),
            "checks:\n  database:\n    ok: yes\nitems:\n  - a: 1\n  - a: 2\nstatus: healthy\nwords: x, y"
        );
    }
}

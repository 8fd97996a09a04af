//! A JSON value as indented text.

use serde_json::Value;

use crate::escape::escape;

/// Returns a line for each member of a JSON value, indented by its depth. Names and strings are
/// escaped.
///
/// ```
/// use license_cli_support::outline;
///
/// let keys = serde_json::json!([{ "bits": 4096 }]);
/// let value = serde_json::json!({ "keys": keys, "kind": "a\u{7}b", "tags": ["x", "y"] });
/// assert_eq!(outline(&value), "keys:\n  - bits: 4096\nkind: a\\u{7}b\ntags: x, y\n");
/// ```
pub fn outline(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                member(&mut text, "", &escape(name), value);
            }
        }
        value => text.push_str(&scalar(value)),
    }
    text
}

fn member(text: &mut String, indent: &str, name: &str, value: &Value) {
    let deeper = format!("{indent}  ");
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push_str(&format!("{indent}{name}:\n"));
            for (name, value) in members {
                member(text, &deeper, &escape(name), value);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            text.push_str(&format!("{indent}{name}:\n"));
            for item in items {
                text.push_str(&list_item(&deeper, item));
            }
        }
        value => text.push_str(&format!("{indent}{name}: {}\n", scalar(value))),
    }
}

/// Returns the lines of an item. The first one starts with a dash.
fn list_item(indent: &str, item: &Value) -> String {
    let lines = outline(item);
    let mut text = String::new();
    for (number, line) in lines.lines().enumerate() {
        let mark = if number == 0 { "- " } else { "  " };
        text.push_str(&format!("{indent}{mark}{line}\n"));
    }
    text
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => escape(text).into_owned(),
        Value::Array(items) => items.iter().map(scalar).collect::<Vec<_>>().join(", "),
        Value::Object(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

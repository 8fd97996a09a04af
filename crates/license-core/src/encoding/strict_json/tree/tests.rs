//! Tests of trees.

use std::collections::BTreeMap;

use super::*;

#[cfg(target_pointer_width = "64")]
#[test]
fn a_node_has_the_documented_size() {
    assert_eq!(size_of::<Node<'_>>(), 24);
}

#[test]
fn the_list_of_nodes_is_as_long_as_its_bound_unless_strings_and_empty_values_differ() {
    for (text, nodes, max) in [
        ("{}", 1, 2),
        (r#"{"":[0]}"#, 4, 4),
        (r#"{"a":[1,[2,3],{"b":null}],"c":true}"#, 12, 12),
        (r#"{"a":",,,,,,,,","b":[]}"#, 5, 12),
    ] {
        assert_eq!(Tree::parse(text).unwrap().nodes.len(), nodes, "{text}");
        assert_eq!(max_nodes(text), max, "{text}");
    }
    let dense = format!("{{\"\":[{}0]}}", "0,".repeat(10_000));
    let tree = Tree::parse(&dense).unwrap();
    assert!(tree.nodes.capacity() * size_of::<Node<'_>>() <= 12 * dense.len());
}

#[test]
fn a_tree_is_serialized_as_in_the_text() {
    for text in [
        "{}",
        r#"{"b":[1,-2,1.5,null,true,"\"\n"],"a":{"c":{},"d":[[],[{}]]}}"#,
    ] {
        let tree = Tree::parse(text).unwrap();
        assert_eq!(serde_json::to_string(&tree.root()).unwrap(), text);
        assert!(tree.root().get("x").is_none());
    }
}

#[test]
fn a_tree_has_the_values_of_the_text() {
    for text in [
        r#"{}"#,
        r#"{"a":[],"b":{},"c":[[],[{}]]}"#,
        r#"{"a":[[1,[2]],{"b":[3,-4],"c":{}},5.5],"d":null,"e":[true,"\u0061","\n"]}"#,
    ] {
        let tree = Tree::parse(text).unwrap();
        let value = serde_json::Value::deserialize(tree.root()).unwrap();
        assert_eq!(
            value,
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }
    let long: Vec<_> = (0..100)
        .map(|n| format!("\"m{n}\":[{n},{{\"x\":{n}}}]"))
        .collect();
    let text = format!("{{{}}}", long.join(","));
    let tree = Tree::parse(&text).unwrap();
    let value = serde_json::Value::deserialize(tree.root()).unwrap();
    assert_eq!(
        value,
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    );
}

#[test]
fn an_array_with_more_items_than_the_type_reads_is_refused() {
    for (text, is_pair) in [(r#"{"pair":[1,2]}"#, true), (r#"{"pair":[1,2,3]}"#, false)] {
        let tree = Tree::parse(text).unwrap();
        let pairs = BTreeMap::<String, (u64, u64)>::deserialize(tree.root());
        assert_eq!(pairs.is_ok(), is_pair, "{text}");
    }
}

#[test]
fn a_variant_has_one_form() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Overage {
        None,
        Seats(u32),
        Range { from: u32 },
    }
    let read = |text: &str| {
        let text = format!(r#"{{"overage":{text}}}"#);
        let tree = Tree::parse(&text).unwrap();
        let mut value = BTreeMap::<String, Overage>::deserialize(tree.root())?;
        Ok::<_, Fault>(value.remove("overage").unwrap())
    };
    assert_eq!(read(r#""none""#).unwrap(), Overage::None);
    assert_eq!(read(r#"{"seats":2}"#).unwrap(), Overage::Seats(2));
    assert_eq!(
        read(r#"{"range":{"from":1}}"#).unwrap(),
        Overage::Range { from: 1 }
    );
    for refused in [
        r#"{"none":null}"#,
        r#""seats""#,
        r#"{"seats":null}"#,
        r#"{"seats":2,"none":null}"#,
        "{}",
        "[]",
        "0",
        "null",
        r#""secret-name""#,
        r#"{"secret-name":1}"#,
    ] {
        let error = read(refused).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

//! Members of a JSON object that are expensive to parse.

use std::fmt::Write;

use super::repeated;

/// Members of an object of about a size in bytes.
pub(super) struct MembersKind {
    pub(super) name: &'static str,
    /// Returns the members without braces.
    pub(super) make: fn(usize) -> String,
}

/// Returns members that take much memory or time for their size.
pub(super) fn expensive_members() -> [MembersKind; 6] {
    [
        MembersKind {
            name: "an array of zeros",
            make: |bytes| array("0", bytes),
        },
        MembersKind {
            name: "an array of arrays",
            make: |bytes| array("[0]", bytes),
        },
        MembersKind {
            name: "an array of objects",
            make: |bytes| array(r#"{"":0}"#, bytes),
        },
        MembersKind {
            name: "an array of escapes",
            make: |bytes| array(r#""\n""#, bytes),
        },
        MembersKind {
            name: "a text of commas",
            make: |bytes| format!(r#""x":"{}""#, ",".repeat(bytes)),
        },
        MembersKind {
            name: "many members",
            make: members,
        },
    ]
}

fn array(item: &str, bytes: usize) -> String {
    let items = repeated(&format!("{item},"), bytes);
    format!(r#""x":[{}]"#, items.trim_end_matches(','))
}

fn members(bytes: usize) -> String {
    let mut members = String::with_capacity(bytes + 16);
    let mut number = 0_u32;
    while members.len() < bytes {
        let separator = if number == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(members, r#"{separator}"~{number:x}":0"#);
        number += 1;
    }
    members
}

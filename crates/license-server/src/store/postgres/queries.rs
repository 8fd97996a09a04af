//! The queries, each in a file of the directory `queries`.

/// Returns the text of a query by the name of its file.
macro_rules! query {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/store/postgres/queries/",
            $name,
            ".sql"
        ))
    };
}

pub(super) use query;

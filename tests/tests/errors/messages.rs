//! The messages of errors, and their sources.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Field, Fields, LitStr};

/// Messages that depend on the kind of a source, and do not contain its text.
const DEPEND_ON_THE_KIND: [&str; 2] = ["StateProblem::Sealed", "UnreadablePath"];

/// The names of all error types.
pub(crate) struct TypeNames(BTreeSet<String>);

impl TypeNames {
    pub(crate) fn new(names: impl Iterator<Item = String>) -> Self {
        Self(names.collect())
    }

    /// Returns whether a type is an error, or contains one, such as `Box<dyn Error + Send>`.
    fn occur_in(&self, tokens: TokenStream) -> bool {
        let mut names = identifiers(tokens).into_iter();
        names.any(|name| name.ends_with("Error") || self.0.contains(&name))
    }
}

/// A struct or a variant with a message.
pub(crate) struct Level<'a> {
    name: String,
    attributes: &'a [Attribute],
    fields: &'a Fields,
}

impl<'a> Level<'a> {
    pub(crate) fn new(name: String, attributes: &'a [Attribute], fields: &'a Fields) -> Self {
        Self {
            name,
            attributes,
            fields,
        }
    }

    /// Returns the broken rules.
    pub(crate) fn defects(&self, errors: &TypeNames) -> Vec<String> {
        let Some(tokens) = self.message() else {
            return vec![format!("{}: expected #[error(…)]", self.name)];
        };
        if tokens.to_string() == "transparent" {
            return Vec::new();
        }
        let message = Message::parse(tokens);
        let mut defects = Vec::new();
        if message.format.ends_with('.') {
            defects.push("the message ends with a period".to_owned());
        }
        for (index, field) in self.fields.iter().enumerate() {
            let name = field.ident.as_ref().map(ToString::to_string);
            let name = name.unwrap_or_else(|| index.to_string());
            if !is_source(field) {
                if errors.occur_in(field.ty.to_token_stream()) {
                    defects.push(format!("expected #[source] for the inner error `{name}`"));
                }
            } else if message.mentions(&name) && !DEPEND_ON_THE_KIND.contains(&&*self.name) {
                defects.push(format!("the message contains the source `{name}`"));
            }
        }
        let of_level = |defect| format!("{}: {defect}", self.name);
        defects.into_iter().map(of_level).collect()
    }

    fn message(&self) -> Option<TokenStream> {
        let mut attributes = self.attributes.iter();
        let attribute = attributes.find(|attribute| attribute.path().is_ident("error"))?;
        Some(attribute.meta.require_list().ok()?.tokens.clone())
    }
}

fn is_source(field: &Field) -> bool {
    let mut attributes = field.attrs.iter();
    field.ident.as_ref().is_some_and(|name| name == "source")
        || attributes.any(|attribute| {
            attribute.path().is_ident("source") || attribute.path().is_ident("from")
        })
}

/// The format string and the arguments of a message.
struct Message {
    format: String,
    /// The names of the placeholders, and the identifiers and numbers in the arguments.
    names: BTreeSet<String>,
}

impl Message {
    fn parse(tokens: TokenStream) -> Self {
        let mut tokens = tokens.into_iter();
        let format: LitStr = syn::parse2(tokens.next().unwrap().into()).unwrap();
        let format = format.value();
        let arguments: TokenStream = tokens.collect();
        let has_arguments = !arguments.is_empty();
        // A number in the format string names an argument, if there are arguments.
        let placeholders = placeholders(&format).into_iter();
        let fields = placeholders.filter(|name| !has_arguments || name.parse::<usize>().is_err());
        let names = fields.chain(identifiers(arguments)).collect();
        Self { format, names }
    }

    fn mentions(&self, field: &str) -> bool {
        self.names.contains(field)
    }
}

/// Returns the names in a format string such as `cannot read {path}: {0:?}`.
fn placeholders(format: &str) -> Vec<String> {
    let format = format.replace("{{", "").replace("}}", "");
    let parts = format.split('{').skip(1);
    let names = parts.filter_map(|part| part.split([':', '}']).next());
    names.map(str::to_owned).collect()
}

/// Returns the identifiers and the numbers, such as the `0` of `.0`.
fn identifiers(tokens: TokenStream) -> Vec<String> {
    let of_tree = |tree| match tree {
        TokenTree::Ident(name) => vec![name.to_string()],
        TokenTree::Literal(literal) => vec![literal.to_string()],
        TokenTree::Group(group) => identifiers(group.stream()),
        TokenTree::Punct(_) => Vec::new(),
    };
    tokens.into_iter().flat_map(of_tree).collect()
}

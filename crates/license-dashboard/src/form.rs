//! Forms with a message at each field that was refused.

use askama::Template;

use crate::cell::Action;
use crate::context::Context;

/// The kind of a field.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A line of text.
    Text,
    /// An e-mail address.
    Email,
    /// A new or current password.
    Password,
    /// A number.
    Number,
    /// A date.
    Date,
    /// Several lines of text, for example a pasted file.
    Lines,
    /// The text of a file, which a person pastes. With JavaScript, the person can choose the file.
    File,
    /// One of several values: the value and its label.
    Choice(Vec<(String, String)>),
    /// A line of text with suggestions: the value and its label.
    Suggestions(Vec<(String, String)>),
    /// Several of several values: the value, its label, and whether it is chosen.
    Choices(Vec<(String, String, bool)>),
    /// Yes or no. The value of the field is `true`.
    Check,
}

impl Kind {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Email => "email",
            Self::Password => "password",
            Self::Number => "number",
            Self::Date => "date",
            Self::Lines => "lines",
            Self::File => "file",
            Self::Choice(_) => "choice",
            Self::Suggestions(_) => "text",
            Self::Choices(_) => "choices",
            Self::Check => "check",
        }
    }
}

/// A field of a form.
#[derive(Clone, Debug)]
pub struct Field {
    name: String,
    label: String,
    kind: Kind,
    value: String,
    help: Option<String>,
    error: Option<String>,
    is_required: bool,
    has_focus: bool,
    autocomplete: Option<&'static str>,
    max_length: Option<u32>,
    from_fragment: bool,
}

impl Field {
    /// Returns a line of text.
    pub fn text(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Kind::Text, name, label)
    }

    /// Returns a field of a kind.
    pub fn new(kind: Kind, name: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            kind,
            value: String::new(),
            help: None,
            error: None,
            is_required: false,
            has_focus: false,
            autocomplete: None,
            max_length: None,
            from_fragment: false,
        }
    }

    /// Sets the value that the field shows. The value of a password is never shown again.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        if !matches!(self.kind, Kind::Password) {
            self.value = value.into();
        }
        self
    }

    /// Adds a sentence that explains the field.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a sentence about a value that is not acceptable.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }

    /// Requires a value.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Puts the cursor into the field.
    #[must_use]
    pub fn focus(mut self) -> Self {
        self.has_focus = true;
        self
    }

    /// States the purpose of the field for browsers and password managers, such as `username`.
    #[must_use]
    pub fn autocomplete(mut self, purpose: &'static str) -> Self {
        self.autocomplete = Some(purpose);
        self
    }

    /// Limits the length of the value, in characters.
    #[must_use]
    pub fn max_length(mut self, characters: u32) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// Takes the value from the fragment of the URL, which browsers do not send. Without
    /// JavaScript, the person pastes the text after `#`.
    #[must_use]
    pub fn from_fragment(mut self) -> Self {
        self.from_fragment = true;
        self
    }

    /// Returns whether the field has a value or an error.
    fn is_used(&self) -> bool {
        let is_chosen = match &self.kind {
            Kind::Choices(options) => options.iter().any(|(_, _, is_chosen)| *is_chosen),
            _ => !self.value.is_empty(),
        };
        is_chosen || self.error.is_some()
    }

    fn described_by(&self) -> String {
        let help = self.help.as_ref().map(|_| format!("{}-help", self.name));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.name));
        let ids: Vec<_> = help.into_iter().chain(error).collect();
        ids.join(" ")
    }
}

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    title: Option<String>,
    action: String,
    fields: Vec<Field>,
    hidden: Vec<(String, String)>,
    submit: String,
    is_danger: bool,
    /// The path of the link *Cancel*.
    cancel: Option<String>,
    /// Further buttons that send the same form to other paths: the label and the path.
    other_targets: Vec<(String, String)>,
    /// Groups of fields that a person opens: the place of the first field, and the label.
    groups: Vec<(usize, String)>,
}

impl Form {
    /// Creates a form that is sent to a path with `POST`.
    pub fn new(action: impl Into<String>, submit: impl Into<String>) -> Self {
        Self {
            title: None,
            action: action.into(),
            fields: Vec::new(),
            hidden: Vec::new(),
            submit: submit.into(),
            is_danger: false,
            cancel: None,
            other_targets: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Adds a title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Begins a group of fields that a person opens. It is open if one of its fields has a value or
    /// an error. It ends with the next group, or with the form.
    #[must_use]
    pub fn group(mut self, label: impl Into<String>) -> Self {
        self.groups.push((self.fields.len(), label.into()));
        self
    }

    /// Returns the label of the group that begins at a field, and whether the group is open.
    fn group_at(&self, place: &usize) -> Option<(&str, bool)> {
        let index = self.groups.iter().position(|(start, _)| start == place)?;
        let (start, label) = self.groups.get(index)?;
        let next = self.groups.get(index + 1);
        let end = next.map_or(self.fields.len(), |(next, _)| *next);
        let fields = self.fields.get(*start..end).unwrap_or_default();
        Some((label, fields.iter().any(Field::is_used)))
    }

    /// Returns whether a group has begun before a field.
    fn is_in_group(&self, place: &usize) -> bool {
        self.groups.iter().any(|(start, _)| start < place)
    }

    /// Adds a value that the person does not see.
    #[must_use]
    pub fn hidden(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.hidden.push((name.into(), value.into()));
        self
    }

    /// Marks a form that takes something away.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.is_danger = true;
        self
    }

    /// Adds the link *Cancel*.
    #[must_use]
    pub fn cancel(mut self, href: impl Into<String>) -> Self {
        self.cancel = Some(href.into());
        self
    }

    /// Adds a button that sends the form to another path, for example for a preview.
    #[must_use]
    pub fn other_target(mut self, label: impl Into<String>, path: impl Into<String>) -> Self {
        self.other_targets.push((label.into(), path.into()));
        self
    }

    /// Adds a message to a field. Returns false if the form has no such field.
    pub fn set_error(&mut self, name: &str, error: &str) -> bool {
        let field = self.fields.iter_mut().find(|field| field.name == name);
        field
            .map(|field| field.error = Some(error.to_owned()))
            .is_some()
    }

    /// Returns the label of a field. `None`: the form has no such field.
    pub fn label(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.name == name);
        field.map(|field| field.label.as_str())
    }

    /// Returns whether a field needs a value, and has none or spaces only. The values of passwords
    /// are not known.
    pub fn lacks_value(&self, name: &str) -> bool {
        let field = self.fields.iter().find(|field| field.name == name);
        field.is_some_and(|field| {
            let is_text = !matches!(field.kind, Kind::Password | Kind::Choices(_) | Kind::Check);
            is_text && field.is_required && field.value.trim().is_empty()
        })
    }

    pub(crate) fn render(&self, context: &Context<'_>) -> String {
        let cancel = self
            .cancel
            .as_ref()
            .map(|href| Action::link("Cancel", href).render(context));
        let template = FormTemplate {
            form: self,
            cancel,
            csrf_token: context.csrf_token,
        };
        template.render().unwrap_or_default()
    }

    /// Returns the form in one line, sent with `GET`.
    pub(crate) fn render_filter(&self) -> String {
        FilterTemplate { form: self }.render().unwrap_or_default()
    }
}

/// HTML of a form.
#[derive(Template)]
#[template(path = "form.html")]
struct FormTemplate<'a> {
    form: &'a Form,
    cancel: Option<String>,
    csrf_token: &'a str,
}

/// HTML of a form that filters a table.
#[derive(Template)]
#[template(path = "filter.html")]
struct FilterTemplate<'a> {
    form: &'a Form,
}

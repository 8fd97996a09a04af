//! Values in tables and lists of facts, and their actions.

use std::cmp::Ordering;

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};

use crate::context::Context;
use crate::text;
use crate::tone::Tone;

/// A value in a table or in a list of facts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cell {
    /// Nothing, shown as a dash.
    Empty,
    /// A text, for example the name of a customer.
    Text(String),
    /// A text of programs, such as an id, in a font with fixed width.
    Code(String),
    /// A text of programs that people pass on, such as the id of a license. A button copies it.
    Id(String),
    /// A link inside the server.
    Link {
        /// The path.
        href: String,
        /// The text.
        text: String,
    },
    /// A state.
    Badge(Tone, String),
    /// A number.
    Number(i64),
    /// A decimal number, possibly with its unit, such as `-3451.00 EUR`.
    Amount(String),
    /// A share of a whole as a bar, such as held seats.
    Share {
        /// The part.
        part: i64,
        /// The whole.
        whole: i64,
    },
    /// A time.
    Time(DateTime<Utc>),
    /// A time with its seconds.
    Moment(DateTime<Utc>),
    /// A date.
    Date(NaiveDate),
    /// Several values below each other.
    Lines(Vec<Cell>),
    /// Links and buttons.
    Actions(Vec<Action>),
}

impl Cell {
    /// Returns a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Returns a text of programs.
    pub fn code(text: impl Into<String>) -> Self {
        Self::Code(text.into())
    }

    /// Returns a text of programs with a button that copies it.
    pub fn id(text: impl Into<String>) -> Self {
        Self::Id(text.into())
    }

    /// Returns a link.
    pub fn link(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Link {
            href: href.into(),
            text: text.into(),
        }
    }

    /// Returns a state.
    pub fn badge(tone: Tone, text: impl Into<String>) -> Self {
        Self::Badge(tone, text.into())
    }

    /// Returns a time, or a dash.
    pub fn time(time: Option<DateTime<Utc>>) -> Self {
        time.map_or(Self::Empty, Self::Time)
    }

    /// Returns a text, or a dash.
    pub fn optional(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Empty, Self::text)
    }

    /// Returns HTML. `is_short`: long texts are shortened.
    pub(crate) fn render(&self, context: &Context<'_>, is_short: bool) -> String {
        let shown = |value: &str| {
            if is_short {
                text::shorten(value).into_owned()
            } else {
                value.to_owned()
            }
        };
        let template = match self {
            Self::Empty => CellTemplate::Empty,
            Self::Text(value) => CellTemplate::Text(shown(value)),
            Self::Code(value) => CellTemplate::Code(shown(value)),
            // A shortened text could not be copied.
            Self::Id(value) => CellTemplate::Id(value.clone()),
            Self::Link { href, text } => CellTemplate::Link(href.clone(), shown(text)),
            Self::Badge(tone, value) => CellTemplate::Badge(tone.as_str(), shown(value)),
            Self::Number(number) => CellTemplate::Number(text::number(*number)),
            Self::Amount(amount) => CellTemplate::Number(text::amount(amount)),
            Self::Share { part, whole } => CellTemplate::Share(*part, *whole, level(*part, *whole)),
            Self::Time(time) => CellTemplate::Time(text::machine_time(time), text::time(time)),
            Self::Moment(time) => CellTemplate::Time(text::machine_time(time), text::moment(time)),
            Self::Date(date) => CellTemplate::Time(text::date(date), text::date(date)),
            Self::Lines(cells) => CellTemplate::Lines(
                cells
                    .iter()
                    .map(|cell| cell.render(context, is_short))
                    .collect(),
            ),
            Self::Actions(actions) => CellTemplate::Actions(
                actions
                    .iter()
                    .map(|action| action.render(context))
                    .collect(),
            ),
        };
        template.render().unwrap_or_default()
    }
}

/// Returns the attributes by which a browser shows a full bar as a warning, and one above the whole
/// as an error. Without them, a bar is good at every value.
fn level(part: i64, whole: i64) -> &'static str {
    match part.cmp(&whole) {
        Ordering::Less => "",
        Ordering::Equal if part <= 0 => "",
        Ordering::Equal => " low=0 optimum=0",
        Ordering::Greater => " low=0 high=0 optimum=0",
    }
}

/// HTML of a cell.
#[derive(Template)]
#[template(path = "cell.html")]
enum CellTemplate {
    Empty,
    Text(String),
    Code(String),
    Id(String),
    Link(String, String),
    Badge(&'static str, String),
    Number(String),
    Share(i64, i64, &'static str),
    Time(String, String),
    Lines(Vec<String>),
    Actions(Vec<String>),
}

/// How an action looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActionStyle {
    /// The main action of a page.
    Primary,
    /// Another action.
    #[default]
    Secondary,
    /// An action that takes something away.
    Danger,
}

impl ActionStyle {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Danger => "danger",
        }
    }
}

/// A link to a page, or a button that changes something.
#[derive(Clone, Debug)]
pub struct Action {
    label: String,
    target: String,
    style: ActionStyle,
    is_post: bool,
    is_dialog: bool,
    is_download: bool,
    hidden: Vec<(String, String)>,
    /// The subject of the action, for people who do not see the row around it.
    about: Option<String>,
}

impl Action {
    /// Returns a link to a page.
    pub fn link(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            target: href.into(),
            style: ActionStyle::Secondary,
            is_post: false,
            is_dialog: false,
            is_download: false,
            hidden: Vec::new(),
            about: None,
        }
    }

    /// Returns a link to a page with one form. With JavaScript, the form opens in a dialog.
    pub fn dialog(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            is_dialog: true,
            ..Self::link(label, href)
        }
    }

    /// Returns a link to a file, which the browser stores.
    pub fn download(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            is_download: true,
            ..Self::link(label, href)
        }
    }

    /// Returns a button that sends a form without visible fields.
    pub fn post(label: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            is_post: true,
            ..Self::link(label, path)
        }
    }

    /// Adds a hidden field to a button.
    #[must_use]
    pub fn hidden(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.hidden.push((name.into(), value.into()));
        self
    }

    /// States what the action is about, such as the person of a row. People who do not see the row
    /// hear it after the label.
    #[must_use]
    pub fn about(mut self, subject: impl AsRef<str>) -> Self {
        self.about = Some(text::shorten(subject.as_ref()).into_owned());
        self
    }

    /// Makes this the main action of the page.
    #[must_use]
    pub fn primary(mut self) -> Self {
        self.style = ActionStyle::Primary;
        self
    }

    /// Marks an action that takes something away.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.style = ActionStyle::Danger;
        self
    }

    pub(crate) fn render(&self, context: &Context<'_>) -> String {
        let template = ActionTemplate {
            action: self,
            style: self.style.as_str(),
            csrf_token: context.csrf_token,
        };
        template.render().unwrap_or_default()
    }
}

/// HTML of an action.
#[derive(Template)]
#[template(path = "action.html")]
struct ActionTemplate<'a> {
    action: &'a Action,
    style: &'static str,
    csrf_token: &'a str,
}

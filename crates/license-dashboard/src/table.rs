//! Tables with filters, sorting and pages by URL.

use askama::Template;

use crate::cell::{Action, Cell};
use crate::context::Context;
use crate::empty::EmptyState;
use crate::form::Form;

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    label: String,
    is_numeric: bool,
    sort: Option<Sort>,
}

/// A link that sorts a table by a column.
#[derive(Clone, Debug)]
struct Sort {
    href: String,
    /// The value of `aria-sort` if the table is sorted by this column.
    order: Option<&'static str>,
}

impl Column {
    /// Returns a column of texts.
    pub fn text(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            is_numeric: false,
            sort: None,
        }
    }

    /// Returns a column of numbers.
    pub fn number(label: impl Into<String>) -> Self {
        Self {
            is_numeric: true,
            ..Self::text(label)
        }
    }

    /// Adds a link that sorts by this column. `order`: the order in which this column sorts the
    /// table now, `Some(true)` for ascending.
    #[must_use]
    pub fn sorted_by(mut self, href: impl Into<String>, order: Option<bool>) -> Self {
        let order = order.map(|ascends| if ascends { "ascending" } else { "descending" });
        self.sort = Some(Sort {
            href: href.into(),
            order,
        });
        self
    }
}

/// A table of one page of a list.
#[derive(Clone, Debug)]
pub struct Table {
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    /// The message of a table without rows.
    pub empty: EmptyState,
    /// The fields that filter the list. They are sent with `GET`.
    pub filter: Option<Form>,
    /// Actions above the table.
    pub actions: Vec<Action>,
    /// The path of the first page, if this is not the first one.
    pub first: Option<String>,
    /// The path of the next page.
    pub next: Option<String>,
    /// The name of the region that a live page replaces.
    pub live: Option<String>,
}

impl Table {
    /// Creates a table without rows.
    pub fn new(caption: impl Into<String>, columns: Vec<Column>) -> Self {
        Self {
            caption: caption.into(),
            columns,
            rows: Vec::new(),
            empty: EmptyState::new("Nothing to show"),
            filter: None,
            actions: Vec::new(),
            first: None,
            next: None,
            live: None,
        }
    }

    /// Adds a row with a cell for each column.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Returns the columns with their classes. A column with buttons has their class.
    fn column_classes(&self) -> Vec<(&'static str, &Column)> {
        let columns = self.columns.iter().enumerate();
        let columns = columns.map(|(place, column)| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(place));
            let has_buttons = cells.any(|cell| matches!(cell, Cell::Actions(_)));
            let class = match (column.is_numeric, has_buttons) {
                (true, _) => "number",
                (false, true) => "buttons",
                (false, false) => "",
            };
            (class, column)
        });
        columns.collect()
    }

    pub(crate) fn render(&self, context: &Context<'_>) -> String {
        let columns = self.column_classes();
        let rows = self.rows.iter().map(|cells| {
            let cells = cells.iter().zip(&columns);
            cells
                .map(|(cell, (class, _))| (*class, cell.render(context, true)))
                .collect()
        });
        let template = TableTemplate {
            table: self,
            rows: rows.collect(),
            columns,
            repeats_title: self.caption == context.title,
            filter: self.filter.as_ref().map(|form| form.render_filter()),
            actions: self
                .actions
                .iter()
                .map(|action| action.render(context))
                .collect(),
            empty: self.empty.render(context),
        };
        template.render().unwrap_or_default()
    }
}

/// HTML of a table.
#[derive(Template)]
#[template(path = "table.html")]
struct TableTemplate<'a> {
    table: &'a Table,
    /// Whether the caption is the title of the page. People who see the page need it only once.
    repeats_title: bool,
    columns: Vec<(&'static str, &'a Column)>,
    rows: Vec<Vec<(&'static str, String)>>,
    filter: Option<String>,
    actions: Vec<String>,
    empty: String,
}

//! Hostile texts in every component stay texts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use license_dashboard::{
    Action, Cell, Chart, CodeBlock, Column, Disclosure, EmptyState, Facts, Field, Filter, Form,
    Frame, Heading, Kind, NavigationGroup, NavigationItem, Notice, Page, Section, Series,
    SeriesStyle, Table, Tabs, Tile, Tiles, Tone, Viewer,
};

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&\u{202e}";

/// Returns a page with a text in every place that takes one.
fn page(text: &str) -> String {
    let choices = vec![(text.to_owned(), text.to_owned())];
    let suggested = choices.clone();
    let chosen = vec![(text.to_owned(), text.to_owned(), true)];
    let mut table = Table::new(text, vec![Column::text(text).sorted_by(text, Some(true))]);
    for cell in [
        Cell::text(text),
        Cell::code(text),
        Cell::id(text),
        Cell::link(text, text),
        Cell::badge(Tone::Good, text),
        Cell::Amount(text.to_owned()),
        Cell::Lines(vec![Cell::text(text)]),
        Cell::Actions(vec![
            Action::post(text, text).hidden(text, text),
            Action::dialog(text, text).about(text),
        ]),
    ] {
        table.row(vec![cell]);
    }
    table.filter = Some(Form::new(text, text).field(Field::text(text, text).value(text)));
    table.next = Some(text.to_owned());
    let mut empty = Table::new(text, Vec::new());
    empty.empty = EmptyState::new(text)
        .text(text)
        .action(Action::link(text, text));
    let form = Form::new(text, text)
        .title(text)
        .hidden(text, text)
        .cancel(text)
        .other_target(text, text)
        .field(Field::text(text, text).value(text).help(text).error(text))
        .field(Field::new(Kind::Lines, text, text).value(text))
        .field(Field::new(Kind::File, text, text).value(text))
        .field(Field::new(Kind::Choice(choices), text, text).value(text))
        .field(Field::new(Kind::Suggestions(suggested), text, text).value(text))
        .field(Field::new(Kind::Choices(chosen), text, text))
        .group(text)
        .field(Field::new(Kind::Check, text, text));
    let frame = Frame {
        parent: Some((text.to_owned(), text.to_owned())),
        navigation: vec![NavigationGroup {
            label: "Group",
            items: vec![NavigationItem {
                label: "Item",
                href: "/",
                is_current: true,
            }],
        }],
        viewer: Some(Viewer {
            name: text.to_owned(),
            organization: text.to_owned(),
            role: Some(text.to_owned()),
        }),
        toast: Some(text.to_owned()),
        csrf_token: text.to_owned(),
        events: Some(text.to_owned()),
        ..Frame::new(text)
    };
    Page::new(frame)
        .with(Heading::new(text).action(Action::link(text, text)))
        .with(text)
        .with(
            Notice::danger(text)
                .text(text)
                .hint(Some(text))
                .code(text)
                .action(Action::link(text, text)),
        )
        .with(Tiles(vec![Tile::new(text, text).detail(text).href(text)]))
        .with(Facts::new().title(text).fact(text, Cell::text(text)))
        .with(Tabs::new(text).tab(text, text, true))
        .with(Section::new("part").with(table).with(empty))
        .with(
            Chart::new(text, text, vec![(text.to_owned(), text.to_owned()); 3])
                .summary(text)
                .series(Series::new(text, SeriesStyle::Area, [Some(1.0), None]))
                .series(Series::new(
                    text,
                    SeriesStyle::DangerBars,
                    [Some(f64::INFINITY)],
                )),
        )
        .with(Filter(form.clone()))
        .with(form)
        .with(CodeBlock::new(text, text))
        .with(Disclosure::new(text).with(text))
        .render()
}

/// Returns the markup of a page: everything except texts and the values of attributes.
fn markup(page: &str) -> String {
    let mut markup = String::new();
    let (mut in_tag, mut in_value) = (false, false);
    for character in page.chars() {
        match character {
            '<' if !in_value => in_tag = true,
            '"' if in_tag => in_value = !in_value,
            '>' if !in_value => {
                in_tag = false;
                markup.push('\n');
            }
            _ => {}
        }
        if in_tag && !in_value {
            markup.push(character);
        }
    }
    markup
}

#[test]
fn a_hostile_text_changes_no_markup() {
    let (harmless, hostile) = (page("text"), page(HOSTILE));
    assert_eq!(markup(&harmless), markup(&hostile));
    assert!(!hostile.contains("<script>alert"));
    assert!(!hostile.contains("<img src=x"));
    assert!(!hostile.contains('\u{202e}'), "a text turns the direction");
}

#[test]
fn a_table_shortens_a_long_text_and_a_list_of_facts_shows_it() {
    let long = "y".repeat(10_000);
    let mut table = Table::new("Names", vec![Column::text("Name")]);
    table.row(vec![Cell::text(&long)]);
    let page = Page::new(Frame::new("Names")).with(table);
    assert!(!page.render().contains(&long));
    let facts = Page::new(Frame::new("Names")).with(Facts::new().fact("Name", Cell::text(&long)));
    assert!(facts.render().contains(&long));
}

#[test]
fn a_password_is_never_shown_again() {
    let field = Field::new(Kind::Password, "password", "Password").value("correct horse");
    let page = Page::new(Frame::new("Sign in")).with(Form::new("/sign-in", "Sign in").field(field));
    assert!(!page.render().contains("correct horse"));
}

#[test]
fn a_form_shows_the_message_beside_its_field() {
    let mut form = Form::new("/issue", "Issue").field(Field::text("seats", "Seats"));
    assert!(form.set_error("seats", "expected a number"));
    assert!(!form.set_error("other", "expected a number"));
    let html = Page::new(Frame::new("Issue")).with(form).render();
    assert!(html.contains("aria-invalid=\"true\" aria-describedby=\"seats-error\""));
    assert!(html.contains("id=\"seats-error\"><bdi>expected a number"));
}

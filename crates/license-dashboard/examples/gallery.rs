//! Writes a page with every component to standard output.
//!
//! ```sh
//! cargo run -p license-dashboard --example gallery > gallery.html
//! ```
#![allow(clippy::print_stdout, reason = "the output of the program")]

use license_dashboard::{
    Action, Cell, Chart, CodeBlock, Column, Disclosure, EmptyState, Facts, Field, Form, Frame,
    Heading, Kind, NavigationGroup, NavigationItem, Notice, Page, Section, Series, SeriesStyle,
    Table, Tabs, Tile, Tiles, Tone, Viewer,
};

fn main() {
    println!("{}", page().render());
}

fn page() -> Page {
    Page::new(frame())
        .action(Action::dialog("Add", "/add").primary())
        .with(Notice::good("The license is issued"))
        .with(Notice::warning("Three licenses expire this month").hint(Some("Renew them.")))
        .with(
            Notice::danger("The form has errors")
                .code("BAD_REQUEST")
                .text("seats: too many"),
        )
        .with(Tiles(vec![
            Tile::new("Seats in use", "18 of 25").href("/seats"),
            Tile::new("Denials today", "4")
                .tone(Tone::Warning)
                .detail("2 more than yesterday"),
            Tile::new("Health", "Good").tone(Tone::Good),
            Tile::new("Webhooks", "2 failing").tone(Tone::Danger),
        ]))
        .with(
            Tabs::new("Parts")
                .tab("Facts", "/", true)
                .tab("History", "/history", false),
        )
        .with(Heading::new("A heading").action(Action::link("Edit", "/edit")))
        .with("A paragraph of text.")
        .with(chart())
        .with(bars())
        .with(facts())
        .with(Section::new("seats").with(table()))
        .with(Table::new("No rows", vec![Column::text("Name")]))
        .with(form())
        .with(CodeBlock::new("API token, shown once", "lsv_0123456789"))
        .with(Disclosure::new("Every claim").with("exp, iat, iss"))
        .with(vec![
            Action::post("End", "/end").danger(),
            Action::link("Back", "/"),
        ])
}

fn frame() -> Frame {
    let item = |label, href, is_current| NavigationItem {
        label,
        href,
        is_current,
    };
    Frame {
        viewer: Some(Viewer {
            name: hostile(),
            organization: "Acme".to_owned(),
            role: Some("owner".to_owned()),
        }),
        navigation: vec![NavigationGroup {
            label: "Licenses",
            items: vec![
                item("Overview", "/", true),
                item("Licenses", "/licenses", false),
            ],
        }],
        toast: Some("Saved".to_owned()),
        ..Frame::new("Gallery")
    }
}

/// A name with markup and a change of direction.
fn hostile() -> String {
    "<script>alert(1)</script> \u{202e}txet\" onclick='x'".to_owned()
}

fn facts() -> Facts {
    Facts::new()
        .title("License")
        .fact("Customer", Cell::text(hostile()))
        .fact("Long name", Cell::text("x".repeat(10_000)))
        .fact("Id", Cell::code("9f1c2a44"))
        .fact("State", Cell::badge(Tone::Good, "active"))
        .fact("Notes", Cell::Empty)
}

fn table() -> Table {
    let columns = vec![
        Column::text("Customer").sorted_by("/?sort=customer", Some(true)),
        Column::number("Seats").sorted_by("/?sort=seats", None),
        Column::text("Use"),
        Column::text("State"),
        Column::text("Actions"),
    ];
    let mut table = Table::new("Licenses", columns);
    for name in [hostile(), "y".repeat(10_000), "Globex".to_owned()] {
        table.row(vec![
            Cell::link("/licenses/1", name),
            Cell::Number(100_000),
            Cell::Share {
                part: 18,
                whole: 25,
            },
            Cell::badge(Tone::Warning, "expires soon"),
            Cell::Actions(vec![
                Action::dialog("Renew", "/renew"),
                Action::post("Revoke", "/r").danger(),
            ]),
        ]);
    }
    let states = vec![
        (String::new(), "All".to_owned()),
        ("active".to_owned(), "Active".to_owned()),
    ];
    table.filter = Some(
        Form::new("/", "Search")
            .field(Field::text("text", "Customer, id or e-mail"))
            .field(Field::new(Kind::Choice(states), "state", "State")),
    );
    table.empty = EmptyState::new("No licenses").action(Action::link("Issue a license", "/issue"));
    table.next = Some("/?cursor=2".to_owned());
    table
}

fn hours() -> impl Iterator<Item = (String, String)> {
    (0..24).map(|hour| {
        let short = format!("{hour:02}:00");
        let long = format!("2027-01-15 {short} UTC");
        (short, long)
    })
}

fn chart() -> Chart {
    let values = [
        0, 0, 0, 0, 0, 1, 4, 9, 14, 18, 20, 17, 15, 19, 20, 18, 12, 7, 4, 2, 1,
    ];
    let known = values.map(|value| Some(f64::from(value)));
    let mean = values.map(|value| Some(f64::from(value) * 0.8));
    let limit = (0..24).map(|hour| Some(if hour < 12 { 20.0 } else { 25.0 }));
    Chart::new("Seats in the last 24 hours", "Hour", hours())
        .summary("At most 20 of 25 seats were held at one time.")
        .series(Series::new("Mean held", SeriesStyle::Area, mean))
        .series(Series::new("Highest held", SeriesStyle::Line, known))
        .series(Series::new("Seats", SeriesStyle::Limit, limit))
}

fn bars() -> Chart {
    let denied = (0..24).map(|hour| Some(f64::from(hour * 7 % 5)));
    Chart::new("Denied requests", "Hour", hours()).series(Series::new(
        "Denied",
        SeriesStyle::DangerBars,
        denied,
    ))
}

fn form() -> Form {
    let tiers = vec![
        ("PRO".to_owned(), "PRO".to_owned()),
        ("ENT".to_owned(), "ENT".to_owned()),
    ];
    let scopes = vec![
        ("a".to_owned(), "licenses:read".to_owned(), true),
        ("b".to_owned(), "seats:read".to_owned(), false),
    ];
    Form::new("/issue", "Issue")
        .title("Issue a license")
        .field(
            Field::text("customer", "Customer")
                .required()
                .value(hostile())
                .error("too long"),
        )
        .field(Field::new(Kind::Email, "email", "E-mail address").help("Gets the license."))
        .field(Field::new(Kind::Password, "password", "Password").autocomplete("current-password"))
        .field(Field::new(Kind::Number, "seats", "Seats").value("25"))
        .field(Field::new(Kind::Date, "until", "Last day"))
        .field(Field::new(Kind::Choice(tiers), "tier", "Tier").value("ENT"))
        .field(Field::new(Kind::Choices(scopes), "scopes", "Scopes"))
        .field(Field::new(Kind::Check, "offline", "Works without a server"))
        .field(Field::new(Kind::Lines, "text", "License file"))
        .hidden("request", "1")
        .other_target("Preview", "/preview")
        .cancel("/")
}

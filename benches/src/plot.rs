//! Plots with two logarithmic axes, as SVG.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use crate::growth::{Line, Point};

/// A plot of some lines.
pub struct Plot<'a> {
    /// The title above the plot.
    pub title: &'a str,
    /// The label of the axis of sizes.
    pub sizes: &'a str,
    /// The lines.
    pub lines: &'a [Line],
}

const COLORS: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000",
];
/// The position and size of the plot area, in pixels.
const LEFT: f64 = 70.0;
const TOP: f64 = 40.0;
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 300.0;

/// The decades that an axis spans, as powers of ten.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    fn spanning(values: impl Iterator<Item = f64> + Clone) -> Self {
        let logs = values.map(f64::log10);
        let from = logs.clone().fold(f64::INFINITY, f64::min).floor();
        let to = logs.fold(f64::NEG_INFINITY, f64::max).ceil();
        Self {
            from,
            to: to.max(from + 1.0),
        }
    }

    /// Returns the position of a value, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value.log10() - self.from) / (self.to - self.from)
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        let (from, to) = (self.from, self.to);
        std::iter::successors(Some(from), move |power| Some(power + 1.0))
            .take_while(move |power| *power <= to)
            .map(|power| 10_f64.powf(power))
    }
}

impl Plot<'_> {
    /// Writes the plot to a file.
    ///
    /// # Panics
    ///
    /// Panics if the file cannot be written.
    pub fn write(&self, file: &Path) {
        let mut svg = String::new();
        self.draw(&mut svg)
            .expect("writing to a string cannot fail");
        fs::write(file, svg).expect("the plot can be written");
    }

    fn draw(&self, svg: &mut String) -> fmt::Result {
        let points = || {
            self.lines
                .iter()
                .flat_map(|line| line.points.iter().copied())
        };
        let (x, y) = (
            Axis::spanning(points().map(|Point { size, .. }| size)),
            Axis::spanning(points().map(|Point { time, .. }| time)),
        );
        let (width, height) = (LEFT + WIDTH + 230.0, TOP + HEIGHT + 60.0);
        writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">"#
        )?;
        writeln!(svg, r#"<rect width="100%" height="100%" fill="white"/>"#)?;
        text(svg, LEFT, 22.0, "start", self.title)?;
        for size in x.decades() {
            let at = LEFT + x.place(size) * WIDTH;
            rule(svg, [at, TOP, at, TOP + HEIGHT])?;
            text(svg, at, TOP + HEIGHT + 18.0, "middle", &whole(size))?;
        }
        text(
            svg,
            LEFT + WIDTH / 2.0,
            TOP + HEIGHT + 42.0,
            "middle",
            self.sizes,
        )?;
        for time in y.decades() {
            let at = TOP + HEIGHT - y.place(time) * HEIGHT;
            rule(svg, [LEFT, at, LEFT + WIDTH, at])?;
            text(svg, LEFT - 8.0, at + 4.0, "end", &seconds(time))?;
        }
        for ((line, color), row) in self.lines.iter().zip(COLORS.iter().cycle()).zip(0_u8..) {
            let places: Vec<_> = line
                .points
                .iter()
                .map(|point| {
                    let at_x = LEFT + x.place(point.size) * WIDTH;
                    (at_x, TOP + HEIGHT - y.place(point.time) * HEIGHT)
                })
                .collect();
            draw_line(svg, &places, color)?;
            let at = TOP + 10.0 + 34.0 * f64::from(row);
            draw_line(
                svg,
                &[(LEFT + WIDTH + 14.0, at), (LEFT + WIDTH + 34.0, at)],
                color,
            )?;
            text(svg, LEFT + WIDTH + 40.0, at + 4.0, "start", &line.name)?;
            let exponent = format!("exponent {:.2}", line.last_exponent());
            text(svg, LEFT + WIDTH + 40.0, at + 18.0, "start", &exponent)?;
        }
        writeln!(svg, "</svg>")
    }
}

fn draw_line(svg: &mut String, places: &[(f64, f64)], color: &str) -> fmt::Result {
    let pairs: Vec<_> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let pairs = pairs.join(" ");
    writeln!(
        svg,
        r#"<polyline points="{pairs}" fill="none" stroke="{color}" stroke-width="2"/>"#
    )?;
    places.iter().try_for_each(|(x, y)| {
        writeln!(
            svg,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{color}"/>"#
        )
    })
}

fn rule(svg: &mut String, [x1, y1, x2, y2]: [f64; 4]) -> fmt::Result {
    writeln!(
        svg,
        r##"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="#dddddd"/>"##
    )
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) -> fmt::Result {
    writeln!(
        svg,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
    )
}

/// Formats a power of ten with commas between thousands.
fn whole(size: f64) -> String {
    match size {
        1e6.. => format!("{:.0},000,000", size / 1e6),
        1e3.. => format!("{:.0},000", size / 1e3),
        _ => format!("{size:.0}"),
    }
}

/// Formats a power of ten of seconds in a suitable unit.
fn seconds(time: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    // Powers of ten are not exact: 10^-3 differs slightly from 0.001.
    let unit = units.into_iter().find(|(unit, _)| time > unit * 0.99);
    let (unit, name) = unit.unwrap_or((1e-9, "ns"));
    match time / unit {
        0.99.. => format!("{:.0} {name}", time / unit),
        part => format!("{part:.1} {name}"),
    }
}

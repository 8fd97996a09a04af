//! How cost grows with size.

use crate::side_by_side::{Subject, measure};

/// What something of one size takes.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// How large.
    pub size: f64,
    /// Seconds.
    pub time: f64,
}

/// What something takes by its size.
#[derive(Debug)]
pub struct Line {
    /// What is done.
    pub name: String,
    /// From small to large.
    pub points: Vec<Point>,
}

impl Line {
    /// Measures something at each of these sizes, in turn. Each is set up before any is measured.
    pub fn measure<R: FnMut()>(
        name: &str,
        rounds: usize,
        sizes: &[u32],
        set_up: impl Fn(u32) -> (u32, R),
    ) -> Self {
        let (sizes, mut subjects): (Vec<_>, Vec<_>) = sizes
            .iter()
            .map(|size| set_up(*size))
            .map(|(size, run)| (size, Subject::calibrated(name, run)))
            .unzip();
        let measured = measure(rounds, 1, &mut subjects);
        let times = (0..sizes.len()).map(|at| measured.time(at).median);
        Self::of(name, sizes.into_iter().zip(times))
    }

    /// Of what was measured elsewhere.
    pub fn of(name: &str, points: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let point = |(size, time)| Point {
            size: f64::from(size),
            time,
        };
        Self {
            name: name.to_owned(),
            points: points.into_iter().map(point).collect(),
        }
    }

    /// The exponent by which cost grows: 1 is in proportion, 0 is not at all. Of all points.
    pub fn exponent(&self) -> f64 {
        slope(&self.points)
    }

    /// The same of the largest: what does not grow hides growth of what is small.
    pub fn last_exponent(&self) -> f64 {
        let largest = self.points.last().map_or(0.0, |point| point.size);
        let is_large = |point: &&Point| point.size * 10.5 >= largest;
        let large: Vec<_> = self.points.iter().filter(is_large).copied().collect();
        slope(&large)
    }
}

/// The slope of the straight line through these points, of all lines the one with the least squares, both axes being logarithmic.
pub fn slope(points: &[Point]) -> f64 {
    let logs = points
        .iter()
        .map(|point| (point.size.log10(), point.time.log10()));
    let count = logs.clone().map(|_| 1.0).sum::<f64>();
    let mean = |of: fn((f64, f64)) -> f64| logs.clone().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|(x, _)| x), mean(|(_, y)| y));
    let both = logs.clone().map(|(a, b)| (a - x) * (b - y)).sum::<f64>();
    let wide = logs.map(|(a, _)| (a - x) * (a - x)).sum::<f64>();
    both / wide
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time: fn(f64) -> f64) -> Line {
        let sizes = [10, 100, 1000, 10_000];
        Line::of("x", sizes.map(|size| (size, time(f64::from(size)))))
    }

    #[test]
    fn the_exponent_is_that_of_the_power() {
        assert!((line(|size| size * 3e-9).exponent() - 1.0).abs() < 1e-9);
        assert!((line(|size| size * size).exponent() - 2.0).abs() < 1e-9);
        assert!(line(|_| 1e-6).exponent().abs() < 1e-9);
    }

    #[test]
    fn what_does_not_grow_does_not_hide_the_growth_of_the_largest() {
        let squares = line(|size| size * size * 1e-9 + 1e-3);
        assert!(squares.exponent() < 1.1);
        assert!(squares.last_exponent() > 1.6);
    }
}

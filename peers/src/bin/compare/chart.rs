//! Charts, drawn as SVG: bars for a figure, lines for one that is taken at several sizes.

use std::fmt::Write as _;

use singleflight_peers::Maker;

use crate::contest::Row;
use crate::figure::{Drawn, Figure};
use crate::report::short;

/// Beyond this, bars are drawn on a logarithmic axis.
const DECADES: f64 = 30.0;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 290.0;
const RIGHT: f64 = 840.0;
const TOP: f64 = 56.0;
const STEP: f64 = 26.0;

/// One for each line; ours comes first.
const COLOURS: [&str; 11] = [
    "#1464aa", "#c8501e", "#2e8b57", "#8a2be2", "#b8860b", "#d6336c", "#00808a", "#6b6b6b",
    "#7a4a1e", "#4b5fd1", "#222222",
];

/// An axis: from values to places in the picture.
struct Axis {
    logarithmic: bool,
    values: (f64, f64),
    places: (f64, f64),
}

impl Axis {
    /// From 0, or from a power of ten if the values span decades.
    fn fitting(values: impl Iterator<Item = f64> + Clone, places: (f64, f64)) -> Self {
        let most = values.clone().fold(f64::MIN_POSITIVE, f64::max);
        let least = values.filter(|value| *value > 0.0).fold(most, f64::min);
        if most / least > DECADES {
            Self::logarithmic(least, most, places)
        } else {
            Self {
                logarithmic: false,
                values: (0.0, most * 1.05),
                places,
            }
        }
    }

    fn logarithmic(least: f64, most: f64, places: (f64, f64)) -> Self {
        let power = |exponent: f64| 10_f64.powf(exponent);
        Self {
            logarithmic: true,
            values: (
                power((least * 0.95).log10().floor()),
                power((most * 1.05).log10().ceil()),
            ),
            places,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        let share = if self.logarithmic {
            (value.max(low) / low).log10() / (high / low).log10()
        } else {
            value.max(low) / high
        };
        self.places.0 + share * (self.places.1 - self.places.0)
    }

    /// Round values along the axis.
    fn ticks(&self) -> Vec<f64> {
        let (low, high) = self.values;
        let (mut ticks, mut tick) = (Vec::new(), low);
        if self.logarithmic {
            while tick <= high * 1.001 {
                ticks.push(tick);
                tick *= 10.0;
            }
        } else {
            let rough = high / 6.0;
            let power = 10_f64.powf(rough.log10().floor());
            let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
            let step = step
                .into_iter()
                .find(|step| *step >= rough)
                .unwrap_or(rough);
            while tick <= high {
                ticks.push(tick);
                tick += step;
            }
        }
        ticks
    }

    fn kind(&self) -> &'static str {
        if self.logarithmic {
            ", logarithmic"
        } else {
            ""
        }
    }
}

/// Draws a bar for each row, the least first.
pub(crate) fn bars(figure: &Figure) -> String {
    let measured = |row: &&Row| row.value.is_finite();
    let mut rows: Vec<&Row> = figure.rows.iter().filter(measured).collect();
    rows.sort_by(|a, b| a.value.total_cmp(&b.value));
    let bottom = TOP + STEP * rows.len() as f64;
    let values = rows.iter().map(|row| row.value);
    let axis = Axis::fitting(values, (LEFT, RIGHT));
    let mut svg = Svg::new(bottom + 64.0, &figure.title);
    for tick in axis.ticks() {
        let place = axis.place(tick);
        svg.line((place, TOP), (place, bottom), "#dddddd", "");
        svg.text((place, bottom + 18.0), "middle", "#222222", &short(tick));
    }
    let what = format!("{}{}: less is better", figure.unit, axis.kind());
    svg.text(
        (f64::midpoint(LEFT, RIGHT), bottom + 42.0),
        "middle",
        "#222222",
        &what,
    );
    for (number, row) in rows.iter().enumerate() {
        let y = TOP + STEP * number as f64;
        let end = axis.place(row.value);
        let colour = match row.maker {
            Maker::Ours => COLOURS[0],
            Maker::Floor => "#222222",
            Maker::Crate | Maker::ByHand | Maker::Elsewhere => "#c9a58f",
        };
        svg.text((LEFT - 8.0, y + 17.0), "end", "#222222", &row.name);
        svg.bar((LEFT, y + 4.0), end - LEFT, STEP - 8.0, colour);
        svg.text((end + 6.0, y + 17.0), "start", "#222222", &short(row.value));
    }
    svg.end()
}

/// Draws a line for each name over the sizes of the figures, both axes logarithmic.
pub(crate) fn lines(name: &str, figures: &[&Figure]) -> String {
    const BOTTOM: f64 = 420.0;
    const LEFT: f64 = 90.0;
    const RIGHT: f64 = 640.0;
    let size = |figure: &Figure| match figure.drawn {
        Drawn::Point { axis, at, .. } => (axis, at),
        Drawn::Bars => ("", 1.0),
    };
    let positive = |value: &f64| *value > 0.0 && value.is_finite();
    let sizes = || figures.iter().map(|figure| size(figure).1);
    let values = || {
        let rows = figures.iter().flat_map(|figure| &figure.rows);
        rows.map(|row| row.value).filter(positive)
    };
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| {
            (least.min(value), most.max(value))
        })
    };
    let (least, most) = bounds(&mut sizes());
    // Sizes are powers of ten themselves.
    let across = Axis::logarithmic(least / 0.95, most / 1.05, (LEFT, RIGHT));
    let (least, most) = bounds(&mut values());
    let up = Axis::logarithmic(least, most, (BOTTOM, TOP));

    let mut svg = Svg::new(BOTTOM + 64.0, name);
    for tick in across.ticks() {
        let place = across.place(tick);
        svg.line((place, TOP), (place, BOTTOM), "#dddddd", "");
        svg.text((place, BOTTOM + 18.0), "middle", "#222222", &short(tick));
    }
    for tick in up.ticks() {
        let place = up.place(tick);
        svg.line((LEFT, place), (RIGHT, place), "#dddddd", "");
        svg.text((LEFT - 6.0, place + 4.0), "end", "#222222", &short(tick));
    }
    let (axis, _) = figures.first().map_or(("", 1.0), |figure| size(figure));
    let axis = format!("{axis}, logarithmic");
    svg.text(
        (f64::midpoint(LEFT, RIGHT), BOTTOM + 42.0),
        "middle",
        "#222222",
        &axis,
    );
    let unit = figures.first().map_or("", |figure| figure.unit);
    let unit = format!("{unit}, logarithmic: less is better");
    svg.text((LEFT, TOP - 10.0), "start", "#222222", &unit);

    let largest = figures.last().map_or(&[][..], |figure| &figure.rows[..]);
    let mut order: Vec<_> = largest.iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| b.value.total_cmp(&a.value));
    for (place, (number, row)) in order.into_iter().enumerate() {
        let (colour, dash) = match row.maker {
            Maker::Floor => ("#222222", "5 4"),
            _ => (COLOURS[number % COLOURS.len()], ""),
        };
        let points: Vec<_> = figures
            .iter()
            .filter_map(|figure| {
                let same = figure.rows.iter().find(|other| other.name == row.name)?;
                let point = (across.place(size(figure).1), up.place(same.value));
                positive(&same.value).then_some(point)
            })
            .collect();
        for pair in points.windows(2) {
            svg.line(pair[0], pair[1], colour, dash);
        }
        for (x, y) in points {
            svg.bar((x - 3.0, y - 3.0), 6.0, 6.0, colour);
        }
        let y = TOP + 12.0 + 20.0 * place as f64;
        svg.line(
            (RIGHT + 16.0, y - 4.0),
            (RIGHT + 40.0, y - 4.0),
            colour,
            dash,
        );
        svg.text((RIGHT + 46.0, y), "start", "#222222", &row.name);
    }
    svg.end()
}

/// A picture in the making.
struct Svg(String);

impl Svg {
    fn new(height: f64, title: &str) -> Self {
        let mut svg = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        ));
        svg.text((WIDTH / 2.0, 26.0), "middle", "#000000", title);
        svg
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: &str, colour: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _infallible = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>"
        );
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, dash: &str) {
        // Ours is to be found at a glance.
        let width = if colour == COLOURS[0] { 3.5 } else { 1.5 };
        let _infallible = writeln!(
            self.0,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" \
             stroke-width=\"{width}\" stroke-dasharray=\"{dash}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    fn bar(&mut self, (x, y): (f64, f64), width: f64, height: f64, colour: &str) {
        let width = width.max(1.0);
        let _infallible = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{colour}\"/>"
        );
    }

    fn end(self) -> String {
        self.0 + "</svg>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_span_decades_are_drawn_by_their_logarithm() {
        let near = Axis::fitting([3.0, 50.0].into_iter(), (0.0, 100.0));
        assert!(!near.logarithmic);
        let far = Axis::fitting([0.0, 3.0, 500.0].into_iter(), (0.0, 100.0));
        assert!(far.logarithmic);
        assert_eq!(far.values, (1.0, 1_000.0));
        assert!((far.place(10.0) - 100.0 / 3.0).abs() < 0.1);
        assert!(far.place(0.0) >= 0.0);
        assert_eq!(far.ticks().len(), 4);
    }

    #[test]
    fn a_chart_names_everybody_and_the_unit() {
        let rows = vec![
            Row::plain("ours", Maker::Ours, 1.0),
            Row::plain("Mutex<HashMap>", Maker::ByHand, 2.0),
        ];
        let point = |at| Drawn::Point {
            of: "many".to_owned(),
            axis: "followers",
            at,
        };
        let figure = Figure::new("one", "One figure", "ns", rows);
        let other = figure.clone().drawn(point(100.0));
        let one = figure.clone().drawn(point(10.0));
        for svg in [bars(&figure), lines("many", &[&one, &other])] {
            for text in ["ours", "Mutex&lt;HashMap>", "ns", "less is better"] {
                assert!(svg.contains(text), "{text}: {svg}");
            }
        }
    }
}

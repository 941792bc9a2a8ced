//! Charts, drawn as SVG: bars for a figure, lines for one that is taken at several sizes.

use std::error::Error;
use std::ops::Range;

use plotters::coord::ranged1d::{AsRangedCoord, SegmentValue, ValueFormatter};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::prelude::{
    BindKeyPoints, ChartBuilder, IntoDrawingArea, IntoLogRange, IntoSegmentedCoord, LineSeries,
    SVGBackend,
};
use plotters::style::{BLACK, Color, RGBColor, WHITE};
use singleflight_peers::Maker;

use crate::contest::Row;
use crate::figure::{Drawn, Figure};
use crate::number::short;

/// Beyond this, bars are drawn on a logarithmic axis.
const DECADES: f64 = 30.0;

const WIDTH: u32 = 960;
/// The room for names: left of bars, right of lines.
const NAMES: u32 = 290;
const STEP: u32 = 26;
const TEXT: (&str, u32) = ("sans-serif", 13);
const HEADING: (&str, u32) = ("sans-serif", 15);
const GRID: RGBColor = RGBColor(221, 221, 221);
const DARK: RGBColor = RGBColor(34, 34, 34);
const PEER: RGBColor = RGBColor(201, 165, 143);

/// One for each line; ours comes first.
const COLOURS: [RGBColor; 11] = [
    RGBColor(20, 100, 170),
    RGBColor(200, 80, 30),
    RGBColor(46, 139, 87),
    RGBColor(138, 43, 226),
    RGBColor(184, 134, 11),
    RGBColor(214, 51, 108),
    RGBColor(0, 128, 138),
    RGBColor(107, 107, 107),
    RGBColor(122, 74, 30),
    RGBColor(75, 95, 209),
    DARK,
];

type Done = Result<(), Box<dyn Error>>;

/// Draws a bar for each row, the least first.
pub(crate) fn bars(figure: &Figure) -> String {
    let mut rows: Vec<&Row> = figure.rows.iter().collect();
    rows.retain(|row| row.value.is_finite());
    // The last is on top.
    rows.sort_by(|a, b| b.value.total_cmp(&a.value));
    let (least, most) = ends(rows.iter().map(|row| row.value));
    let mut svg = String::new();
    let drawn = if most / least > DECADES {
        let decades = decades(least, most);
        let (low, unit) = (decades.start, format!("{}, logarithmic", figure.unit));
        let axis = decades
            .clone()
            .log_scale()
            .with_key_points(powers(&decades));
        draw_bars(&mut svg, figure, &rows, &unit, low, axis)
    } else {
        draw_bars(&mut svg, figure, &rows, figure.unit, 0.0, 0.0..most * 1.05)
    };
    drawn.expect("a picture in memory can be drawn");
    svg
}

fn draw_bars<X>(
    svg: &mut String,
    figure: &Figure,
    rows: &[&Row],
    unit: &str,
    low: f64,
    axis: X,
) -> Done
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    let height = 110 + STEP * u32::try_from(rows.len())?;
    let picture = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    picture.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&picture)
        .caption(&figure.title, HEADING)
        .margin(12)
        .margin_right(80)
        .x_label_area_size(46)
        .y_label_area_size(NAMES)
        .build_cartesian_2d(axis, (0..rows.len().saturating_sub(1)).into_segmented())?;
    let name = |segment: &SegmentValue<usize>| match segment {
        SegmentValue::CenterOf(number) => rows.get(*number).map_or("", |row| &row.name).to_owned(),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_desc(format!("{unit}: less is better"))
        .x_label_formatter(&|value| short(*value))
        .y_labels(rows.len())
        .y_label_formatter(&name)
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .label_style(TEXT)
        .axis_desc_style(TEXT)
        .draw()?;
    for (number, row) in rows.iter().enumerate() {
        let colour = match row.maker {
            Maker::Ours => COLOURS[0],
            Maker::Floor => DARK,
            Maker::Crate | Maker::ByHand | Maker::Elsewhere => PEER,
        };
        let end = row.value.max(low);
        let corners = [
            (low, SegmentValue::Exact(number)),
            (end, SegmentValue::Exact(number + 1)),
        ];
        let mut bar = Rectangle::new(corners, colour.filled());
        bar.set_margin(4, 4, 0, 0);
        chart.draw_series([bar])?;
        let label = Text::new(
            format!(" {}", short(row.value)),
            (end, SegmentValue::CenterOf(number)),
            TEXT,
        );
        chart.draw_series([label])?;
    }
    picture.present()?;
    Ok(())
}

/// Draws a line for each name over the sizes of the figures, both axes logarithmic.
pub(crate) fn lines(name: &str, figures: &[&Figure]) -> String {
    let mut svg = String::new();
    draw_lines(&mut svg, name, figures).expect("a picture in memory can be drawn");
    svg
}

fn draw_lines(svg: &mut String, name: &str, figures: &[&Figure]) -> Done {
    let size = |figure: &Figure| match figure.drawn {
        Drawn::Point { axis, at, .. } => (axis, at),
        Drawn::Bars => ("", 1.0),
    };
    let rows = figures.iter().flat_map(|figure| &figure.rows);
    let (least, most) = ends(rows.map(|row| row.value));
    let up = decades(least, most);
    // Sizes are powers of ten themselves.
    let (few, many) = ends(figures.iter().map(|figure| size(figure).1));
    let across = decades(few / 0.95, many / 1.05);
    let axis = figures.first().map_or("", |figure| size(figure).0);
    let unit = figures.first().map_or("", |figure| figure.unit);

    let picture = SVGBackend::with_string(svg, (WIDTH, 484)).into_drawing_area();
    picture.fill(&WHITE)?;
    let (up_at, across_at) = (powers(&up), powers(&across));
    let mut chart = ChartBuilder::on(&picture)
        .caption(name, HEADING)
        .margin(12)
        .margin_right(NAMES)
        .x_label_area_size(46)
        .y_label_area_size(76)
        .build_cartesian_2d(
            across.log_scale().with_key_points(across_at),
            up.log_scale().with_key_points(up_at),
        )?;
    chart
        .configure_mesh()
        .x_desc(format!("{axis}, logarithmic"))
        .y_desc(format!("{unit}, logarithmic: less is better"))
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .label_style(TEXT)
        .axis_desc_style(TEXT)
        .draw()?;
    let largest = figures.last().map_or(&[][..], |figure| &figure.rows[..]);
    let mut order: Vec<_> = largest.iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| b.value.total_cmp(&a.value));
    let mut y = 56;
    for (number, row) in order {
        let style = match row.maker {
            Maker::Floor => BLACK.stroke_width(1),
            // Ours is to be found at a glance.
            Maker::Ours => COLOURS[number % COLOURS.len()].stroke_width(3),
            _ => COLOURS[number % COLOURS.len()].stroke_width(1),
        };
        let same = |figure: &&Figure| {
            let row = figure.rows.iter().find(|other| other.name == row.name)?;
            is_shown(row.value).then_some((size(figure).1, row.value))
        };
        let points: Vec<_> = figures.iter().filter_map(same).collect();
        chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
        let dot = |point: &(f64, f64)| Circle::new(*point, 3, style.filled());
        chart.draw_series(points.iter().map(dot))?;
        let left = i32::try_from(WIDTH - NAMES)? + 12;
        picture.draw(&PathElement::new([(left, y), (left + 24, y)], style))?;
        picture.draw(&Text::new(row.name.clone(), (left + 30, y - 6), TEXT))?;
        y += 20;
    }
    picture.present()?;
    Ok(())
}

/// Whether a logarithmic axis has a place for it.
fn is_shown(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

/// The least and the most of the values that are shown.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let shown = values.filter(|value| is_shown(*value));
    let (least, most) = shown.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    (least.min(most), most)
}

/// The whole decades around two values.
fn decades(least: f64, most: f64) -> Range<f64> {
    let low = (least * 0.95).log10().floor();
    let high = (most * 1.05).log10().ceil();
    10_f64.powf(low)..10_f64.powf(high)
}

fn powers(decades: &Range<f64>) -> Vec<f64> {
    let powers = (-12..15).map(|power| 10_f64.powi(power));
    // Powers of ten are not exact below one.
    let within = |power: &f64| *power > decades.start * 0.99 && *power < decades.end * 1.01;
    powers.filter(within).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_are_whole_and_their_powers_are_marked() {
        let (least, most) = ends([0.0, 3.0, 500.0, f64::INFINITY].into_iter());
        assert_eq!((least, most), (3.0, 500.0));
        assert_eq!(powers(&decades(least, most)), [1.0, 10.0, 100.0, 1_000.0]);
        assert_eq!(powers(&decades(0.02, 0.05)).len(), 2);
    }

    #[test]
    fn a_chart_names_everybody_and_the_unit() {
        let rows = vec![
            Row::plain("ours", Maker::Ours, 1.0),
            Row::plain("Mutex<HashMap>", Maker::ByHand, 2.0),
            Row::plain("table", Maker::Floor, 500.0),
        ];
        let point = |at| Drawn::Point {
            of: "many".to_owned(),
            axis: "followers",
            at,
        };
        let near = Figure::new("one", "One figure", "ns", rows[..2].to_vec());
        let far = Figure::new("one", "One figure", "ns", rows);
        let other = near.clone().drawn(point(100.0));
        let one = near.clone().drawn(point(10.0));
        for svg in [bars(&near), bars(&far), lines("many", &[&one, &other])] {
            for text in ["ours", "Mutex&lt;HashMap&gt;", "ns", "less is better"] {
                assert!(svg.contains(text), "{text}: {svg}");
            }
        }
    }
}

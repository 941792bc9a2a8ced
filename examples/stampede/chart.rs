//! The chart: the runs in one picture, how long requests took and what the database was asked.

use std::error::Error;

use plotters::coord::Shift;
use plotters::coord::ranged1d::SegmentValue;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::{
    BindKeyPoints, ChartBuilder, DrawingArea, IntoDrawingArea, IntoLogRange, IntoSegmentedCoord,
    LineSeries, SVGBackend, SeriesLabelPosition,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, RGBColor, TextStyle, WHITE};

use crate::failure::Failure;
use crate::tally::Run;

const SIZE: (u32, u32) = (1_000, 480);
/// Where the picture is cut: latencies on the left, queries on the right.
const CUT: u32 = 640;
const COLOURS: [RGBColor; 3] = [
    RGBColor(200, 80, 30),
    RGBColor(20, 100, 170),
    RGBColor(30, 130, 60),
];
const GRID: RGBColor = RGBColor(225, 225, 225);
const TEXT: (&str, u32) = ("sans-serif", 14);
const HEADING: (&str, u32) = ("sans-serif", 16);

/// Something to be drawn of the runs.
#[derive(Debug)]
pub(crate) struct Chart<'a> {
    runs: &'a [&'a Run],
    title: String,
    /// The ends of the axis of latencies, in milliseconds.
    latencies: (f64, f64),
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

impl<'a> Chart<'a> {
    /// Makes the chart; `None` if no request was answered in any run.
    pub(crate) fn new(runs: &'a [&'a Run], title: String) -> Option<Self> {
        let answered = || {
            runs.iter()
                .map(|run| &run.tally)
                .filter(|tally| tally.answered() > 0)
        };
        let least = answered().map(|tally| tally.within(0)).min()?;
        let largest = answered().map(|tally| tally.within(1_000)).max()?;
        Some(Self {
            runs,
            title,
            // A logarithm knows no zero.
            latencies: (millis(least.max(1)) / 1.2, millis(largest.max(1)) * 1.2),
        })
    }

    /// Draws it as SVG.
    pub(crate) fn draw(&self) -> Result<String, Failure> {
        let mut svg = String::new();
        self.draw_on(&SVGBackend::with_string(&mut svg, SIZE).into_drawing_area())
            .map_err(|error| Failure::service(format_args!("cannot draw the chart: {error}")))?;
        Ok(svg)
    }

    fn draw_on(&self, picture: &Area<'_>) -> Drawn {
        picture.fill(&WHITE)?;
        let below = picture.titled(&self.title, HEADING)?;
        let (left, right) = below.split_horizontally(CUT);
        self.draw_latencies(&left)?;
        self.draw_queries(&right)?;
        picture.present()?;
        Ok(())
    }

    /// For each latency, the share of requests that were answered within it.
    fn draw_latencies(&self, area: &Area<'_>) -> Drawn {
        let (low, high) = self.latencies;
        let mut chart = ChartBuilder::on(area)
            .caption(
                "How soon requests were answered (further left is better)",
                HEADING,
            )
            .margin(12)
            .x_label_area_size(46)
            .y_label_area_size(58)
            .build_cartesian_2d(
                (low..high).log_scale().with_key_points(ticks(low, high)),
                0.0..100.0,
            )?;
        chart
            .configure_mesh()
            .x_desc("latency in ms, logarithmic")
            .y_desc("requests answered within it, in %")
            .x_label_formatter(&|millis| format!("{millis}"))
            .y_label_formatter(&|share| format!("{share:.0}"))
            .bold_line_style(GRID)
            .light_line_style(WHITE)
            .label_style(TEXT)
            .axis_desc_style(TEXT)
            .draw()?;
        for (run, colour) in self.runs.iter().zip(COLOURS) {
            if run.tally.answered() == 0 {
                continue;
            }
            let curve = (0..=1_000_u32)
                .map(|share| (millis(run.tally.within(share)), f64::from(share) / 10.0));
            chart
                .draw_series(LineSeries::new(curve, colour.stroke_width(2)))?
                .label(run.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(3))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(GRID)
            .label_font(TEXT)
            .draw()?;
        Ok(())
    }

    /// For each run, the queries that reached the database.
    fn draw_queries(&self, area: &Area<'_>) -> Drawn {
        let most = self
            .runs
            .iter()
            .map(|run| run.queries)
            .max()
            .unwrap_or(0)
            .max(1);
        // Room for the number above the highest bar.
        let top = most + most.div_ceil(10);
        let mut chart = ChartBuilder::on(area)
            .caption("Queries that reached the database", HEADING)
            .margin(12)
            .x_label_area_size(46)
            .y_label_area_size(66)
            .build_cartesian_2d((0..self.runs.len() - 1).into_segmented(), 0..top)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .y_labels(6)
            .y_desc("queries")
            .x_label_formatter(&|segment| match segment {
                SegmentValue::CenterOf(number) => self.runs[*number].name.to_owned(),
                _ => String::new(),
            })
            .bold_line_style(GRID)
            .light_line_style(WHITE)
            .label_style(TEXT)
            .axis_desc_style(TEXT)
            .draw()?;
        let above = TextStyle::from(TEXT.into_font())
            .color(&BLACK)
            .pos(Pos::new(HPos::Center, VPos::Bottom));
        for (number, (run, colour)) in self.runs.iter().zip(COLOURS).enumerate() {
            let mut bar = Rectangle::new(
                [
                    (SegmentValue::Exact(number), 0),
                    (SegmentValue::Exact(number + 1), run.queries),
                ],
                colour.filled(),
            );
            let margin = if self.runs.len() > 2 { 20 } else { 40 };
            bar.set_margin(0, 0, margin, margin);
            let count = Text::new(
                run.queries.to_string(),
                (SegmentValue::CenterOf(number), run.queries + top / 100),
                above.clone(),
            );
            chart.draw_series([bar])?;
            chart.draw_series([count])?;
        }
        Ok(())
    }
}

/// The round numbers between two: the powers of ten, and 2 and 5 times these unless it gets
/// crowded.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let digits: &[f64] = if high / low < 20_000.0 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    (-3..10)
        .flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)))
        .filter(|tick| (low..=high).contains(tick))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "it is a place on a picture")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::{Chart, ticks};
    use crate::tally::Run;
    use crate::tally::tests::run;

    #[test]
    fn both_runs_stand_in_the_picture_with_their_queries() {
        let (without, with) = (
            run("without", 3_000, &[100, 200]),
            run("with", 345, &[10, 20]),
        );
        let runs = [&without, &with];
        let chart = Chart::new(&runs, "a title".to_owned()).unwrap();
        let svg = chart.draw().unwrap();
        for text in ["a title", "without", "with", "3000", "345", "latency in ms"] {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn one_run_alone_can_be_drawn_and_none_cannot() {
        let (cut_short, none) = (run("without", 1, &[0]), Run::new("with"));
        assert!(
            Chart::new(&[&cut_short, &none], String::new())
                .unwrap()
                .draw()
                .is_ok()
        );
        assert!(Chart::new(&[&none, &none], String::new()).is_none());
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.9, 60.0), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
        assert_eq!(ticks(0.9, 60_000.0), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
    }
}

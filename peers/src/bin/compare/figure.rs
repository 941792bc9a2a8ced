//! A figure: everybody's rows, and what ours is held against.

use singleflight_peers::Maker;

use crate::contest::Row;

/// How a figure is drawn.
#[derive(Clone, Debug)]
pub(crate) enum Drawn {
    /// A bar for each.
    Bars,
    /// A point on each one's line in a chart that it shares with the same figure of other
    /// sizes.
    Point {
        /// The name of the chart.
        of: String,
        /// What is on the axis.
        axis: &'static str,
        /// Where on the axis.
        at: f64,
    },
}

/// What ours is held against.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) unit: &'static str,
    pub(crate) peer: String,
    pub(crate) best: f64,
    /// The highest ratio that is good, if there is one.
    pub(crate) bar: Option<f64>,
    pub(crate) executions_per_call: Option<f64>,
}

impl Comparison {
    /// Ours in relation to the best; less is better.
    pub(crate) fn ratio(&self) -> f64 {
        // Two counts of nothing are alike.
        if self.ours == 0.0 && self.best == 0.0 {
            1.0
        } else {
            self.ours / self.best
        }
    }

    /// Whether the bar holds; nothing if there is none.
    pub(crate) fn holds(&self) -> Option<bool> {
        self.bar.map(|bar| self.ratio() <= bar)
    }
}

/// A figure. Less is better in each.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    pub(crate) drawn: Drawn,
    pub(crate) rows: Vec<Row>,
    pub(crate) comparisons: Vec<Comparison>,
}

impl Figure {
    /// Makes a figure; the first row is ours.
    pub(crate) fn new(
        name: impl Into<String>,
        title: impl Into<String>,
        unit: &'static str,
        rows: Vec<Row>,
    ) -> Self {
        assert_eq!(
            rows.first().map(|row| row.maker),
            Some(Maker::Ours),
            "the first row is ours"
        );
        Self {
            name: name.into(),
            title: title.into(),
            unit,
            drawn: Drawn::Bars,
            rows,
            comparisons: Vec::new(),
        }
    }

    pub(crate) fn drawn(mut self, drawn: Drawn) -> Self {
        self.drawn = drawn;
        self
    }

    /// Holds ours against the best of those rows; against none if there are none.
    pub(crate) fn against(
        self,
        what: &str,
        bar: impl Into<Option<f64>>,
        counts: impl Fn(&Row) -> bool,
    ) -> Self {
        self.row_against(0, what, bar, counts)
    }

    /// The same for another row of ours.
    pub(crate) fn row_against(
        mut self,
        row: usize,
        what: &str,
        bar: impl Into<Option<f64>>,
        counts: impl Fn(&Row) -> bool,
    ) -> Self {
        let ours = &self.rows[row];
        let best = self.rows[1..]
            .iter()
            .filter(|row| row.maker != Maker::Ours && row.is_whole() && counts(row))
            .min_by(|a, b| a.value.total_cmp(&b.value));
        if let Some(best) = best {
            self.comparisons.push(Comparison {
                name: format!("{}.{what}", self.name),
                ours: ours.value,
                unit: self.unit,
                peer: best.name.clone(),
                best: best.value,
                bar: bar.into(),
                executions_per_call: ours.executions_per_call,
            });
        }
        self
    }

    /// Holds ours against the floor.
    pub(crate) fn against_floor(self, bar: impl Into<Option<f64>>) -> Self {
        self.against("floor", bar, |row| row.maker == Maker::Floor)
    }

    /// Holds ours against the best of the Rust peers.
    pub(crate) fn against_peers(self, bar: impl Into<Option<f64>>) -> Self {
        self.against("peer", bar, is_peer)
    }

    /// Holds ours against a limit that stands by itself.
    pub(crate) fn within(self, limit: f64) -> Self {
        let unit = self.unit;
        self.row_within(0, "limit", unit, limit, |row| row.value)
    }

    /// Holds what was counted for a row of ours, beside its value, against such a limit.
    pub(crate) fn row_within(
        mut self,
        row: usize,
        what: &str,
        unit: &'static str,
        limit: f64,
        counted: impl Fn(&Row) -> f64,
    ) -> Self {
        let ours = &self.rows[row];
        self.comparisons.push(Comparison {
            name: format!("{}.{what}", self.name),
            ours: counted(ours),
            unit,
            peer: "limit".to_owned(),
            best: limit,
            bar: Some(1.0),
            executions_per_call: ours.executions_per_call,
        });
        self
    }
}

/// Whether it is a crate, or an idiom that people write themselves.
pub(crate) fn is_peer(row: &Row) -> bool {
    matches!(row.maker, Maker::Crate | Maker::ByHand)
}

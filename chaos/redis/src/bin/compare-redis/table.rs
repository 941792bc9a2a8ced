//! The bars, each with what was measured.

use std::fmt;

/// Rows, in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<[String; 4]>);

impl Table {
    /// `holds`: none where there is no bar.
    pub(crate) fn row(&mut self, what: &str, measured: String, bar: &str, holds: Option<bool>) {
        let word = match holds {
            Some(true) => "holds",
            Some(false) => "MISSED",
            None => "",
        };
        println!("{what}: {measured} {word}");
        self.0
            .push([what.to_owned(), measured, bar.to_owned(), word.to_owned()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| what | measured | bar | |\n|---|---|---|---|")?;
        for [what, measured, bar, word] in &self.0 {
            writeln!(f, "| {what} | {measured} | {bar} | {word} |")?;
        }
        Ok(())
    }
}

/// The value below which that many of a thousand are. Sorts.
pub(crate) fn quantile(values: &mut [u64], thousandths: usize) -> u64 {
    values.sort_unstable();
    let index = values.len() * thousandths / 1_000;
    values
        .get(index.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0)
}

/// Nanoseconds as microseconds.
pub(crate) fn micros(nanos: u64) -> String {
    format!("{}.{} us", nanos / 1_000, nanos % 1_000 / 100)
}

/// Nanoseconds as milliseconds.
pub(crate) fn millis(nanos: u64) -> String {
    format!("{}.{:02} ms", nanos / 1_000_000, nanos % 1_000_000 / 10_000)
}

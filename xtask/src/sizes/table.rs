//! A table in Markdown.

use std::fmt;

/// Rows of equal length below a head.
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self {
            head: head.iter().map(|&cell| cell.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }

    /// Adds a column of figures, each to the row that begins with its name.
    pub(crate) fn column(&mut self, head: &str, figures: &[(&str, &str)]) {
        let before = self.head.len();
        self.head.push(head.to_owned());
        for (name, figure) in figures {
            let known = self.rows.iter().position(|row| row[0] == *name);
            let place = known.unwrap_or(self.rows.len());
            if known.is_none() {
                self.rows.push(vec![(*name).to_owned()]);
            }
            let row = &mut self.rows[place];
            row.resize(before, String::new());
            row.push((*figure).to_owned());
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = vec!["---".to_owned(); self.head.len()];
        for row in [&self.head, &rule].into_iter().chain(&self.rows) {
            write!(f, "|")?;
            for place in 0..self.head.len() {
                write!(f, " {} |", row.get(place).map_or("", String::as_str))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_finds_the_rows_that_are_there() {
        let mut table = Table::new(&["figure"]);
        table.column("left", &[("a", "1"), ("b", "2")]);
        table.column("right", &[("b", "3"), ("c", "4")]);
        let expected = "\
| figure | left | right |
| --- | --- | --- |
| a | 1 |  |
| b | 2 | 3 |
| c |  | 4 |
";
        assert_eq!(table.to_string(), expected);
    }
}

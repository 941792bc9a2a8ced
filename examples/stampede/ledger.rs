//! What the database holds, by formula: so that every answer can be checked without it.

use std::ops::RangeInclusive;

/// Rows in the database.
pub(crate) const ROWS: u32 = 200_000;

/// The rows of the database and, for each key, what a query must find.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The total of the first `n` rows, for every `n`.
    totals: Vec<i64>,
    /// Rows that one query reads.
    span: u32,
}

impl Ledger {
    /// Makes the ledger for queries over `span` rows.
    pub(crate) fn new(span: u32) -> Self {
        let mut totals = vec![0];
        let mut total = 0;
        for row in (1..=ROWS).map(Row::numbered) {
            total += row.amount * row.quantity;
            totals.push(total);
        }
        Self { totals, span }
    }

    /// Returns the rows that belong to a key, whatever the key is.
    ///
    /// A hash of the key chooses them: the paths of any log name a real query.
    pub(crate) fn range(&self, key: &str) -> RangeInclusive<u32> {
        let places = u64::from(ROWS - self.span) + 1;
        let first = 1 + u32::try_from(fnv1a(key) % places).expect("there are fewer rows than 2^32");
        first..=first + (self.span - 1)
    }

    /// Returns what a query for a key must find.
    pub(crate) fn sales(&self, key: &str) -> Sales {
        let range = self.range(key);
        let total_to = |row: u32| self.totals[row as usize];
        Sales {
            rows: i64::from(self.span),
            total: total_to(*range.end()) - total_to(range.start() - 1),
        }
    }
}

/// What a query finds: the value that callers share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Sales {
    /// Rows read.
    pub(crate) rows: i64,
    /// The sum of amount times quantity over them.
    pub(crate) total: i64,
}

impl Sales {
    /// Writes the body of the response to a request for `key`.
    pub(crate) fn body(self, key: &str) -> String {
        format!("{} {} {key}\n", self.rows, self.total)
    }
}

/// A row of the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Its number, from 1.
    pub(crate) id: u32,
    /// A price.
    pub(crate) amount: i64,
    /// How many were sold at it.
    pub(crate) quantity: i64,
}

impl Row {
    /// Returns the row with this number.
    pub(crate) fn numbered(id: u32) -> Self {
        let scatter = |factor: i64, modulus: i64| 1 + i64::from(id) * factor % modulus;
        Self {
            id,
            amount: scatter(7_919, 9_973),
            quantity: scatter(104_729, 13),
        }
    }
}

/// The standard library's hasher may change between versions; where a key's rows are should not.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{Ledger, ROWS, Row, Sales};

    #[test]
    fn a_range_has_the_span_and_lies_within_the_rows() {
        for span in [1, 1_000, ROWS] {
            let ledger = Ledger::new(span);
            for key in ["", "/", "/a", "item-1", "item-2", "\u{fffd}"] {
                let range = ledger.range(key);
                assert_eq!(range.end() - range.start() + 1, span);
                assert!(*range.start() >= 1 && *range.end() <= ROWS, "{range:?}");
            }
        }
    }

    #[test]
    fn the_expected_total_is_the_sum_over_the_range() {
        let ledger = Ledger::new(100);
        let by_hand = ledger
            .range("/a")
            .map(Row::numbered)
            .map(|row| row.amount * row.quantity)
            .sum();
        assert_eq!(
            ledger.sales("/a"),
            Sales {
                rows: 100,
                total: by_hand
            }
        );
        assert_ne!(ledger.sales("/a"), ledger.sales("/b"));
    }

    #[test]
    fn a_body_names_the_key_and_what_was_found() {
        assert_eq!(Sales { rows: 2, total: 30 }.body("/a b"), "2 30 /a b\n");
    }
}

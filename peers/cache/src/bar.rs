//! One bar.

/// One figure, and what it is held against.
pub(crate) struct Bar {
    pub(crate) what: &'static str,
    pub(crate) value: f64,
    pub(crate) most: f64,
    pub(crate) unit: &'static str,
    /// What the peers come to.
    pub(crate) beside: String,
}

pub(crate) fn bar(what: &'static str, value: f64, most: f64, unit: &'static str) -> Bar {
    Bar {
        what,
        value,
        most,
        unit,
        beside: String::new(),
    }
}

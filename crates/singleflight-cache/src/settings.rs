//! What an aside goes by.

/// Where a get looks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a look is shared or is not")]
pub enum Look {
    /// Inside a flight: callers for one key at once share one look, and a lone miss costs one get
    /// and one put. For a store on a network.
    #[default]
    Inside,
    /// Before the flight, and again inside it if another load has ended meanwhile: a hit takes no
    /// flight at all, a lone miss costs one get and one put. For a store in this process.
    Both,
}

/// What a get does when the store fails to get.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreDown {
    /// It fails, and the database is not asked: it would not stand the whole load.
    #[default]
    Fail,
    /// It loads, and stores nothing. No more than so many keys are loaded so at once; the other
    /// gets fail.
    Load {
        /// The bound. It holds in this process.
        at_most: usize,
    },
}

/// When a value is refreshed before its time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Early {
    /// It is not.
    #[default]
    Never,
    /// When this share of its time is over: 0.8, say.
    Share(f64),
    /// At random, more probable as its end comes near and where loads take long, so that the
    /// processes that share a store do not refresh at once (Vattani et al., 2015). A `beta` of 1 is
    /// usual; more is earlier.
    XFetch {
        /// The factor on the time that the load took.
        beta: f64,
    },
}

/// What the crate reads while it works. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) fresh_for: u64,
    pub(crate) absent_for: u64,
    pub(crate) stale_for: u64,
    pub(crate) stale_if_error: u64,
    /// A share of 2^32.
    pub(crate) jitter: u32,
    pub(crate) look: Look,
    /// How many loads may be under way while the store is down.
    pub(crate) unprotected: usize,
    pub(crate) early: Early,
    /// The wait after the first failure, and the longest.
    pub(crate) after_failure: (u64, u64),
    pub(crate) clock: fn() -> u64,
}

//! Counts of what a group has done, kept under the shards' locks as plain integers.

use core::ops::AddAssign;

/// What a group has done since it was made, and what it is doing.
///
/// Each shard counts under its own lock, so the counts cost no atomic operation; a sum
/// over the shards is taken shard by shard and is exact once the calls have ended.
///
/// `led + followed + refused` equals the number of calls (a batch counts each of its distinct
/// keys), and once nothing is in flight, `landed + panicked + abandoned` equals the number of
/// leaders, `led + handed_over`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that led when they came: they found no flight, or a vacant one.
    pub led: u64,
    /// Calls that joined a flight when they came, whatever became of them.
    pub followed: u64,
    /// Calls that were refused: the group closed or full, the flight full, the call re-entrant.
    pub refused: u64,
    /// Flights that landed with what their work returned. A shared error counts; one that its
    /// caller kept is `abandoned`.
    pub landed: u64,
    /// Flights that ended with [`LeaderPanicked`](crate::CallError::LeaderPanicked).
    pub panicked: u64,
    /// Leaders that ended without a value for others: dropped, aborted, handed over, failed with
    /// an error that they kept, panicked in a group that hands over, or a key that a batch did
    /// not return.
    pub abandoned: u64,
    /// Followers that led on after a leader was lost. (A new call that claims a vacant
    /// flight has `led`.)
    pub handed_over: u64,
    /// Flights that were forgotten.
    pub forgotten: u64,
    /// The most followers that one flight has had at one time.
    pub most_followers: u64,
    /// Flights in the table now, the forgotten ones included.
    pub in_flight: u64,
    /// Of those, how many are forgotten, or [closed](crate::Leader::close_to_newcomers) by their
    /// leader.
    pub in_flight_forgotten: u64,
}

impl Stats {
    pub(crate) const ZERO: Self = Self {
        led: 0,
        followed: 0,
        refused: 0,
        landed: 0,
        panicked: 0,
        abandoned: 0,
        handed_over: 0,
        forgotten: 0,
        most_followers: 0,
        in_flight: 0,
        in_flight_forgotten: 0,
    };
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        let Self {
            led,
            followed,
            refused,
            landed,
            panicked,
            abandoned,
            handed_over,
            forgotten,
            most_followers,
            in_flight,
            in_flight_forgotten,
        } = other;
        self.led += led;
        self.followed += followed;
        self.refused += refused;
        self.landed += landed;
        self.panicked += panicked;
        self.abandoned += abandoned;
        self.handed_over += handed_over;
        self.forgotten += forgotten;
        self.most_followers = self.most_followers.max(most_followers);
        self.in_flight += in_flight;
        self.in_flight_forgotten += in_flight_forgotten;
    }
}

//! The promises of a front end, as scenarios.

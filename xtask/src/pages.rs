//! The pages of this repository whose examples nothing else compiles, as doctests.

/// The page that a visitor sees first.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

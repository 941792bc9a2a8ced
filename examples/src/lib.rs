//! Programs that use the front ends.

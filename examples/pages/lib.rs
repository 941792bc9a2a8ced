//! The pages whose programs are compiled and run, as doctests: `cargo test --doc -p
//! singleflight-pages`.

#[cfg(doctest)]
#[doc = include_str!("../../docs/cookbook.md")]
mod cookbook {}

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
mod guide {}

//! What a landing leaves for those who wait: a letter, and what it is about.

use std::any::Any;

use crate::codec::Codec;
use crate::error::CallError;
use crate::outcome::Alone;

/// How much of a panic's text crosses.
const PANIC_BYTES: usize = 256;

/// What a work returned. `None`: it does not cross, and a marker says so.
pub(crate) fn of_value<V: 'static>(
    value: &V,
    codec: &dyn Codec<V>,
    at_most: usize,
) -> Option<Vec<u8>> {
    let bytes = codec.encode(value).ok()?;
    (bytes.len() <= at_most).then(|| [b"V", bytes.as_slice()].concat())
}

/// In place of a value that does not cross.
pub(crate) const TOO_LARGE: &[u8] = b"L";

/// How a work panicked.
pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Vec<u8> {
    let text = panic.downcast_ref::<&'static str>().copied();
    let text = text.or(panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("Box<dyn Any>").as_bytes();
    [b"P", &text[..text.len().min(PANIC_BYTES)]].concat()
}

/// How often works have failed in a row, when that was the end. Written by ABANDON.
pub(crate) fn failures(payload: &[u8]) -> Option<usize> {
    let count = payload.strip_prefix(b"F")?;
    std::str::from_utf8(count).ok()?.parse().ok()
}

/// What a landing says to those who wait: a value, or why there is none. An `Err` is for whoever
/// cannot take it.
pub(crate) fn read<V: 'static>(
    payload: &[u8],
    codec: &dyn Codec<V>,
    at_most: usize,
) -> Result<Result<V, CallError>, Alone> {
    if let Some(failures) = failures(payload) {
        return Ok(Err(CallError::TooManyFailures { failures }));
    }
    match payload.split_first() {
        Some((b'V', bytes)) if bytes.len() <= at_most => {
            Ok(Ok(codec.decode(bytes).map_err(|_| Alone::Undecodable)?))
        }
        Some((b'V' | b'L', _)) => Err(Alone::TooLarge),
        Some((b'P', text)) => {
            let text = String::from_utf8_lossy(&text[..text.len().min(PANIC_BYTES)]);
            Ok(Err(CallError::LeaderPanicked(text.into())))
        }
        _ => Err(Alone::Undecodable),
    }
}

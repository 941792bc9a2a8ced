//! How values become bytes. What comes from Redis is input: it is bounded, and decoding may fail.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error;
use std::str;
use std::sync::Arc;

use crate::error::CallError;
use crate::outcome::Alone;

/// Makes bytes of values and values of bytes.
///
/// What is decoded comes from outside: it has at most the group's
/// [`max_value`](crate::Builder::max_value) bytes, and a codec must bear every one of them without a
/// panic and without taking more memory than they justify. A value that cannot be decoded costs the
/// process an execution of its own, never an error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no codec for values of type `{V}`",
    label = "expected a `Codec<{V}>`",
    note = "`Raw` is one for bytes and text, `Postcard` and `Json` (features `postcard`, `serde-json`) for what serde can read and write",
    note = "under a cache the codec is `Landed(Postcard)` or `Landed(Json)`"
)]
pub trait Codec<V>: Send + Sync + 'static {
    /// Makes the bytes of a value.
    ///
    /// # Errors
    ///
    /// If the value has none. It is then shared within its process only.
    fn encode(&self, value: &V) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

    /// Makes the value of bytes.
    ///
    /// # Errors
    ///
    /// If they are not those of a value.
    fn decode(&self, bytes: &[u8]) -> Result<V, Box<dyn Error + Send + Sync>>;
}

/// Values that are bytes or text already.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing in it")]
pub struct Raw;

/// A borrow of the value is its bytes, and it is made of a borrow of them.
macro_rules! raw {
    ($($value:ty: $of:expr;)*) => {$(
        impl Codec<$value> for Raw {
            fn encode(&self, value: &$value) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
                Ok(AsRef::<[u8]>::as_ref(&**value).to_vec())
            }

            fn decode(&self, bytes: &[u8]) -> Result<$value, Box<dyn Error + Send + Sync>> {
                Ok($of(bytes)?.into())
            }
        }
    )*};
}

raw! {
    Vec<u8>: Ok::<_, Infallible>;
    Arc<[u8]>: Ok::<_, Infallible>;
    String: str::from_utf8;
    Arc<str>: str::from_utf8;
}

/// Values of any serde type, as postcard.
#[cfg(feature = "postcard")]
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing in it")]
pub struct Postcard;

#[cfg(feature = "postcard")]
impl<V: serde::Serialize + serde::de::DeserializeOwned> Codec<V> for Postcard {
    fn encode(&self, value: &V) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(postcard::to_allocvec(value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, Box<dyn Error + Send + Sync>> {
        // Bytes that are left belong to another schema.
        match postcard::take_from_bytes(bytes)? {
            (value, []) => Ok(value),
            (_, rest) => Err(format!("{} bytes are left", rest.len()).into()),
        }
    }
}

/// Values of any serde type, as JSON.
#[cfg(feature = "serde-json")]
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing in it")]
pub struct Json;

#[cfg(feature = "serde-json")]
impl<V: serde::Serialize + serde::de::DeserializeOwned> Codec<V> for Json {
    fn encode(&self, value: &V) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(serde_json::to_vec(value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, Box<dyn Error + Send + Sync>> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// How much of a panic's text crosses.
const PANIC_BYTES: usize = 256;

/// What is landed of a value: a letter and its bytes. `None`: it does not cross.
pub(crate) fn value<V: 'static>(
    value: &V,
    codec: &dyn Codec<V>,
    at_most: usize,
) -> Option<Vec<u8>> {
    let bytes = codec.encode(value).ok()?;
    (bytes.len() <= at_most).then(|| [b"V", bytes.as_slice()].concat())
}

/// What is landed in place of a value that does not cross.
pub(crate) const TOO_LARGE: &[u8] = b"L";

/// What is landed of a panic.
pub(crate) fn panic(panic: &(dyn Any + Send)) -> Vec<u8> {
    let text = panic.downcast_ref::<&'static str>().copied();
    let text = text.or(panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("Box<dyn Any>").as_bytes();
    [b"P", &text[..text.len().min(PANIC_BYTES)]].concat()
}

/// How many works failed in a row, where ABANDON has found them too many.
pub(crate) fn failures(payload: &[u8]) -> Option<usize> {
    let count = payload.strip_prefix(b"F")?;
    str::from_utf8(count).ok()?.parse().ok()
}

/// What was landed: a value, or why there is none; or why this process has to make its own.
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

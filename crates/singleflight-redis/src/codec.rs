//! How values become bytes. What comes from Redis is input: it is bounded, and decoding may fail.

use std::error::Error;

/// Makes bytes of values and values of bytes.
///
/// What is decoded comes from outside: it has at most the group's
/// [`max_value`](crate::Builder::max_value) bytes, and a codec must bear every one of them without a
/// panic and without taking more memory than they justify. A value that cannot be decoded costs the
/// process an execution of its own, never an error.
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

impl Codec<Vec<u8>> for Raw {
    fn encode(&self, value: &Vec<u8>) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(value.clone())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(bytes.to_vec())
    }
}

impl Codec<String> for Raw {
    fn encode(&self, value: &String) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(value.clone().into_bytes())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, Box<dyn Error + Send + Sync>> {
        Ok(std::str::from_utf8(bytes)?.to_owned())
    }
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

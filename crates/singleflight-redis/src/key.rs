//! How a key becomes bytes, and bytes become names in Redis.

use std::borrow::Cow;
use std::sync::Arc;

/// A key, as the bytes that tell it apart from every other key of its group.
///
/// Equal keys must give equal bytes, and different keys different ones. `Borrow`ed forms (`str` for
/// `String`) give the same bytes as what they are borrowed from.
///
/// # Examples
///
/// ```
/// use singleflight_redis::KeyBytes;
///
/// struct Tenant(u32, String);
///
/// impl KeyBytes for Tenant {
///     fn write(&self, bytes: &mut Vec<u8>) {
///         (self.0, self.1.as_str()).write(bytes);
///     }
/// }
///
/// let mut bytes = Vec::new();
/// Tenant(7, "profile".to_owned()).write(&mut bytes);
/// assert!(!bytes.is_empty());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say by which bytes it is known in Redis",
    label = "expected a type that is `KeyBytes`",
    note = "for a type of yours: `impl KeyBytes for …`, with its fields as a tuple: `(self.0, &self.1).write(bytes)`"
)]
pub trait KeyBytes {
    /// Appends the key's bytes.
    fn write(&self, bytes: &mut Vec<u8>);
}

macro_rules! as_bytes {
    ($($type:ty),*) => {$(
        impl KeyBytes for $type {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(self.as_ref());
            }
        }
    )*};
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl KeyBytes for $type {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(self.to_string().as_bytes());
            }
        }
    )*};
}

/// A pointer gives the bytes of what it points to.
macro_rules! as_target {
    ($($pointer:ty),*) => {$(
        impl<T: KeyBytes + ?Sized> KeyBytes for $pointer {
            fn write(&self, bytes: &mut Vec<u8>) {
                (**self).write(bytes);
            }
        }
    )*};
}

as_bytes!(str, String, [u8], Vec<u8>);
as_text!(
    bool, char, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize
);
as_target!(&T, Arc<T>, Box<T>);

impl<T: KeyBytes + ToOwned + ?Sized> KeyBytes for Cow<'_, T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        (**self).write(bytes);
    }
}

impl<const N: usize> KeyBytes for [u8; N] {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.as_slice().write(bytes);
    }
}

/// Each part but the last with its length in front: `("a", "bc")` is not `("ab", "c")`.
impl<A: KeyBytes, B: KeyBytes> KeyBytes for (A, B) {
    fn write(&self, bytes: &mut Vec<u8>) {
        let mut part = Vec::new();
        self.0.write(&mut part);
        bytes.extend_from_slice(part.len().to_string().as_bytes());
        bytes.push(b'.');
        bytes.extend_from_slice(&part);
        self.1.write(bytes);
    }
}

impl<A: KeyBytes, B: KeyBytes, C: KeyBytes> KeyBytes for (A, B, C) {
    fn write(&self, bytes: &mut Vec<u8>) {
        (&self.0, (&self.1, &self.2)).write(bytes);
    }
}

impl<A: KeyBytes, B: KeyBytes, C: KeyBytes, D: KeyBytes> KeyBytes for (A, B, C, D) {
    fn write(&self, bytes: &mut Vec<u8>) {
        (&self.0, (&self.1, (&self.2, &self.3))).write(bytes);
    }
}

/// The version of the scripts. Two versions do not meet.
const PROTOCOL: &[u8] = b"sf1:";

/// Tells a flight apart from every other, on every machine.
pub(crate) type Id = [u8; 16];

/// How the keys of a group are named.
pub(crate) struct Names {
    /// What every name begins with, up to the key.
    prefix: Vec<u8>,
    /// Makes of a key's bytes what stands in Redis.
    pub(crate) hash: Option<Hash>,
}

pub(crate) type Hash = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

impl Names {
    pub(crate) fn new(namespace: &str) -> Self {
        // The hash tag must not be empty, or a cluster would spread the names of one key.
        let mut prefix = PROTOCOL.to_vec();
        escape(namespace.as_bytes(), &mut prefix);
        prefix.extend_from_slice(b"{=");
        Self { prefix, hash: None }
    }

    pub(crate) fn slot<K: KeyBytes + ?Sized>(&self, key: &K) -> Slot {
        let mut bytes = Vec::new();
        key.write(&mut bytes);
        if let Some(hash) = &self.hash {
            bytes = hash(&bytes);
        }
        let mut name = Vec::with_capacity(self.prefix.len() + bytes.len() + 1);
        name.extend_from_slice(&self.prefix);
        escape(&bytes, &mut name);
        name.push(b'}');
        Slot(name.into())
    }
}

/// Braces would end the hash tag; the percent sign escapes.
fn escape(bytes: &[u8], escaped: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'{' => escaped.extend_from_slice(b"%7B"),
            b'}' => escaped.extend_from_slice(b"%7D"),
            b'%' => escaped.extend_from_slice(b"%25"),
            _ => escaped.push(byte),
        }
    }
}

/// A name in Redis, in two parts.
pub(crate) type Name<'a> = [&'a [u8]; 2];

/// The names of one key: its lease, and with an ending its results and marks.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Slot(pub(crate) Arc<[u8]>);

impl Slot {
    pub(crate) fn lease(&self) -> Name<'_> {
        [&self.0, b""]
    }

    pub(crate) fn result<'a>(&'a self, id: &'a Id) -> Name<'a> {
        let is_planted = crate::seeds::planted("result-under-key");
        [&self.0, if is_planted { b"r" } else { id }]
    }

    pub(crate) fn marks(&self) -> Name<'_> {
        [&self.0, b"m"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(key: &impl KeyBytes) -> Vec<u8> {
        let mut bytes = Vec::new();
        key.write(&mut bytes);
        bytes
    }

    #[test]
    fn parts_of_a_tuple_do_not_run_into_each_other() {
        assert_ne!(bytes(&("a", "bc")), bytes(&("ab", "c")));
        assert_ne!(bytes(&("1.a", "b")), bytes(&("1", "a1.b")));
        assert_ne!(bytes(&("a", "b", "c")), bytes(&("a", "bc", "")));
    }

    #[test]
    fn what_a_key_is_kept_in_does_not_matter() {
        let text = String::from("a");
        for held in [
            bytes(&"a"),
            bytes(&Arc::<str>::from("a")),
            bytes(&Box::<str>::from("a")),
            bytes(&Cow::Borrowed("a")),
            bytes(b"a"),
            bytes(&'a'),
        ] {
            assert_eq!(held, bytes(&text));
        }
        assert_ne!(bytes(&("a", true, 1, 2)), bytes(&("a", false, 1, 2)));
    }

    #[test]
    fn no_key_empties_or_ends_the_hash_tag() {
        for key in ["", "}", "{}", "}x{", "a}b", "%7D"] {
            let slot = Names::new("n{s}").slot(key);
            let name = slot.result(&[b'}'; 16]).concat();
            let open = name.iter().position(|&byte| byte == b'{');
            let tag = &name[open.expect("a tag opens") + 1..];
            let end = tag.iter().position(|&byte| byte == b'}');
            assert_eq!(end, Some(slot.0.len() - "sf1:n%7Bs%7D{=".len()), "{key}");
        }
        let slot = |key: &str| Names::new("n").slot(key);
        assert_ne!(slot("}"), slot("%7D"));
    }
}

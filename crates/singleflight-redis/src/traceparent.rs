//! Which execution a span links to: a W3C `traceparent`, as text. From Redis it is input.

use std::sync::Arc;

/// Tells where a caller is: given by the user.
pub(crate) type Tell = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// The text, if it is one: `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits, all of them hexadecimal in
/// lower case, and neither id zero.
pub(crate) fn read(bytes: &[u8]) -> Option<Arc<str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let ids = text.strip_prefix("00-")?;
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let mut left = ids.split('-');
    for length in [32, 16, 2] {
        let part = left.next()?;
        let is_id = length == 2 || part.bytes().any(|digit| digit != b'0');
        if part.len() != length || !part.as_bytes().iter().all(is_digit) || !is_id {
            return None;
        }
    }
    left.next().is_none().then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_sound_is_read() {
        assert_eq!(read(SOUND.as_bytes()).as_deref(), Some(SOUND));
    }

    #[test]
    fn what_is_not_sound_is_none() {
        let zero = |part: &str| SOUND.replace(part, &"0".repeat(part.len()));
        let long = format!("{SOUND}-{}", "0".repeat(1 << 20));
        for text in [
            "",
            "00-",
            &SOUND[..54],
            &format!("{SOUND}0"),
            &format!("{SOUND}-"),
            &format!("{SOUND}-00"),
            &format!(" {SOUND}"),
            &long,
            &SOUND.to_uppercase(),
            &SOUND.replace("00-", "ff-"),
            &SOUND.replace("00-", "01-"),
            &SOUND.replace('-', "_"),
            &SOUND.replace("0af", "0ag"),
            &SOUND.replace("0af", "+af"),
            &SOUND.replace("-b7", "b-7"),
            &zero("0af7651916cd43dd8448eb211c80319c"),
            &zero("b7ad6b7169203331"),
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text:.80}");
        }
        let mut bytes = SOUND.as_bytes().to_vec();
        bytes[54] = 0xff;
        assert_eq!(read(&bytes), None);
        // As many bytes, in fewer characters.
        let wide = SOUND.replace("b7ad", "\u{e9}\u{e9}");
        assert_eq!(read(wide.as_bytes()), None);
    }
}

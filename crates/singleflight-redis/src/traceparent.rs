//! Which execution a span links to: a W3C `traceparent`, as text. From Redis it is input.

use std::sync::Arc;

/// Tells where a caller is: given by the user.
pub(crate) type Tell = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// What it looks like: version 00, the trace, the span, flags. `x` is a digit.
const FORM: &[u8; 55] = b"00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";

/// The text, if it is one: digits are hexadecimal in lower case, and neither id is zero.
pub(crate) fn read(bytes: &[u8]) -> Option<Arc<str>> {
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        form => byte == form,
    };
    let is_zero = |id: &[u8]| id.iter().all(|&digit| digit == b'0');
    let is_sound = bytes.len() == FORM.len()
        && bytes.iter().zip(FORM).all(fits)
        && !is_zero(&bytes[3..35])
        && !is_zero(&bytes[36..52]);
    is_sound.then(|| String::from_utf8_lossy(bytes).into())
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

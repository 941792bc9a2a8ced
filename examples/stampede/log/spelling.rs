//! One way to write the bytes of a log: the same bytes read the same, and others do not.
//!
//! Servers escape the bytes that could break a line, each in its own way: a quote is `\"` to
//! Apache and `\x22` to nginx, and some servers escape nothing at all.

/// Stands for a backslash that begins no escape. No server that escapes writes one, so it is kept
/// apart from one that was escaped.
const LONE_BACKSLASH: &str = r"\-";

/// Appends the bytes that `field` stands for: visible ASCII as it is, everything else, and the
/// backslash, as `\xff`.
pub(crate) fn spell(field: &[u8], text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let meant = match first {
            b'\\' => unescape(after),
            byte => Some((*byte, after)),
        };
        let Some((byte, after)) = meant else {
            text.push_str(LONE_BACKSLASH);
            rest = after;
            continue;
        };
        if byte.is_ascii_graphic() && byte != b'\\' {
            text.push(char::from(byte));
        } else {
            text.push_str(r"\x");
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        rest = after;
    }
}

/// Reads what follows a backslash: the byte that is meant, and what comes after it.
fn unescape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (letter, after) = rest.split_first()?;
    let byte = match letter {
        b'"' | b'\\' => *letter,
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 0x0b,
        b'r' => b'\r',
        b'x' => {
            let (digits, after) = after.split_first_chunk()?;
            return Some((hexadecimal(*digits)?, after));
        }
        _ => return None,
    };
    Some((byte, after))
}

fn hexadecimal(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::spell;

    fn spelled(field: &[u8]) -> String {
        let mut text = String::new();
        spell(field, &mut text);
        text
    }

    /// Bytes as Apache writes them.
    fn apache(bytes: &[u8]) -> Vec<u8> {
        let mut field = Vec::new();
        for byte in bytes {
            match byte {
                b'"' | b'\\' => field.extend([b'\\', *byte]),
                0x08 => field.extend(br"\b"),
                b'\t' => field.extend(br"\t"),
                b'\n' => field.extend(br"\n"),
                0x0b => field.extend(br"\v"),
                b'\r' => field.extend(br"\r"),
                b' '..=b'~' => field.push(*byte),
                _ => field.extend(format!("\\x{byte:02x}").bytes()),
            }
        }
        field
    }

    /// Bytes as nginx writes them.
    fn nginx(bytes: &[u8]) -> Vec<u8> {
        let mut field = Vec::new();
        for byte in bytes {
            match byte {
                b'"' | b'\\' | 0..=0x1f | 0x7f.. => {
                    field.extend(format!("\\x{byte:02X}").bytes());
                }
                _ => field.push(*byte),
            }
        }
        field
    }

    /// Every text of up to `most` of these bytes.
    fn texts(letters: &[u8], most: usize) -> Vec<Vec<u8>> {
        let mut all = vec![Vec::new()];
        let mut longest = all.clone();
        for _ in 0..most {
            longest = longest
                .iter()
                .flat_map(|text| letters.iter().map(|letter| [text, &[*letter][..]].concat()))
                .collect();
            all.extend(longest.iter().cloned());
        }
        all
    }

    #[test]
    fn visible_text_stays_as_it_is() {
        assert_eq!(spelled(b"/a.gif?b=%20~c"), "/a.gif?b=%20~c");
        assert_eq!(spelled(b"/a b\\\xff"), r"/a\x20b\-\xff");
    }

    #[test]
    fn servers_that_escape_differently_are_spelled_alike() {
        let every_byte: Vec<u8> = (0..=255).collect();
        for text in texts(b"\\\"xa0\xff\n ", 4).iter().chain([&every_byte]) {
            assert_eq!(spelled(&apache(text)), spelled(&nginx(text)), "{text:?}");
        }
    }

    #[test]
    fn different_bytes_are_spelled_differently() {
        for server in [apache, nginx] {
            let mut seen = HashMap::new();
            for text in texts(b"\\\"x4a- \xff", 5) {
                let other = seen.insert(spelled(&server(&text)), text.clone());
                assert_eq!(other, None, "{text:?}");
            }
        }
    }

    #[test]
    fn a_backslash_that_begins_no_escape_is_no_escaped_one() {
        for (lone, escaped) in [
            (&br"\q"[..], &br"\\q"[..]),
            (br"\", br"\\"),
            (br"\x", br"\\x"),
            (br"\x5\x63", br"\\"),
            (br"\xg0", br"\\xg0"),
            (br"\-", br"\\-"),
        ] {
            assert_ne!(spelled(lone), spelled(escaped));
        }
        assert_eq!(spelled(br"\x5\x63"), r"\-x5c");
    }
}

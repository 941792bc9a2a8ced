//! Files that are no text, told by their first bytes or by their NULs.

use std::fmt;

/// A file that must become text first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Foreign {
    /// A packed file, and the command that unpacks it.
    Packed(&'static str, &'static str),
    /// A text of wide characters, and the name of its encoding.
    Wide(&'static str),
    /// NULs in this line.
    Nul(usize),
}

/// How packed files begin.
const PACKED: [(&[u8], Foreign); 7] = [
    (b"\x1f\x8b", Foreign::Packed("gzip", "zcat")),
    (b"\x1f\x9d", Foreign::Packed("compress", "zcat")),
    (b"BZh", Foreign::Packed("bzip2", "bzcat")),
    (b"\xfd7zXZ\0", Foreign::Packed("xz", "xzcat")),
    (b"\x28\xb5\x2f\xfd", Foreign::Packed("zstd", "zstdcat")),
    (b"\x04\x22\x4d\x18", Foreign::Packed("lz4", "lz4cat")),
    (b"PK\x03\x04", Foreign::Packed("zip", "unzip -p")),
];

/// How texts of wide characters begin. One mark is the beginning of another, which comes first.
const MARKS: [(&[u8], Foreign); 4] = [
    (b"\xff\xfe\0\0", Foreign::Wide("UTF-32")),
    (b"\0\0\xfe\xff", Foreign::Wide("UTF-32")),
    (b"\xff\xfe", Foreign::Wide("UTF-16")),
    (b"\xfe\xff", Foreign::Wide("UTF-16")),
];

impl Foreign {
    /// Tells what a file is by its first line, or the beginning of it.
    pub(crate) fn begins(line: &[u8]) -> Option<Self> {
        // A host may be called BZh; the name of a packed file goes on with bytes that are no text.
        let is_text = line
            .iter()
            .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        let mut kinds = PACKED.iter().chain(&MARKS);
        let (_, kind) = kinds.find(|(beginning, _)| line.starts_with(beginning))?;
        (!is_text).then_some(*kind)
    }

    /// Tells what a file is that has NULs in this line.
    pub(crate) fn with_nul(line: &[u8], number: usize) -> Self {
        let nuls_at = |odd: usize| {
            let every_other = line.iter().skip(odd).step_by(2);
            every_other.filter(|byte| **byte == 0).count()
        };
        // ASCII in wide characters: nearly every second byte is a NUL, and no other is.
        let is_wide = |nuls: usize| nuls * 3 > line.len() && nuls < line.len();
        match (nuls_at(0), nuls_at(1)) {
            (0, nuls) if is_wide(nuls) => Self::Wide("UTF-16LE"),
            (nuls, 0) if is_wide(nuls) => Self::Wide("UTF-16BE"),
            _ => Self::Nul(number),
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed(name, command) => write!(
                f,
                "it is {name}: unpack it first, for example {command} FILE | stampede --log -"
            ),
            Self::Wide(encoding) => {
                let name = encoding.trim_end_matches("LE").trim_end_matches("BE");
                write!(
                    f,
                    "it is {name}: convert it first, for example iconv -f {encoding} -t UTF-8 FILE \
                     | stampede --log -"
                )
            }
            Self::Nul(line) => write!(f, "it is no text: line {line} holds NUL bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Foreign;

    #[test]
    fn a_text_is_not_taken_for_a_packed_file() {
        for line in [
            &b"BZh - - [17/May/2015:10:05:03 +0000]"[..],
            b"PK",
            b"",
            b"\xff - -",
        ] {
            assert_eq!(Foreign::begins(line), None);
        }
        assert_eq!(
            Foreign::begins(b"BZh91AY&SY\x1b"),
            Some(Foreign::Packed("bzip2", "bzcat"))
        );
    }

    #[test]
    fn nuls_tell_wide_characters_from_other_files() {
        for (line, kind) in [
            (&b"a\0b\0\n"[..], Foreign::Wide("UTF-16LE")),
            (b"\0a\0b\0\n", Foreign::Wide("UTF-16BE")),
            (b"a\0b\0\xe9\x20c\0d\0", Foreign::Wide("UTF-16LE")),
            (b"\0\0\0\0", Foreign::Nul(7)),
            (b"abcdefgh\0", Foreign::Nul(7)),
            (b"\0", Foreign::Nul(7)),
        ] {
            assert_eq!(Foreign::with_nul(line, 7), kind, "{line:?}");
        }
    }
}

//! The fields before the time: `[site[:port]] host ident user`.

use std::net::Ipv6Addr;
use std::str;

use super::complaint::Complaint;
use super::request::{is_blank, trim};

/// Which site was asked, and who asked, as far as the log has them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Origin<'a> {
    /// The virtual host and its port. The common and the combined format do not have it.
    pub(crate) site: Option<&'a [u8]>,
    /// The name by which a client logged in. It may hold blanks.
    pub(crate) user: Option<&'a [u8]>,
}

impl<'a> Origin<'a> {
    /// Reads the fields.
    ///
    /// More than three words are a site and three fields, or a user with blanks in its name. Where
    /// both is possible, the first word is taken for a site, and the user for all that it may be:
    /// to keep apart what belongs together makes no figure better than it is.
    pub(crate) fn parse(fields: &'a [u8]) -> Result<Self, Complaint<'a>> {
        let (first, rest) = word(fields);
        let (second, after_second) = word(rest);
        let (third, after_third) = word(after_second);
        let has_site = !trim(after_third).is_empty()
            && first != NONE
            && (third == NONE || second != NONE || has_port(first));
        let user = if has_site && third == NONE {
            after_third
        } else {
            after_second
        };
        match trim(user) {
            b"" => Err(Complaint::FewFields),
            word => Ok(Self {
                site: has_site.then_some(first),
                user: (word != NONE).then(|| between_blanks(user)),
            }),
        }
    }
}

/// Stands for a field that a server does not know.
const NONE: &[u8] = b"-";

/// Whether this is `a.example:443`, and not an address whose last part is a number.
fn has_port(word: &[u8]) -> bool {
    let Some(colon) = word.iter().rposition(|byte| *byte == b':') else {
        return false;
    };
    let (name, port) = (&word[..colon], &word[colon + 1..]);
    let is_address = str::from_utf8(word).is_ok_and(|word| word.parse::<Ipv6Addr>().is_ok());
    !name.is_empty() && !port.is_empty() && port.iter().all(u8::is_ascii_digit) && !is_address
}

/// Splits after the first word.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let begin = text.iter().position(|byte| !is_blank(*byte));
    let text = &text[begin.unwrap_or(text.len())..];
    let end = text.iter().position(|byte| is_blank(*byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// Takes off the one blank that separates a field from the next. Others are part of it.
fn between_blanks(field: &[u8]) -> &[u8] {
    let field = field.strip_prefix(b" ").unwrap_or(field);
    field.strip_suffix(b" ").unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use super::{Complaint, Origin};

    #[test]
    fn fields_give_site_and_user() {
        for (fields, site, user) in [
            ("- - -", "", ""),
            ("192.0.2.1 - - ", "", ""),
            ("192.0.2.1 - ann", "", "ann"),
            ("192.0.2.1 ident ann", "", "ann"),
            ("192.0.2.1 - John  Smith ", "", "John  Smith"),
            ("192.0.2.1 - John - Smith", "", "John - Smith"),
            ("192.0.2.1 -  ann  ", "", " ann "),
            ("192.0.2.1  -  -  ", "", ""),
            ("192.0.2.1 ident John Smith", "192.0.2.1", "John Smith"),
            ("192.0.2.1 j.s John Smith", "192.0.2.1", "John Smith"),
            ("intranet client ident ann", "intranet", "ident ann"),
            ("- ident John Smith", "", "John Smith"),
            ("192.0.2.1 - \"\"", "", "\"\""),
            ("2001:db8::1 - John Smith", "", "John Smith"),
            ("::ffff:192.0.2.1 - John Smith", "", "John Smith"),
            ("[2001:db8::1] - John Smith", "", "John Smith"),
            ("unix: - John Smith", "", "John Smith"),
            ("a.example:443 - -", "", ""),
            ("a.example 192.0.2.1 - -", "a.example", ""),
            ("a.example - - ann", "a.example", "ann"),
            ("localhost host - John Smith", "localhost", "John Smith"),
            ("a.example:443 192.0.2.1 - -", "a.example:443", ""),
            (
                "a.example:443 - - John Smith",
                "a.example:443",
                "John Smith",
            ),
            (
                "a.example:443 2001:db8::1 ident ann",
                "a.example:443",
                "ident ann",
            ),
            ("a.example:443 - ident ann", "a.example:443", "ident ann"),
            ("a.example 192.0.2.1 ident ann", "a.example", "ident ann"),
            ("[2001:db8::2]:443 2001:db8::1 - -", "[2001:db8::2]:443", ""),
        ] {
            let some = |text: &'static str| (!text.is_empty()).then_some(text.as_bytes());
            let expected = Origin {
                site: some(site),
                user: some(user),
            };
            assert_eq!(Origin::parse(fields.as_bytes()), Ok(expected), "{fields}");
        }
    }

    #[test]
    fn three_fields_are_the_fewest() {
        for fields in ["", " ", "-", "- -", "192.0.2.1 - "] {
            let read = Origin::parse(fields.as_bytes());
            assert_eq!(read, Err(Complaint::FewFields), "{fields}");
        }
    }
}

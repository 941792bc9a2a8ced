//! The key of a request: everything in the log that its answer depends on.

use super::complaint::Complaint;
use super::line::Entry;
use super::spelling::spell;

/// Longer keys would not fit into the request line of an HTTP client.
const LONGEST_KEY: usize = 20_000;

/// Makes the key of a request: `GET /path`, and the site and the user if they are known.
///
/// Blanks in the parts are written as escapes, so no part can be taken for another.
pub(crate) fn key<'a>(entry: &Entry<'a>) -> Result<String, Complaint<'a>> {
    let mut key = String::new();
    spell(entry.request.method, &mut key);
    key.push(' ');
    spell(entry.request.target, &mut key);
    for (name, part) in [(" site=", entry.origin.site), (" user=", entry.origin.user)] {
        if let Some(part) = part {
            key.push_str(name);
            spell(part, &mut key);
        }
    }
    if key.len() > LONGEST_KEY {
        return Err(Complaint::LongKey);
    }
    Ok(key)
}

/// Whether requests with the same key may share an answer.
///
/// Only what changes nothing may be done once for several clients (RFC 9110, 9.2.1), and of that
/// OPTIONS and TRACE are answered from headers, which a log does not have. Nor does it have the
/// range of which an answer was a part, and a connection that changes its protocol is of use to one
/// client only.
pub(crate) fn is_shared(entry: &Entry<'_>) -> bool {
    let is_read = [&b"GET"[..], b"HEAD"].contains(&entry.request.method);
    is_read && ![&b"101"[..], b"206", b"416"].contains(&entry.status)
}

#[cfg(test)]
mod tests {
    use super::{Complaint, Entry, key};

    fn key_of(line: &[u8]) -> String {
        key(&Entry::parse(line).unwrap()).unwrap()
    }

    #[test]
    fn a_key_names_method_target_site_and_user() {
        let line =
            br#"a.example:443 192.0.2.1 - ann lee [17/May/2015:10:05:03 +0000] "GET /a b?c" 200 5"#;
        assert_eq!(
            key_of(line),
            r"GET /a\x20b?c site=a.example:443 user=ann\x20lee"
        );
        let line = br#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "HEAD / HTTP/1.1" 200 5"#;
        assert_eq!(key_of(line), "HEAD /");
    }

    #[test]
    fn a_part_of_a_key_is_not_taken_for_another() {
        let inside =
            br#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / user=ann HTTP/1.1" 200 5"#;
        let outside = br#"192.0.2.1 - ann [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5"#;
        assert_ne!(key_of(inside), key_of(outside));
    }

    #[test]
    fn a_key_that_is_too_long_is_not_sent() {
        let line = |length| {
            let target = "%".repeat(length);
            format!("- - - [17/May/2015:10:05:03 +0000] \"GET {target}\" 200 5").into_bytes()
        };
        assert_eq!(key_of(&line(19_996)).len(), 20_000);
        let line = line(19_997);
        assert_eq!(key(&Entry::parse(&line).unwrap()), Err(Complaint::LongKey));
    }

    #[test]
    fn any_bytes_are_read_or_complained_about_in_one_line() {
        let line =
            br#"a:1 ::1 - a b [17/May/2015:10:05:03 +0000] "GET /\"\x4a HTTP/1.1" 200 5 "-" "-""#;
        let mut random = fastrand::Rng::with_seed(1);
        let mut complaints = 0;
        for _ in 0..50_000 {
            let mut line = line.to_vec();
            for _ in 0..random.usize(..5) {
                let at = random.usize(..line.len());
                let to = random.usize(at..line.len());
                match random.u8(..4) {
                    0 => line[at] = random.u8(..),
                    1 => line[at] = *random.choice(b"[]\" \\:-/+x0").unwrap(),
                    2 => drop(line.drain(at..to)),
                    _ => line.extend_from_within(at..to),
                }
            }
            match Entry::parse(&line).and_then(|entry| key(&entry)) {
                Ok(key) => assert!(key.bytes().all(|byte| (b' '..=b'~').contains(&byte))),
                Err(complaint) => {
                    complaints += 1;
                    let complaint = complaint.to_string();
                    assert!(!complaint.contains(char::is_control), "{complaint}");
                }
            }
        }
        assert!((1_000..49_000).contains(&complaints), "{complaints}");
    }
}

//! The request in a line: `GET /path HTTP/1.1`.

use super::line::cut;

/// Longer paths would not fit into the request line of an HTTP client.
const LONGEST_PATH: usize = 8_000;

/// Takes the path out of a request. The version may be missing, the path may hold spaces.
pub(crate) fn path(request: &[u8]) -> Result<&[u8], &'static str> {
    let (method, rest) = cut(request, b' ').ok_or("no path in the request")?;
    if method.is_empty() || !method.iter().all(u8::is_ascii_alphabetic) {
        return Err("no method in the request");
    }
    match without_version(rest).unwrap_or(rest).trim_ascii() {
        b"" => Err("no path in the request"),
        path if path.len() > LONGEST_PATH => Err("a path of more than 8000 bytes"),
        path => Ok(path),
    }
}

/// Takes the version off the end of a request; `None` if it does not end with one.
pub(crate) fn without_version(request: &[u8]) -> Option<&[u8]> {
    let request = request.trim_ascii_end();
    let name = without_number(request)?;
    let name = match name.strip_suffix(b".") {
        Some(major) => without_number(major)?,
        None => name,
    };
    let rest = name.strip_suffix(b"HTTP/")?;
    (rest.is_empty() || rest.ends_with(b" ")).then_some(rest)
}

fn without_number(text: &[u8]) -> Option<&[u8]> {
    let last = text.iter().rposition(|byte| !byte.is_ascii_digit());
    let (rest, digits) = text.split_at(last.map_or(0, |last| last + 1));
    (!digits.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::{path, without_version};

    #[test]
    fn odd_requests_have_a_path_all_the_same() {
        for (request, expected) in [
            ("GET /", "/"),
            ("OPTIONS * HTTP/1.0", "*"),
            ("GET /a b HTTP/1.1", "/a b"),
            (r#"GET /\"quoted\" HTTP/1.1"#, r#"/\"quoted\""#),
            ("GET http://example.org/ HTTP/1.1", "http://example.org/"),
        ] {
            assert_eq!(path(request.as_bytes()), Ok(expected.as_bytes()));
        }
    }

    #[test]
    fn the_version_is_the_end_of_a_request() {
        for (request, rest) in [
            ("GET /a HTTP/1.1", Some("GET /a ")),
            ("GET /a HTTP/2.0", Some("GET /a ")),
            ("GET /a HTTP/3", Some("GET /a ")),
            ("GET /a HTTP/1.1 HTTP/1.1 ", Some("GET /a HTTP/1.1 ")),
            ("HTTP/1.1", Some("")),
            ("GET /a", None),
            ("GET /aHTTP/1.1", None),
            ("GET /a HTTP/", None),
            ("GET /a HTTP/.1", None),
            ("GET /a HTTP/1.", None),
            ("GET /a HTTP/1.1b", None),
            ("", None),
        ] {
            let found = without_version(request.as_bytes());
            assert_eq!(found, rest.map(str::as_bytes), "{request}");
        }
    }
}

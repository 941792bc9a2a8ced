//! The request in a line: `GET /path HTTP/1.1`, by RFC 9110 and RFC 9112.

use super::complaint::Complaint;

/// What a client asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Request<'a> {
    /// Any token; upper and lower case are not the same.
    pub(crate) method: &'a [u8],
    /// In any form, and as the server wrote it.
    pub(crate) target: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a request. The version may be missing, as it was before HTTP/1.0, and the target may
    /// hold blanks, which no client should send.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, Complaint<'a>> {
        let request = trim(text);
        if request.is_empty() || request == b"-" {
            return Err(Complaint::NothingAsked(text));
        }
        let blank = request.iter().position(|byte| is_blank(*byte));
        let (method, rest) = request.split_at(blank.unwrap_or(request.len()));
        if !method.iter().all(|byte| is_of_token(*byte)) {
            return Err(Complaint::Method(method));
        }
        match trim(without_version(rest).unwrap_or(rest)) {
            b"" => Err(Complaint::NoTarget(method)),
            target => Ok(Self { method, target }),
        }
    }
}

/// Takes the version off the end of a request; `None` if it does not end with one.
pub(crate) fn without_version(request: &[u8]) -> Option<&[u8]> {
    let name = without_number(trim(request))?;
    let name = match name.strip_suffix(b".") {
        Some(major) => without_number(major)?,
        None => name,
    };
    let rest = name.strip_suffix(b"HTTP/")?;
    rest.last()
        .is_none_or(|last| is_blank(*last))
        .then_some(rest)
}

fn without_number(text: &[u8]) -> Option<&[u8]> {
    let last = text.iter().rposition(|byte| !byte.is_ascii_digit());
    let (rest, digits) = text.split_at(last.map_or(0, |last| last + 1));
    (!digits.is_empty()).then_some(rest)
}

/// Takes off the blanks at both ends.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let Some((_, rest)) = text.split_first().filter(|(first, _)| is_blank(**first)) {
        text = rest;
    }
    while let Some((_, rest)) = text.split_last().filter(|(last, _)| is_blank(**last)) {
        text = rest;
    }
    text
}

/// Whether this separates the parts of a line.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::{Complaint, Request, without_version};

    #[test]
    fn every_method_and_every_form_of_target_is_read() {
        for (request, method, target) in [
            ("GET /", "GET", "/"),
            ("GET / HTTP/0.9", "GET", "/"),
            ("OPTIONS * HTTP/1.0", "OPTIONS", "*"),
            ("PRI * HTTP/2.0", "PRI", "*"),
            ("CONNECT a.example:443 HTTP/1.1", "CONNECT", "a.example:443"),
            ("M-SEARCH * HTTP/1.1", "M-SEARCH", "*"),
            ("!#$%&'*+-.^_`|~09Az / HTTP/3", "!#$%&'*+-.^_`|~09Az", "/"),
            ("get / HTTP/1.1", "get", "/"),
            ("GET /a b HTTP/1.1", "GET", "/a b"),
            (" GET \t /a\tHTTP/1.1\t", "GET", "/a"),
            (r#"GET /\"quoted\" HTTP/1.1"#, "GET", r#"/\"quoted\""#),
            ("GET http://a.example/ HTTP/2", "GET", "http://a.example/"),
            ("GET /HTTP/1.1 HTTP/1.1", "GET", "/HTTP/1.1"),
            ("GET / http/1.1", "GET", "/ http/1.1"),
        ] {
            let [method, target] = [method, target].map(str::as_bytes);
            let expected = Ok(Request { method, target });
            assert_eq!(Request::parse(request.as_bytes()), expected, "{request}");
        }
    }

    #[test]
    fn a_bad_request_is_told_what_is_wrong_with_it() {
        for (request, complaint) in [
            (&b""[..], Complaint::NothingAsked(b"")),
            (b"-", Complaint::NothingAsked(b"-")),
            (b" ", Complaint::NothingAsked(b" ")),
            (b"GET", Complaint::NoTarget(b"GET")),
            (b"GET ", Complaint::NoTarget(b"GET")),
            (b"GET HTTP/1.1", Complaint::NoTarget(b"GET")),
            (b"/index.html", Complaint::Method(b"/index.html")),
            (br"\x16\x03 \x00", Complaint::Method(br"\x16\x03")),
            (b"G\xc3\x89T /", Complaint::Method(b"G\xc3\x89T")),
        ] {
            assert_eq!(Request::parse(request), Err(complaint));
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

//! Logs of all kinds, replayed by the whole program.

use std::fs;

use crate::database::tests::folder;
use crate::journey::{End, Files, numbers};

/// Replays these lines at once, whatever their times are.
fn replay(name: &'static str, lines: &[&[u8]]) -> End {
    let files = Files(name);
    let log = files.path("log");
    fs::write(&log, lines.join(&b'\n')).unwrap();
    let end = files.run(&format!(
        "--speed 1e12 --json {} --log {}",
        files.path("json").display(),
        log.display()
    ));
    assert_eq!(end.code, 0, "{end:?}");
    end
}

/// A line whose request asks for this.
fn asking_for(target: &[u8]) -> Vec<u8> {
    [
        b"192.0.2.1 - - [07/Sep/2023:15:58:36 +0200] \"GET ",
        target,
        b" HTTP/1.1\" 200 360",
    ]
    .concat()
}

/// Replays requests for these; returns how many keys they have.
fn keys_of(name: &'static str, targets: &[&[u8]]) -> String {
    let lines: Vec<_> = targets.iter().map(|target| asking_for(target)).collect();
    let lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
    let end = replay(name, &lines);
    assert_eq!(end.err, "");
    let (_, rest) = end.out.split_once(" requests for ").unwrap();
    rest.split(' ').next().unwrap().to_owned()
}

#[test]
fn bytes_that_are_no_text_are_keys_of_their_own() {
    let targets: [&[u8]; 3] = [b"/x\xff", b"/x\xfe", "/x\u{fffd}".as_bytes()];
    assert_eq!(keys_of("raw-bytes", &targets), "3");
}

#[test]
fn a_byte_is_the_same_key_however_a_server_wrote_it() {
    let targets: [&[u8]; 3] = [b"/x\xff", br"/x\xff", br"/x\xFF"];
    assert_eq!(keys_of("escaped-bytes", &targets), "1");
}

#[test]
fn a_delimiter_inside_a_field_does_not_end_it() {
    let lines: [&[u8]; 10] = [
        br#"[2001:db8::1] - - [07/Sep/2023:15:58:36 +0200] "GET /b1 HTTP/1.1" 200 360"#,
        br#"[2001:db8::1]:4711 - - [07/Sep/2023:15:58:36 +0200] "GET /b2 HTTP/1.1" 200 360"#,
        br#"h - ann[admin] [07/Sep/2023:15:58:36 +0200] "GET /b3 HTTP/1.1" 200 360"#,
        br#"h - [07/Sep/2022:00:00:00 +0200] [07/Sep/2023:15:58:36 +0200] "GET /b4" 200 360"#,
        br#"h - [\"x] \" [07/Sep/2023:15:58:36 +0200] "GET /b5 HTTP/1.1" 200 360"#,
        br#"h - "" [07/Sep/2023:15:58:36 +0200] "GET /b6 HTTP/1.1" 200 360"#,
        br#"h - - [07/Sep/2023:15:58:36 +0200] "GET /b7]\"[ HTTP/1.1" 200 360 "[\"" "[1]""#,
        br#"h - - [07/Sep/2023:15:58:36 +0200] "GET /b8\\" 200 360 "-" "-""#,
        br#"h - - [07/Sep/2023:15:58:36 +0200] "GET /b9"b HTTP/1.1" 200 360 "-" "-""#,
        br#"h - - [07/Sep/2023:15:58:36 +0200] "GET /b0 HTTP/1.1 b HTTP/1.1" 200 360"#,
    ];
    let end = replay("delimiters", &lines);
    assert_eq!(end.err, "");
    assert!(end.out.contains(": 10 requests for 10 keys "), "{end:?}");
}

#[test]
fn a_line_is_read_whatever_the_formats_allow_in_it() {
    let head = r"192.0.2.1 - - [07/Sep/2023:15:58:36 +0200]";
    let requests = [
        "GET /c1",
        "GET /c2 HTTP/2.0",
        "GET /c3 HTTP/3",
        "GET  /c4  HTTP/1.1 ",
        "GET http://a.example/c5?d=e HTTP/1.1",
        "GET /c6 d HTTP/1.1",
        r"GET /c7\x22\n HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT a.example:443 HTTP/1.1",
        "M-SEARCH /c8 HTTP/1.1",
        "VERSION-CONTROL /c9 HTTP/1.1",
        "BASELINE-CONTROL /c10 HTTP/1.1",
        "!#$%&'*+-.^_`|~09Az /c11 HTTP/1.1",
        "get /c12 HTTP/1.1",
    ];
    let mut lines: Vec<_> = requests
        .iter()
        .map(|request| format!("{head} \"{request}\" 200 5"))
        .collect();
    for (at, head) in [
        r"- - - [31/Dec/2016:23:59:60 +0000]",
        r"2001:db8::1 - - [01/Jan/1970:00:00:00 -0930]",
        r"host.example ident John Smith [29/Feb/2000:00:00:00 +1400]",
        r"host.example - John  Smith [07/Sep/2023:15:58:36 +0200]",
        r#"host.example - j\"s\\\xff [07/Sep/2023:15:58:36 +0200]"#,
        r"a.example 192.0.2.1 - - [07/Sep/2023:15:58:36 +0200]",
        r"a.example:443 - - John Smith [07/Sep/2023:15:58:36 +0200]",
    ]
    .iter()
    .enumerate()
    {
        lines.push(format!("{head} \"GET /c{} HTTP/1.1\" 304 -", 13 + at));
    }
    lines.push(format!("{head} \"GET /c20 HTTP/1.1\" - -"));
    lines.push(format!("{head} \"GET /c21 HTTP/1.1\" 000 0 \"-\" \"\" 5 x"));
    let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
    let end = replay("formats", &lines);
    assert_eq!(end.err, "");
    assert!(end.out.contains(": 23 requests for 23 keys "), "{end:?}");
}

/// Lines of this kind, twenty in all, whose fields and requests take turns.
fn twenty(fields: &[&str], requests: &[&str]) -> Vec<u8> {
    let mut log = Vec::new();
    for (fields, request) in fields.iter().cycle().zip(requests.iter().cycle()).take(20) {
        let line = format!("{fields} [07/Sep/2023:15:58:36 +0200] \"{request} HTTP/1.1\" 200 5\n");
        log.extend(line.bytes());
    }
    log
}

/// Replays twenty lines; returns the end and how many queries there were with a group.
fn replay_twenty(name: &'static str, fields: &[&str], requests: &[&str]) -> (End, u64) {
    let end = replay(name, &[&twenty(fields, requests)]);
    assert_eq!(end.err, "");
    let queries = numbers(&Files(name).read("json"), "queries");
    assert_eq!(queries[0], 20);
    (end, queries[1])
}

#[test]
fn a_post_is_never_coalesced() {
    let (end, queries) = replay_twenty("posts", &["192.0.2.1 - -"], &["POST /orders"]);
    assert_eq!(queries, 20);
    assert!(end.out.contains(": 20 requests for 20 keys "), "{end:?}");
    assert!(end.out.contains("The group cut the queries 1.0-fold."));
    assert!(end.out.contains("20 of 20 requests are served alone"));
    assert_eq!(numbers(&Files("posts").read("json"), "alone"), [20]);
}

#[test]
fn only_get_and_head_are_coalesced() {
    let requests = [
        "GET /a",
        "HEAD /a",
        "OPTIONS /a",
        "TRACE /a",
        "get /a",
        "PUT /a",
        "DELETE /a",
        "PATCH /a",
        "PROPFIND /a",
        "QUERY /a",
    ];
    let (end, queries) = replay_twenty("methods", &["192.0.2.1 - -"], &requests);
    assert!((18..=20).contains(&queries), "{queries}");
    // Those of GET, those of HEAD, and sixteen alone.
    assert!(end.out.contains(": 20 requests for 18 keys "), "{end:?}");
    assert!(end.out.contains("16 of 20 requests are served alone"));
}

#[test]
fn requests_to_two_sites_do_not_meet() {
    for (name, fields) in [
        (
            "sites-ports",
            ["a.example:443 192.0.2.1 - -", "b.example:443 192.0.2.1 - -"],
        ),
        (
            "sites",
            ["a.example 192.0.2.1 - -", "b.example 192.0.2.1 - -"],
        ),
        (
            "ports",
            ["a.example:80 192.0.2.1 - -", "a.example:81 192.0.2.1 - -"],
        ),
        (
            "sites-ident",
            ["one client ident ann", "two client ident ann"],
        ),
        (
            "sites-no-client",
            ["a.example:443 - - -", "b.example:443 - - -"],
        ),
    ] {
        let (end, queries) = replay_twenty(name, &fields, &["GET /a"]);
        assert!(end.out.contains(": 20 requests for 2 keys "), "{end:?}");
        assert!(queries >= 2, "{name}: {queries}");
    }
}

#[test]
fn requests_of_two_users_do_not_meet() {
    for (name, fields) in [
        ("users", ["192.0.2.1 - ann", "192.0.2.1 - bob"]),
        (
            "users-spaces",
            ["192.0.2.1 - ann  lee", "192.0.2.1 - ann lee"],
        ),
        ("users-blank", ["192.0.2.1 - ann", "192.0.2.1 - ann "]),
        (
            "users-ident",
            ["192.0.2.1 j.s John Smith", "192.0.2.1 j.s Jim Smith"],
        ),
        ("users-none", ["192.0.2.1 - ann", "192.0.2.1 - -"]),
        ("users-empty", ["192.0.2.1 - \"\"", "192.0.2.1 - -"]),
    ] {
        let (end, queries) = replay_twenty(name, &fields, &["GET /a"]);
        assert!(end.out.contains(": 20 requests for 2 keys "), "{end:?}");
        assert!(queries >= 2, "{name}: {queries}");
    }
}

#[test]
fn an_answer_in_part_or_by_another_protocol_is_not_shared() {
    let end = replay(
        "statuses",
        &["101", "206", "416", "200", "304", "404", "-"]
            .map(|status| {
                format!("h - - [07/Sep/2023:15:58:36 +0200] \"GET /a HTTP/1.1\" {status} 5")
            })
            .each_ref()
            .map(String::as_bytes),
    );
    assert!(end.out.contains(": 7 requests for 4 keys "), "{end:?}");
    assert!(end.out.contains("3 of 7 requests are served alone"));
}

#[test]
fn clocks_that_are_not_believed_are_counted() {
    let lines = [2023, 2023, 2099, 2023, 2023]
        .map(|year| format!("h - - [07/Sep/{year}:15:58:36 +0200] \"GET /a HTTP/1.1\" 200 5"));
    let end = replay("clocks", &lines.each_ref().map(String::as_bytes));
    assert!(end.out.contains("1 of 5 clocks is not believed"), "{end:?}");
}

#[test]
fn standard_input_is_replayed_by_a_dash() {
    let input = [&asking_for(b"/a")[..], b"\nrubbish\r\n", &asking_for(b"/b")].concat();
    let end = Files("input").run_on(&input, "--log - --speed 1e12");
    assert_eq!(end.code, 0, "{end:?}");
    assert!(end.out.contains(": 2 requests for 2 keys "), "{end:?}");
    assert!(end.out.contains("(standard input, "), "{end:?}");
    assert!(
        end.err.contains("standard input:2: no time in brackets\n"),
        "{end:?}"
    );
    assert!(
        end.err
            .contains("1 of 3 lines of standard input were left out"),
        "{end:?}"
    );
}

#[test]
fn a_file_that_is_called_like_standard_input_is_a_file() {
    let folder = folder();
    fs::write(folder.join("-"), asking_for(b"/a")).unwrap();
    let end = Files("dash").run(&format!("--log {}/- --speed 1e12", folder.display()));
    assert!(end.out.contains("(-, "), "{end:?}");
}

#[test]
fn a_file_that_is_no_text_is_called_by_its_name() {
    let files = Files("foreign");
    let log = asking_for(b"/a");
    let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        log.iter()
            .flat_map(|byte| order(u16::from(*byte)))
            .collect()
    };
    let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
    for (contents, name) in [
        (
            &b"\x1f\x8b\x08\x00\x00\n"[..],
            "is gzip: unpack it first, for example zcat FILE | stampede --log -",
        ),
        (
            b"BZh91AY&SY\x00",
            "is bzip2: unpack it first, for example bzcat FILE | ",
        ),
        (
            b"\xfd7zXZ\x00\x00",
            "is xz: unpack it first, for example xzcat FILE | ",
        ),
        (
            b"\x28\xb5\x2f\xfd\x04",
            "is zstd: unpack it first, for example zstdcat FILE | ",
        ),
        (
            b"PK\x03\x04\x14",
            "is zip: unpack it first, for example unzip -p FILE | ",
        ),
        (
            &[b"\xff\xfe", &little[..]].concat(),
            "is UTF-16: convert it first, for example iconv -f UTF-16 -t UTF-8 FILE | ",
        ),
        (
            &[b"\xfe\xff", &big[..]].concat(),
            "is UTF-16: convert it first, for example iconv -f UTF-16 ",
        ),
        (
            &little,
            "is UTF-16: convert it first, for example iconv -f UTF-16LE ",
        ),
        (
            &big,
            "is UTF-16: convert it first, for example iconv -f UTF-16BE ",
        ),
        (
            b"\xff\xfe\x00\x00a\x00\x00\x00",
            "is UTF-32: convert it first, for example iconv -f UTF-32 ",
        ),
        (
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
            "is no text: line 3 holds NUL bytes",
        ),
        (&vec![0; 100_000], "is no text: line 1 holds NUL bytes"),
    ] {
        fs::write(files.path("log"), contents).unwrap();
        let message = files.refused(&format!("--log {}", files.path("log").display()));
        assert!(message.contains(name), "{message}{name}");
    }
    // A mark that says UTF-8 is no part of the first line.
    let marked = [
        b"\xef\xbb\xbf",
        &twenty(&["a.example h - -"], &["GET /a"])[..],
    ]
    .concat();
    fs::write(files.path("log"), marked).unwrap();
    let end = files.run(&format!("--log {}", files.path("log").display()));
    assert!(end.out.contains(": 20 requests for 1 keys "), "{end:?}");
}

#[test]
fn a_failure_after_a_log_was_read_is_the_only_line() {
    let files = Files("one-line");
    let log = [&asking_for(b"/a")[..], b"\nrubbish\n"].concat();
    fs::write(files.path("log"), log).unwrap();
    let message = files.refused(&format!(
        "--log {} --json no/such/folder.json",
        files.path("log").display()
    ));
    assert!(message.contains("no/such/folder.json"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_log_without_end_is_refused() {
    let message = Files("endless").refused("--log /dev/zero");
    assert!(
        message.contains("/dev/zero: it is no text: line 1 holds NUL bytes"),
        "{message}"
    );
}

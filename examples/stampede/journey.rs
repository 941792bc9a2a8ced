//! The whole program, from the command line to the exit code, on each runtime.

use std::fs;
use std::path::PathBuf;

use crate::command;
use crate::database::tests::{folder, shared};

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Files of one test.
pub(crate) struct Files(pub(crate) &'static str);

impl Files {
    pub(crate) fn path(&self, extension: &str) -> PathBuf {
        folder().join(self.0).with_extension(extension)
    }

    pub(crate) fn read(&self, extension: &str) -> String {
        fs::read_to_string(self.path(extension)).unwrap()
    }

    /// Runs the program, with its files out of everybody's way.
    pub(crate) fn run(&self, line: &str) -> End {
        self.run_on(b"", line)
    }

    /// Runs the program with this on its standard input.
    pub(crate) fn run_on(&self, mut input: &[u8], line: &str) -> End {
        drop(shared());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = ["stampede", "--rows", "1000", "--database"]
            .map(Into::into)
            .into_iter()
            .chain([folder().join("shared.sqlite").into()])
            .chain(["--chart".into(), self.path("svg").into()])
            .chain(line.split_whitespace().map(Into::into));
        let code = command::run(arguments, &mut input, &mut out, &mut err);
        let [out, err] = [out, err].map(|text| String::from_utf8(text).unwrap());
        End { code, out, err }
    }

    /// Runs what must be refused; returns the one line that says why.
    pub(crate) fn refused(&self, line: &str) -> String {
        let end = self.run(line);
        assert_eq!((end.code, end.out.as_str()), (2, ""), "{line}: {}", end.err);
        assert_eq!(end.err.lines().count(), 1, "{line}: {}", end.err);
        end.err
    }
}

/// Takes the numbers called `name` out of the file for machines.
pub(crate) fn numbers(json: &str, name: &str) -> Vec<u64> {
    json.split(&format!("\"{name}\": "))
        .skip(1)
        .map(|rest| {
            rest.split([',', '}', '\n'])
                .next()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect()
}

fn serves(runtime: &'static str) {
    let files = Files(runtime);
    let end = files.run(&format!(
        "--runtime {runtime} --requests 60 --clients 8 --keys 3 --seed 7 --json {}",
        files.path("json").display()
    ));
    assert_eq!((end.code, end.err.as_str()), (0, ""), "{}", end.out);
    assert!(
        end.out
            .starts_with(&format!("{runtime}: 60 requests for 3 keys")),
        "{}",
        end.out
    );
    let json = files.read("json");
    assert!(
        json.contains(&format!("\"runtime\": \"{runtime}\"")),
        "{json}"
    );
    assert_eq!(numbers(&json, "seed"), [7]);
    assert_eq!(numbers(&json, "requests"), [60, 60]);
    assert_eq!(numbers(&json, "errors"), [0, 0]);
    let queries = numbers(&json, "queries");
    assert!(
        queries[0] == 60 && (1..=60).contains(&queries[1]),
        "{queries:?}"
    );
    assert!(files.read("svg").contains("with a group"));
}

#[test]
fn threads_serve_the_load_twice() {
    serves("threads");
}

#[test]
fn tokio_serves_the_load_twice() {
    serves("tokio");
}

#[test]
fn smol_serves_the_load_twice() {
    serves("smol");
}

#[test]
fn the_layer_serves_the_load_once_more() {
    let files = Files("layer");
    let end = files.run(&format!(
        "--layer --requests 60 --clients 8 --keys 3 --seed 7 --json {}",
        files.path("json").display()
    ));
    assert_eq!((end.code, end.err.as_str()), (0, ""), "{}", end.out);
    for text in ["by the layer", "The group cut the queries ", ", the layer "] {
        assert!(end.out.contains(text), "{text}: {}", end.out);
    }
    let json = files.read("json");
    assert!(json.contains("\"by_layer\": {\"requests\": 60,"), "{json}");
    assert_eq!(numbers(&json, "errors"), [0, 0, 0]);
    let queries = numbers(&json, "queries");
    assert!(
        queries[0] == 60 && (3..=60).contains(&queries[2]),
        "{queries:?}"
    );
    assert!(files.read("svg").contains("by the layer"));
}

#[test]
fn a_log_is_replayed_and_its_bad_lines_are_named() {
    let files = Files("replay");
    let line = |second, path| {
        format!("- - - [17/May/2015:10:05:0{second} +0000] \"GET {path} HTTP/1.1\" 200 5\n")
    };
    let mut log = [
        line(1, "/a b?c"),
        line(0, "/../%2f"),
        "rubbish\n".to_owned(),
    ]
    .concat()
    .into_bytes();
    log.extend_from_slice(b"- - - [17/May/2015:10:05:01 +0000] \"GET /\xff\xfe HTTP/1.1\" 200 5\n");
    fs::write(files.path("log"), log).unwrap();
    let end = files.run(&format!(
        "--log {} --speed 100",
        files.path("log").display()
    ));
    assert_eq!(end.code, 0, "{}", end.err);
    assert!(
        end.out.starts_with("tokio: 3 requests for 3 keys"),
        "{}",
        end.out
    );
    assert!(
        end.err.contains("replay.log:3: no time in brackets\n"),
        "{}",
        end.err
    );
    assert!(end.err.contains("1 of 4 lines"), "{}", end.err);
}

#[test]
fn bad_input_is_refused_in_one_line_that_names_it() {
    let files = Files("refused");
    for (extension, contents) in [("empty", ""), ("rubbish", "no\nlog\n")] {
        fs::write(files.path(extension), contents).unwrap();
        let message = files.refused(&format!("--log {}", files.path(extension).display()));
        assert!(message.contains(extension), "{message}");
    }
    let folder = folder();
    for (line, name) in [
        ("--log no/such.log".to_owned(), "no/such.log"),
        (format!("--log {}", folder.display()), "stampede-tests"),
        (format!("--json {}", folder.display()), "--json"),
        (
            "--json no/such/folder.json".to_owned(),
            "no/such/folder.json",
        ),
        ("--clients none".to_owned(), "--clients"),
        ("--runtime green".to_owned(), "--runtime"),
    ] {
        let message = files.refused(&line);
        assert!(message.contains(name), "{message}");
    }
    assert!(
        !files.path("svg").exists(),
        "a chart that was not drawn leaves no file"
    );
}

#[test]
fn help_goes_to_standard_output() {
    let end = Files("help").run("--help");
    assert_eq!((end.code, end.err.as_str()), (0, ""));
    for option in [
        "--runtime",
        "--clients",
        "--requests",
        "--keys",
        "--skew",
        "--log",
        "--speed",
        "--seed",
        "--json",
        "--layer",
    ] {
        assert!(end.out.contains(option), "{option}");
    }
}

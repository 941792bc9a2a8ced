//! No scenario is written and then never run.

use std::fs;
use std::path::Path;

#[test]
fn the_macro_names_every_scenario() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let list = fs::read_to_string(sources.join("lib.rs")).expect("lib.rs is there");
    let mut scenarios = 0;
    for entry in fs::read_dir(sources).expect("src is there") {
        let path = entry.expect("src can be read").path();
        let text = fs::read_to_string(&path).expect("a source can be read");
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("pub fn ") else {
                continue;
            };
            let generic = [
                "<F: FrontEnd>()",
                "<F: Complete>()",
                "<F: Local>()",
                "<F: LocalTasks>()",
                "(group: &Built",
            ];
            let Some((name, _)) = generic.iter().find_map(|bound| rest.split_once(bound)) else {
                continue;
            };
            scenarios += 1;
            let names = [format!("{name},"), format!("{name} |builder|")];
            assert!(
                names.iter().any(|name| list.contains(name)),
                "{}: `{name}` is missing from `conformance!`",
                path.display()
            );
        }
    }
    assert!(scenarios > 80, "the scenarios were found: {scenarios}");
}

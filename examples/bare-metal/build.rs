//! Links for the board whose feature is on: its memory, then its runtime's linker script.

use std::env;
use std::fs;
use std::path::PathBuf;

/// Each board's feature, and the arguments with which its programs are linked.
const BOARDS: [(&str, &[&str]); 3] = [
    ("lm3s6965evb", &["--nmagic", "-Tlink.x"]),
    ("microbit", &["--nmagic", "-Tlink.x"]),
    ("virt", &["-Tmemory.x", "-Tlink.x"]),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=memory");
    let is_on = |(board, _): &&(&str, _)| {
        env::var_os(format!("CARGO_FEATURE_{}", board.to_uppercase())).is_some()
    };
    let chosen: Vec<_> = BOARDS.iter().filter(is_on).collect();
    let [(board, arguments)] = chosen.as_slice() else {
        let names = BOARDS.map(|(board, _)| board).join(", ");
        println!("cargo:error=turn on exactly one feature of {names}");
        return;
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it for build scripts"));
    fs::copy(format!("memory/{board}.x"), out.join("memory.x"))
        .expect("every board has a file that describes its memory");
    println!("cargo:rustc-link-search={}", out.display());
    for argument in *arguments {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}

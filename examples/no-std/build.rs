//! Links the program without start files and without any library.
//!
//! The arguments stand here and not in a `.cargo/config.toml`, whose flags would also reach
//! this very build script, which is a program with `std`.

fn main() {
    for argument in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}

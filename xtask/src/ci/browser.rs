//! The step `browser`: the stampede's live page, driven in the Chromium of this machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::ci::programs::STAMPEDE;
use crate::command::Command;
use crate::project::{Project, program};
use crate::stop::{Stop, at};

/// What drives the browser, and what is driven.
const TEST: &str = "examples/browser";

/// What the browser may be called.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// How long the tests may take: the longest wait in them is a minute.
const DEADLINE: Duration = Duration::from_secs(600);

pub(crate) fn browser(project: &Project) -> Result<(), Stop> {
    let is_there = |program: &&str| Command::typed(program, "--version").succeeds();
    let Some(browser) = BROWSERS.iter().find(|program| is_there(program)) else {
        return Stop::unable(format!("there is no {}", BROWSERS.join(", no ")));
    };
    if let Some(missing) = ["node", "npm"].iter().find(|program| !is_there(program)) {
        return Stop::unable(format!("there is no {missing}"));
    }
    let work = project.target_for("browser")?;
    fs::create_dir_all(&work).map_err(at(&work))?;
    install(&work)?;
    let stampede = program(project, STAMPEDE)?;
    Command::typed("node", &format!("--test {TEST}/page.test.mjs"))
        .env("STAMPEDE", &stampede)
        .env("CHROMIUM", &found(browser)?)
        .env("WORK", &work)
        .within(DEADLINE)
        .run()
}

/// Installs the driver once for each lock file, where git does not see it.
fn install(work: &str) -> Result<(), Stop> {
    let read = |path: &str| fs::read(path).map_err(at(path));
    let (asked, there) = (
        format!("{TEST}/package-lock.json"),
        format!("{work}/package-lock.json"),
    );
    let is_installed = Path::new(&format!("{work}/node_modules/playwright-core")).is_dir();
    if is_installed && fs::read(&there).ok() == Some(read(&asked)?) {
        return Ok(());
    }
    for name in ["package.json", "package-lock.json"] {
        let to = format!("{work}/{name}");
        fs::write(&to, read(&format!("{TEST}/{name}"))?).map_err(at(&to))?;
    }
    let install = Command::typed("npm", "ci --no-audit --no-fund --ignore-scripts");
    let (succeeded, text) = install.in_directory(work).try_output()?;
    if succeeded {
        return Ok(());
    }
    println!("{text}");
    // The next try begins anew.
    fs::remove_file(&there).map_err(at(&there))?;
    Stop::unable("npm cannot install playwright-core")
}

/// Returns where a program is: the driver starts no program by its name.
fn found(program: &str) -> Result<String, Stop> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|place| place.is_file())
        .and_then(|place| place.to_str().map(str::to_owned))
        .ok_or_else(|| Stop::Unable(format!("{program} is not in the PATH")))
}

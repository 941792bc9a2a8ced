//! A file that will be written at the end, and is tried at the start.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file that can be written. If nothing is written, it is as it was.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    /// Made by the trial, and to be removed if nothing comes of it.
    is_trace: bool,
}

impl Output {
    /// Tries whether the file can be written, and does not change what is in it.
    pub(crate) fn open(option: &str, path: &Path) -> Result<Self, Failure> {
        let existed = path.exists();
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| {
                Failure::input(format_args!("{option} {}: {error}", path.display()))
            })?;
        Ok(Self {
            path: path.to_owned(),
            is_trace: !existed,
        })
    }

    /// Writes the file.
    pub(crate) fn write(&mut self, contents: &str) -> Result<(), Failure> {
        self.is_trace = false;
        fs::write(&self.path, contents)
            .map_err(|error| Failure::service(format_args!("{}: {error}", self.path.display())))
    }

    /// Returns where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.is_trace {
            // If it cannot be removed, an empty file is all that stays.
            drop(fs::remove_file(&self.path));
        }
    }
}

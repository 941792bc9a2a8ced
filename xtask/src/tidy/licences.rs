//! SPDX licence expressions, held against a list of licences that we accept.

/// Whether an expression can be satisfied with `allowed` alone. An `Err` says why it cannot
/// be read.
///
/// `OR` binds weaker than `AND`, which binds weaker than `WITH`; a slash is an old way to
/// write `OR`. A licence `WITH` an exception is allowed where the licence is: an exception
/// only permits more.
pub(crate) fn is_allowed(expression: &str, allowed: &[&str]) -> Result<bool, String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = Words {
        rest: spaced.split_whitespace().collect(),
        allowed,
    };
    let verdict = words.any()?;
    match words.next() {
        None => Ok(verdict),
        Some(word) => Err(format!("`{word}` is out of place")),
    }
}

struct Words<'a> {
    rest: std::collections::VecDeque<&'a str>,
    allowed: &'a [&'a str],
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.rest.pop_front()
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.rest.front() == Some(&word);
        if is_next {
            self.rest.pop_front();
        }
        is_next
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut verdict = self.all()?;
        while self.take("OR") {
            verdict |= self.all()?;
        }
        Ok(verdict)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut verdict = self.one()?;
        while self.take("AND") {
            verdict &= self.one()?;
        }
        Ok(verdict)
    }

    fn one(&mut self) -> Result<bool, String> {
        match self.next() {
            Some("(") => {
                let verdict = self.any()?;
                if self.take(")") {
                    Ok(verdict)
                } else {
                    Err("a bracket is not closed".to_owned())
                }
            }
            None => Err("it ends too early".to_owned()),
            Some(word @ (")" | "OR" | "AND" | "WITH")) => Err(format!("`{word}` is out of place")),
            Some(licence) => {
                if self.take("WITH") && self.next().is_none() {
                    return Err("no exception is named".to_owned());
                }
                Ok(self.allowed.contains(&licence))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: [&str; 3] = ["MIT", "Apache-2.0", "Unicode-3.0"];

    #[test]
    fn expressions_are_weighed() {
        for (expression, verdict) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT AND GPL-3.0-only", false),
            ("MIT/Apache-2.0", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(MIT OR Apache-2.0) AND NCSA", false),
            ("GPL-3.0-only OR MIT AND Unicode-3.0", true),
            ("MIT OR GPL-3.0-only AND NCSA", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("mit", false),
        ] {
            assert_eq!(
                is_allowed(expression, &ALLOWED),
                Ok(verdict),
                "{expression}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_allowed() {
        for expression in [
            "", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT MIT", "MIT WITH",
        ] {
            assert!(is_allowed(expression, &ALLOWED).is_err(), "{expression}");
        }
    }
}

//! What is wrong with a file, gathered: every fault and warning with its place, so that one look mends them all.

use std::{cell::RefCell, fmt};

/// One fault of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1, where the file was readable.
    pub line: Option<usize>,
    /// The key, its value, what follows from it and what to do.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.text),
            None => write!(f, "{}: {}", self.file, self.text),
        }
    }
}

/// Something that is allowed but will surprise: a key without effect in this release, a model that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(pub Fault);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Every fault of a file, in the order of its lines. Displays as one line a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Fault>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl ConfigErrors {
    /// The one fault of a file that could not be read at all.
    pub(super) fn unreadable(file: &str, why: &std::io::Error) -> Self {
        let text = format!("can't be read: {why}; name an existing file with --config");
        Self(vec![Fault { file: file.to_owned(), line: None, text }])
    }
}

/// Gathers faults and warnings while a file is read.
#[derive(Debug)]
pub(super) struct Report<'t> {
    file: &'t str,
    text: &'t str,
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<Warning>>,
}

impl<'t> Report<'t> {
    /// An empty report on `text`, which was read from `file`.
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, faults: RefCell::default(), warnings: RefCell::default() }
    }

    /// Notes a fault at byte `at` of the text.
    pub(super) fn fault(&self, at: usize, text: impl Into<String>) {
        self.faults.borrow_mut().push(self.place(at, text.into()));
    }

    /// Notes a warning at byte `at` of the text.
    pub(super) fn warn(&self, at: usize, text: impl Into<String>) {
        self.warnings.borrow_mut().push(Warning(self.place(at, text.into())));
    }

    fn place(&self, at: usize, text: String) -> Fault {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        Fault { file: self.file.to_owned(), line: Some(line), text }
    }

    /// `value` with the warnings if there was no fault; a value that is missing must have left one.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>), ConfigErrors> {
        let mut faults = self.faults.into_inner();
        let mut warnings = self.warnings.into_inner();
        faults.sort_by_key(|f| f.line);
        warnings.sort_by_key(|w| w.0.line);
        match value {
            Some(value) if faults.is_empty() => Ok((value, warnings)),
            _ => Err(ConfigErrors(faults)),
        }
    }
}

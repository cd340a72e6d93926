//! What is wrong with a document, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Node, Place};

/// What is wrong, where, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    /// Where in the text.
    pub place: Option<Place>,
    /// Where in the document: `functions.jobs.handler`. Empty for the whole.
    pub path: String,
    /// What kind of problem: a short word for programs (`template`, `sam`, `unknown-key`).
    pub code: &'static str,
    /// What is wrong, and what to do next. What AWS says is said in AWS's words.
    pub text: String,
}

impl Problem {
    /// One of a whole document.
    pub fn new(text: impl Into<String>) -> Self {
        Self { file: None, place: None, path: String::new(), code: "document", text: text.into() }
    }

    /// One of a node.
    pub fn at(node: &Node, text: impl Into<String>) -> Self {
        Self::new(text).placed(node.place)
    }

    /// With a place, if that is known.
    pub fn placed(mut self, place: Place) -> Self {
        self.place = place.is_known().then_some(place);
        self
    }

    /// With the path of what it is about.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// With a kind.
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// With the file, unless it names one.
    pub fn in_file(mut self, file: &Path) -> Self {
        self.file.get_or_insert_with(|| file.to_owned());
        self
    }
}

/// `file:line:column: path: text`; what is not known is left out.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
        }
        if let Some(place) = self.place {
            write!(f, "{place}:")?;
        }
        if self.file.is_some() || self.place.is_some() {
            f.write_str(" ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.text)
    }
}

impl std::error::Error for Problem {}

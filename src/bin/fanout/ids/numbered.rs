//! An id with its place among those that were handed out.

use std::fmt;
use std::ops::Deref;

/// An id, and how many were handed out before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) id: String,
}

impl Deref for Numbered {
    type Target = str;

    fn deref(&self) -> &str {
        &self.id
    }
}

/// The id alone: it is this that goes into a URL.
impl fmt::Display for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

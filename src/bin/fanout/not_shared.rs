//! Built without the feature `redis`: there is no quota to share, and so none to join.

use std::convert::Infallible;
use std::sync::Arc;

use crate::exit::Exit;
use crate::options::GetOptions;
use crate::run::LookElsewhere;
use crate::screen::Screen;

/// A run's part of a shared quota, which no run has.
pub(crate) enum Joined {}

/// Joins none.
pub(crate) fn join(_options: &mut GetOptions, _screen: &Screen) -> Result<Option<Joined>, Exit> {
    Ok(None)
}

impl Joined {
    pub(crate) fn looker(&self) -> Arc<LookElsewhere> {
        match *self {}
    }

    pub(crate) fn watch(&self, _quiet: bool, _screen: &Screen) -> Infallible {
        match *self {}
    }
}

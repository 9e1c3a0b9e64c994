//! What a run brings to a mapping: the round, the school register, and what the file's head said.
//!
//! Owns the binding of a timeless mapping to one day: which codes are valid, which schools exist.

use crate::domain::round::Round;
use crate::standards::Schools;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct RunContext {
    pub round: Round,
    /// The school register; none where no register was given: then only the form of a ten-digit code is checked.
    pub schools: Option<Arc<Schools>>,
}

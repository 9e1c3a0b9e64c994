//! What one step does to one value; a file for each, pure and linear in the value's length.
//!
//! Owns the repairs of `docs/repairs.md`. The law of all of them: repair silently only what loses
//! nothing; else warn with a suggestion, or refuse.

pub mod be_year;
pub mod boolean;
pub mod code_word;
pub mod date;
mod date_pattern;
pub mod digits;
pub mod gpa;
pub mod grade_part;
pub mod learner_id;
mod mojibake;
mod month;
pub mod name;
pub mod name_part;
pub mod number;
pub mod outcome;
pub mod passport;
pub mod pattern;
pub mod phone;
pub mod place_word;
pub mod postcode;
mod province;
pub mod school_code;
pub mod shape;
pub mod text;
mod thai;

pub use outcome::{Fault, Outcome};
pub use text::{is_missing_word, tidy, tidy_keeping_words};

//! The ministry's data standards, compiled: fields, types, bounds, code lists, rules and their texts.
//!
//! Owns the published JSON Schemas (`schemas/standards/`), the effective-dated code lists
//! (`schemas/codelists/`) and the rule catalogue (`schemas/rules/`), read from text it is given:
//! it never touches a file. Refuses a document with any fault, and reports all of them.

pub mod catalogue;
pub mod code_csv;
pub mod code_list;
pub mod due_days;
pub mod field;
pub mod fold;
pub mod library;
mod packed_words;
pub mod place;
pub mod privacy_lists;
pub mod purposes;
pub mod rules;
pub mod schools;
pub mod standard;
mod standard_document;
mod standard_field;
pub mod xsd;

pub use catalogue::{Catalogue, CatalogueFault, RuleText};
pub use code_csv::{CodeListFault, school_directory};
pub use code_list::{CodeEntry, CodeList};
pub use due_days::{DueDays, PATH as DUE_DAYS};
pub use field::{Field, FieldType, OutOfBounds, Sensitivity};
pub use library::{Library, LibraryFault};
pub use place::{PlaceMatch, Places};
pub use privacy_lists::ListFault;
pub use purposes::Purposes;
pub use rules::{CheckedRule, CrossRule};
pub use schools::{Codes, Schools, SchoolsBuilder};
pub use standard::{Standard, StandardFault};
pub use xsd::to_xsd;

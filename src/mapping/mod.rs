//! The mapping language: an agency's columns to a standard's fields, by files that administrators keep.
//!
//! Owns the document (`document`, over `node`), its check (`compile`: all faults at once), the compiled
//! plan over slots (`plan`), its run (`mapper`) and what each step does (`steps`). Deliberately absent:
//! loops, variables, scripts, fuzzy matching. What the steps can't say becomes a new step.

mod apply;
pub mod attempt;
mod compile;
mod compile_field;
mod compile_source;
mod compile_step;
mod context;
mod document;
mod fault;
pub mod kinds;
mod mapper;
mod memo;
mod node;
mod plan;
pub mod steps;

pub use compile::{Tables, compile};
pub use compile_step::STEPS;
pub use context::RunContext;
pub use fault::MappingFault;
pub use mapper::{MappedRow, Mapper};
pub use memo::Memo;
pub use plan::Mapping;

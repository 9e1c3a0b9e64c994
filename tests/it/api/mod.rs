//! The API from outside: files in, receipts out, records, counts, open data, and who may do what.

use super::harness;

mod data;
mod journal;
mod oauth;
mod reference;
mod rights;
mod rounds;
mod submissions;

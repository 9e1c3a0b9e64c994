//! The gateway over HTTP: REST resources, pages, problem details, OpenAPI.
//!
//! The only place with `actix-web`, `utoipa` and `askama`. Owns addresses, headers and wording of answers;
//! decides nothing about data or rights, which are `app`'s. Reading order: [`server`] puts it together,
//! [`api`] is the route table, [`answer`] is what surrounds every route, [`problem`] what goes wrong.

pub mod answer;
pub mod api;
pub mod auth;
pub mod body;
pub mod certificates;
pub mod console;
pub mod content;
pub mod context;
pub mod metrics;
pub mod openapi;
pub mod pages;
pub mod problem;
pub mod query;
pub mod queue;
pub mod rate;
pub mod routes;
pub mod server;

pub use openapi::text as openapi_json;
pub use server::{Parts, serve, start};

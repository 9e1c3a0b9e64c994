//! The OpenAPI document: made from the handlers' own annotations, never listed by hand.
//!
//! Owns what every operation shares: the head, the security scheme, and problem details as the answer
//! to everything that goes wrong. `openapi/saphan.json` is this document; a test compares the two.

use super::api;
use super::problem::ProblemBody;
use actix_web::App;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, PartialSchema as _, ToSchema};
use utoipa_actix_web::AppExt;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Saphan",
        description = "Data-exchange gateway of the Ministry of Education. Every answer from 400 up is a problem \
                       (RFC 9457) in Thai or English by `Accept-Language`; every answer carries `X-Request-Id`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "submissions", description = "Files in, receipts and refused rows out"),
        (name = "records", description = "Canonical records in force"),
        (name = "counts", description = "The count-day audit and its signed manifest"),
        (name = "standards", description = "Data standards and code lists, open to all"),
        (name = "mappings", description = "How agencies' own layouts become the standard"),
        (name = "access", description = "Access tokens for clients (OAuth 2.0)"),
        (name = "rules", description = "What a finding's rule means"),
        (name = "open data", description = "Published statistics, without login"),
        (name = "problems", description = "What the gateway's problems mean"),
        (name = "health", description = "For operators: is it alive, can it work; counters; public key"),
    )
)]
struct Head;

/// The head alone, to which the handlers add themselves.
pub fn head() -> OpenApi {
    Head::openapi()
}

/// The whole document, without a server.
pub fn document() -> OpenApi {
    let (_, collected) = App::new().into_utoipa_app().openapi(head()).configure(api::routes).split_for_parts();
    complete(collected)
}

/// Adds what all operations share.
pub fn complete(mut document: OpenApi) -> OpenApi {
    let mut nested = Vec::new();
    ProblemBody::schemas(&mut nested);
    let components = document.components.get_or_insert_default();
    components.schemas.insert("Problem".to_owned(), ProblemBody::schema());
    components.schemas.extend(nested);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.security_schemes.insert("token".to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
    for item in document.paths.paths.values_mut() {
        let operations: [&mut Option<Operation>; 6] =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch, &mut item.options];
        for operation in operations.into_iter().flatten() {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let problem = ResponseBuilder::new()
                .description("What went wrong, where, and what to do")
                .content("application/problem+json", content)
                .build();
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem));
        }
    }
    document
}

/// As `saphan openapi` prints it: stable order, readable in a diff.
pub fn text() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&document())
}

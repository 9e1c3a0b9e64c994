//! The OpenAPI document: made from the handlers' own annotations, never listed by hand.
//!
//! Owns what every operation shares: the head, the security scheme, and problem details as the answer
//! to everything that goes wrong. `openapi/saphan.json` is this document; a test compares the two.

use super::api;
use super::api::bodies::RefusedPart;
use super::api::counts::ManifestPart;
use super::api::events::ProgressBody;
use super::problem::ProblemBody;
use super::rate::class_of;
use actix_web::App;
use actix_web::http::Method;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AnyOfBuilder, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema};
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
        (name = "access", description = "Access tokens for clients (OAuth 2.0); agreements; acts that take two persons; the journal"),
        (name = "privacy", description = "What persons' records may be looked at for, and who looked"),
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
    ProgressBody::schemas(&mut nested);
    let components = document.components.get_or_insert_default();
    components.schemas.insert("Problem".to_owned(), ProblemBody::schema());
    // Told in the text of an event, which the document can't look into.
    components.schemas.insert("SubmissionProgress".to_owned(), ProgressBody::schema());
    components.schemas.extend(nested);
    for name in [ManifestPart::name(), RefusedPart::name()] {
        if let Some(schema) = components.schemas.get_mut(&*name) {
            any_of(schema);
        }
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.security_schemes.insert("token".to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
    for (name, description) in LIMIT_HEADERS {
        let header = HeaderBuilder::new().description(Some(description)).build();
        components.headers.insert(name.to_owned(), RefOr::T(header));
    }
    components.responses.insert("TooManyRequests".to_owned(), RefOr::T(too_many()));
    for (path, item) in &mut document.paths.paths {
        let operations: [(Method, &mut Option<Operation>); 6] = [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::DELETE, &mut item.delete),
            (Method::PATCH, &mut item.patch),
            (Method::OPTIONS, &mut item.options),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter {
                    parameter.schema.iter_mut().for_each(not_null);
                }
            }
            if class_of(&method, path).is_some() {
                limit(operation);
            }
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

/// One that is left out is not there; there is no `null` in an address or a header.
fn not_null(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema
        && let SchemaType::Array(types) = &mut object.schema_type
    {
        types.retain(|one| *one != Type::Null);
        if let [one] = types.as_slice() {
            object.schema_type = SchemaType::Type(one.clone());
        }
    }
}

/// Of bodies told apart by what was asked for: one may happen to fit the other's schema as well.
fn any_of(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::OneOf(one_of)) = schema {
        let told = std::mem::take(one_of);
        let any = told.items.into_iter().fold(AnyOfBuilder::new().description(told.description), AnyOfBuilder::item);
        *schema = RefOr::T(Schema::AnyOf(any.build()));
    }
}

const LIMIT_HEADERS: [(&str, &str); 3] = [
    (
        "RateLimit-Policy",
        "The limits of this class of requests (draft-ietf-httpapi-ratelimit-headers-11), if there are any",
    ),
    ("RateLimit", "What is left of each of them, and the seconds before which there is no more"),
    ("Retry-After", "Seconds after which the same request goes through"),
];

/// On the answers to an operation whose class has limits.
fn limit(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.extend(LIMIT_HEADERS[..2].iter().map(|(name, _)| header(name)));
        }
    }
    let too_many = RefOr::Ref(Ref::from_response_name("TooManyRequests"));
    operation.responses.responses.insert("429".to_owned(), too_many);
}

fn too_many() -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let mut response = ResponseBuilder::new()
        .description("More than this client may ask for; `violated-policies` names the limits that stood in the way")
        .content("application/problem+json", content)
        .build();
    response.headers.extend(LIMIT_HEADERS.iter().map(|(name, _)| header(name)));
    response
}

fn header(name: &str) -> (String, RefOr<Header>) {
    (name.to_owned(), RefOr::Ref(Ref::new(format!("#/components/headers/{name}"))))
}

/// As `saphan openapi` prints it: stable order, readable in a diff.
pub fn text() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&document())
}

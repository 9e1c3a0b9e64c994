//! `/v1/publications`: the last counts become open data, through the gate.
//!
//! What may go out is the gate's to say, and whether it takes two persons the use case's.

use crate::app::App;
use crate::app::publishing::{Published, Publishing};
use crate::domain::ids::ApprovalId;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::problem::Problem;
use crate::http::query::NoQuery;
use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to be published, and why.
#[derive(Deserialize, ToSchema)]
#[schema(as = PublicationRequest)]
#[serde(deny_unknown_fields)]
pub struct PublicationForm {
    /// None: all data sets.
    #[schema(example = "count-summary", max_length = 100)]
    dataset: Option<String>,
    /// For whoever has to agree.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// A data set that another person has to agree to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProposedPublication)]
pub struct ProposedBody {
    #[schema(example = "count-summary")]
    dataset: String,
    /// The proposal, when it was made just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "apv_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    approval: Option<String>,
}

/// One version of a data set.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Publication)]
pub struct PublishedBody {
    #[schema(example = "count-summary")]
    dataset: String,
    version: i64,
    rows: u64,
    /// Cells that the gate withheld.
    suppressed_cells: u64,
    /// The content is that of the version before: nothing new was made.
    unchanged: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Publications)]
pub struct PublicationBody {
    /// `published`, or `proposed`: agree with `POST /v1/approvals/{id}/approve`, then send the same again.
    #[schema(example = "published")]
    state: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    published: Vec<PublishedBody>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    proposed: Vec<ProposedBody>,
}

impl From<Published> for PublishedBody {
    fn from(of: Published) -> Self {
        let Published { dataset, version, rows, suppressed_cells, unchanged, .. } = of;
        PublishedBody { dataset, version, rows, suppressed_cells, unchanged }
    }
}

/// Publish open data of the last counts, all of it or one data set with those it must go with. A data set that was never published
/// takes two persons: the first call proposes it (202), another person agrees, the call after that publishes (201).
#[utoipa::path(tag = "open data", operation_id = "publish", security(("token" = [])),
    request_body(content = PublicationForm),
    responses((status = 201, body = PublicationBody, description = "Published"),
        (status = 202, body = PublicationBody, description = "Proposed; another person has to agree")))]
#[post("/v1/publications")]
pub async fn publish(
    caller: Caller,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.may_publish(&caller.0)?;
    let form: PublicationForm = body::json(payload).await?;
    let outcome = app.publish_or_propose(&caller.0, form.dataset.as_deref(), &form.reason).await?;
    Ok(match outcome {
        Publishing::Published(published) => HttpResponse::Created().json(PublicationBody {
            state: "published",
            published: published.into_iter().map(PublishedBody::from).collect(),
            proposed: Vec::new(),
        }),
        Publishing::Proposed(proposed) => {
            let body = |(dataset, approval): (String, Option<_>)| ProposedBody {
                dataset,
                approval: approval.map(|id: ApprovalId| id.to_string()),
            };
            let proposed = proposed.into_iter().map(body).collect();
            HttpResponse::Accepted().json(PublicationBody { state: "proposed", published: Vec::new(), proposed })
        }
    })
}

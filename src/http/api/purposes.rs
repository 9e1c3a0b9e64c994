//! What a person's record may be looked at for: the closed list, with legal basis and fields. Open to all.

use super::problems::Text;
use crate::app::App;
use crate::domain::purpose::Purpose;
use crate::http::query::NoQuery;
use actix_web::{get, web};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegalBasis)]
pub struct BasisBody {
    /// Section of the Personal Data Protection Act B.E. 2562.
    #[schema(example = "24(4)")]
    pub ground: &'static str,
    pub act: Text,
}

/// One purpose.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Purpose)]
pub struct PurposeBody {
    #[schema(example = "transfer")]
    pub code: String,
    pub version: u32,
    pub title: Text,
    pub description: Text,
    pub basis: Vec<BasisBody>,
    /// Any of these rights.
    pub used_by: Vec<&'static str>,
    /// Empty: every agency.
    pub agencies: Vec<String>,
    /// A look needs the number of a case or a letter.
    pub needs_reference: bool,
    /// What is released, by standard.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Days that the log of such looks is kept.
    pub log_days: u32,
}

impl From<&Purpose> for PurposeBody {
    fn from(purpose: &Purpose) -> Self {
        let basis = |basis: &crate::domain::purpose::LegalBasis| BasisBody {
            ground: basis.ground.as_str(),
            act: (&basis.act).into(),
        };
        PurposeBody {
            code: purpose.code.as_str().to_owned(),
            version: purpose.version,
            title: (&purpose.title).into(),
            description: (&purpose.description).into(),
            basis: purpose.basis.iter().map(basis).collect(),
            used_by: purpose.used_by.iter().map(|scope| scope.as_str()).collect(),
            agencies: purpose.agencies.iter().map(ToString::to_string).collect(),
            needs_reference: purpose.needs_reference,
            fields: purpose.fields.clone(),
            log_days: purpose.log_days,
        }
    }
}

/// Every purpose a person's record may be looked at for.
#[utoipa::path(tag = "privacy", operation_id = "list_purposes", responses((status = 200, body = Vec<PurposeBody>)))]
#[get("/v1/purposes")]
pub async fn list(_: NoQuery, app: web::Data<App>) -> web::Json<Vec<PurposeBody>> {
    web::Json(app.purposes().map(PurposeBody::from).collect())
}

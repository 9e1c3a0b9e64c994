//! Canonical records in force, page by page, for their own agency and the ministry.

use super::bodies::RecordPageBody;
use crate::app::App;
use crate::app::records::{PAGE_MAX, RecordCursor};
use crate::domain::agency::AgencyCode;
use crate::domain::principal::Principal;
use crate::domain::round::Round;
use crate::http::auth::Caller;
use crate::http::content::{self, PRIVATE};
use crate::http::problem::{Kind, Problem};
use crate::http::query::{self, CURSOR, LIMIT, Parameter, Query, ROUND};
use actix_web::{HttpRequest, HttpResponse, get, web};

const AGENCY: Parameter = Parameter {
    name: "agency",
    takes_th: "รหัสหน่วยงาน 2 หลัก หรือ obec opec dole ovec",
    takes_en: "two digits, or obec, opec, dole, ovec",
};
const SCHOOL: Parameter =
    Parameter {
        name: "school", takes_th: "รหัสสถานศึกษา 10 หลัก", takes_en: "a school code of ten digits"
    };

/// Enrolments in force in a round. `agency` may be left out by an agency's own client. Every page read is journalled.
#[utoipa::path(tag = "records", operation_id = "list_enrolments", security(("token" = [])),
    params(("round" = String, Query, pattern = r"^((19|20|21)[0-9]{2}-(06|11)-10|2(4[5-9][0-9]|[56][0-9]{2}|7[0-3][0-9])[/-][12])$", example = "2026-06-10"),
        ("agency" = Option<String>, Query, pattern = r"^([0-9]{2}|obec|opec|dole|ovec)$", example = "obec"),
        ("school" = Option<String>, Query, pattern = r"^[0-9]{10}$", description = "Ten digits"),
        ("cursor" = Option<String>, Query, pattern = r"^[0-7]?[0-9a-f]{1,15}-[0-7]?[0-9a-f]{1,15}$", description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000)),
    responses((status = 200, body = RecordPageBody), (status = 304, description = "As you have it")))]
#[get("/v1/records/enrolments")]
pub async fn enrolments(caller: Caller, request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[ROUND, AGENCY, SCHOOL, CURSOR, LIMIT]);
    let round = query.need("round", Round::parse);
    let agency = query.take("agency", AgencyCode::parse);
    let school = query.take("school", school);
    let cursor = query.take("cursor", |text| RecordCursor::parse(text).ok_or(()));
    let limit = query.take("limit", query::limit(PAGE_MAX)).unwrap_or(500);
    let round = query.finish(round)?;
    let agency = agency.map_or_else(|| own_agency(&caller.0), Ok)?;
    let page = app.enrolments(&caller.0, round, agency, school.as_deref(), cursor, limit).await?;
    let body = serde_json::to_vec(&RecordPageBody::from(page)).map_err(Problem::internal)?;
    Ok(content::tagged(&request, body, "application/json", PRIVATE))
}

fn school(text: &str) -> Result<String, ()> {
    if text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit()) { Ok(text.to_owned()) } else { Err(()) }
}

fn own_agency(caller: &Principal) -> Result<AgencyCode, Problem> {
    match (caller.agency(), caller) {
        (Some(agency), _) => Ok(agency),
        (None, Principal::Anonymous) => Err(Problem::new(Kind::Unauthenticated)),
        (None, _) => Err(Problem::new(Kind::QueryInvalid)
            .detail("โทเคนนี้ไม่ได้เป็นของหน่วยงานใด ต้องระบุ agency", "This token belongs to no agency: say `agency`.")),
    }
}

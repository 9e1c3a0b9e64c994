//! Agreements: all that somebody may see, with what ends soon; and one, to be decided or ended by who has the right.
//!
//! Asking for one is for programs and forms of the agency (`POST /v1/agreements`); here it is read, agreed to, refused and ended.

use super::{Signed, Told, View, forms, go, page, told};
use crate::app::App;
use crate::app::agreements::{AgreementView, Coverage, Sought, WARN_DAYS};
use crate::domain::agreement::Stage;
use crate::domain::ids::AgreementId;
use crate::domain::principal::{Principal, Scope};
use crate::domain::text::Bilingual;
use crate::http::context::RequestContext;
use crate::http::problem::{Kind, Problem};
use crate::http::query::PageQuery;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

const LIST: &str = "/console/agreements";

struct Line {
    id: String,
    agency: String,
    stage: Bilingual,
    from: String,
    until: String,
    /// Empty: it is not in force.
    left: Bilingual,
    /// `bad`, `warn`, or nothing: how soon it ends.
    tone: &'static str,
    clients: usize,
    is_proposed: bool,
}

impl Line {
    fn of(view: &AgreementView, frame: &View<'_>) -> Line {
        let terms = &view.stored.terms;
        let days = view.days_left;
        let [urgent, soon, early] = WARN_DAYS;
        let is_in_force = view.stage == Stage::InForce;
        let (left, tone) = match days {
            _ if !is_in_force => (Bilingual::default(), ""),
            days if days <= urgent => {
                (Bilingual::new(format!("✗ เหลือ {days} วัน"), format!("✗ {days} days left")), "bad")
            }
            days if days <= soon => {
                (Bilingual::new(format!("! เหลือ {days} วัน"), format!("! {days} days left")), "warn")
            }
            days if days <= early => (Bilingual::new(format!("! เหลือ {days} วัน"), format!("! {days} days left")), ""),
            days => (Bilingual::new(format!("เหลือ {days} วัน"), format!("{days} days left")), ""),
        };
        Line {
            id: view.stored.id.to_string(),
            agency: terms.agency().slug().to_owned(),
            stage: view.stage.said(),
            from: frame.frame.day(terms.from()),
            until: frame.frame.day(terms.until()),
            left,
            tone,
            clients: terms.clients().len(),
            is_proposed: view.stage == Stage::Proposed,
        }
    }
}

#[derive(Template)]
#[template(path = "console/agreements.html")]
struct List<'a> {
    frame: View<'a>,
    lines: Vec<Line>,
    /// For those who keep access.
    coverage: Option<Coverage>,
}

impl List<'_> {
    /// Clients that are left out, under their titles.
    fn left_out(&self) -> Vec<(&str, Vec<String>)> {
        let Some(coverage) = &self.coverage else { return Vec::new() };
        let over = self.frame.t("ระบบลูกข่ายที่ข้อตกลงไม่มีผลแล้วหรือยังไม่เริ่ม", "Clients none of whose agreements is in force");
        let none = self.frame.t("ระบบลูกข่ายของหน่วยงานที่ไม่มีข้อตกลง", "Clients of agencies without an agreement");
        let groups = [(over, &coverage.shut_out), (none, &coverage.uncovered)].into_iter();
        let groups = groups.filter(|(_, clients)| !clients.is_empty());
        groups.map(|(title, clients)| (title, clients.iter().map(ToString::to_string).collect())).collect()
    }
}

pub async fn list(
    _: PageQuery,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
) -> Result<HttpResponse, Problem> {
    let principal = &signed.visitor.principal;
    let found = app.agreements(principal, Sought::default()).await?;
    let keeps_access = principal.authorise(Scope::AccessAdmin, None).is_ok();
    let coverage = if keeps_access { Some(app.coverage().await?) } else { None };
    let frame = View::of(&context, LIST, &signed);
    let lines = found.iter().map(|view| Line::of(view, &frame)).collect();
    page(&context, &List { frame, lines, coverage }, None)
}

#[derive(Template)]
#[template(path = "console/agreement.html")]
struct One<'a> {
    frame: View<'a>,
    line: Line,
    view: AgreementView,
    /// Code and title.
    purposes: Vec<(String, Bilingual)>,
    may_decide: bool,
    may_end: bool,
}

impl One<'_> {
    /// By the names of the API.
    fn promises(&self) -> Vec<(&'static str, u32)> {
        let service = self.view.stored.terms.service();
        let all = [
            ("availability_bp", service.availability_bp),
            ("read_p95_ms", service.read_p95_ms),
            ("submit_p95_ms", service.submit_p95_ms),
            ("lookup_p95_ms", service.lookup_p95_ms),
            ("freshness_days", service.freshness_days),
            ("on_time_bp", service.on_time_bp),
            ("first_time_bp", service.first_time_bp),
        ];
        all.into_iter().filter_map(|(name, promised)| Some((name, promised?))).collect()
    }

    fn clients(&self) -> Vec<String> {
        self.view.stored.terms.clients().iter().map(ToString::to_string).collect()
    }

    fn fields(&self) -> Vec<(String, String)> {
        let fields = self.view.stored.terms.fields().iter();
        fields.map(|(standard, fields)| (standard.clone(), fields.join(", "))).collect()
    }

    fn agreed(&self) -> Vec<(&'static str, String)> {
        let consents = self.view.approval.iter().flat_map(|act| &act.consents);
        consents.map(|consent| (consent.right.as_str(), self.frame.at(consent.at))).collect()
    }

    fn awaited(&self) -> Vec<&'static str> {
        let awaited = self.view.approval.iter().flat_map(|act| &act.awaited);
        awaited.map(|right| right.as_str()).collect()
    }
}

fn in_path(id: &str) -> Result<AgreementId, Problem> {
    AgreementId::parse(id).map_err(|_| Problem::new(Kind::NotFound))
}

async fn shown(
    context: &RequestContext,
    app: &App,
    signed: &Signed,
    id: &AgreementId,
    told: Option<Told>,
) -> Result<HttpResponse, Problem> {
    let principal = &signed.visitor.principal;
    let view = app.agreement(principal, id).await?;
    let own = match principal {
        Principal::Person { id, .. } => Some(id),
        _ => None,
    };
    // Whether it is so is decided where it is done; here it is only not offered in vain.
    let may_decide = view.approval.as_ref().is_some_and(|act| {
        let is_own = own == Some(&act.approval.new.proposed_by);
        let has_agreed = act.consents.iter().any(|consent| own == Some(&consent.person));
        let holds = act.awaited.iter().any(|right| principal.authorise(*right, None).is_ok());
        !is_own && !has_agreed && holds && principal.agency().is_none()
    });
    let may_end =
        matches!(view.stage, Stage::Approved | Stage::InForce) && app.authorise_ending(principal, id).await.is_ok();
    let (text, problem) = Told::split(told);
    let frame = View::of(context, &format!("{LIST}/{id}"), signed).with(text);
    let line = Line::of(&view, &frame);
    let title = |code: &String| app.purpose(code).map_or_else(Bilingual::default, |purpose| purpose.title.clone());
    let purposes = view.stored.terms.purposes().iter().map(|code| (code.clone(), title(code))).collect();
    page(context, &One { frame, line, view, purposes, may_decide, may_end }, problem.as_ref())
}

pub async fn show(
    _: PageQuery,
    id: web::Path<String>,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
) -> Result<HttpResponse, Problem> {
    shown(&context, &app, &signed, &in_path(&id)?, None).await
}

pub async fn decide(
    _: PageQuery,
    id: web::Path<String>,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    // `act`: the proposal that was on the page, so that nobody agrees to one they did not see.
    let form = forms::read(&request, payload, &app, Some(&signed.secret), &["act", "decision"]).await?;
    let id = in_path(&id)?;
    let view = app.agreement(&signed.visitor.principal, &id).await?;
    let act = view.approval.map(|act| act.approval.new.id).filter(|act| act.as_str() == form.get("act"));
    let act = act.ok_or_else(|| Problem::new(Kind::Conflict))?;
    let agrees = match form.get("decision") {
        "approve" => true,
        "refuse" => false,
        _ => return Err(Problem::new(Kind::BadRequest)),
    };
    match app.decide(&signed.visitor.principal, &act, agrees).await {
        Ok(()) => Ok(go(&context, &format!("{LIST}/{id}"), Vec::new())),
        Err(error) => shown(&context, &app, &signed, &id, Some(told(error)?)).await,
    }
}

pub async fn terminate(
    _: PageQuery,
    id: web::Path<String>,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let form = forms::read(&request, payload, &app, Some(&signed.secret), &["reason"]).await?;
    let id = in_path(&id)?;
    match app.terminate_agreement(&signed.visitor.principal, &id, form.get("reason")).await {
        Ok(_) => Ok(go(&context, &format!("{LIST}/{id}"), Vec::new())),
        Err(error) => shown(&context, &app, &signed, &id, Some(told(error)?)).await,
    }
}

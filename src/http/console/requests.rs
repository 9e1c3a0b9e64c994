//! Requests of persons by the day they are due, for the data-protection officer. Only shown: nothing of a person is opened here.

use super::{Signed, View, page};
use crate::app::App;
use crate::app::subjects::{REQUESTS_MAX, RequestView, RequestsAsked};
use crate::domain::subject::{RequestKind, RequestState};
use crate::domain::text::Bilingual;
use crate::http::context::RequestContext;
use crate::http::problem::Problem;
use crate::http::query::PageQuery;
use actix_web::{HttpResponse, web};
use askama::Template;

/// One line of the list.
struct Line {
    view: RequestView,
    kind: Bilingual,
}

impl Line {
    fn is_overdue(&self) -> bool {
        self.view.days_left.is_some_and(|days| days < 0)
    }

    fn days(&self) -> i64 {
        self.view.days_left.unwrap_or_default().abs()
    }

    fn reference(&self) -> &str {
        self.view.reference.as_deref().unwrap_or("–")
    }
}

#[derive(Template)]
#[template(path = "console/requests.html")]
struct Requests<'a> {
    frame: View<'a>,
    lines: Vec<Line>,
    /// There are more than are shown.
    has_more: bool,
}

fn said(kind: RequestKind) -> Bilingual {
    let (th, en) = match kind {
        RequestKind::Access => ("ขอเข้าถึงข้อมูล", "Access"),
        RequestKind::Correction => ("ขอแก้ไข", "Correction"),
        RequestKind::Erasure => ("ขอลบ", "Erasure"),
        RequestKind::Objection => ("คัดค้านการใช้", "Objection"),
    };
    Bilingual::new(th, en)
}

pub async fn show(
    _: PageQuery,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
) -> Result<HttpResponse, Problem> {
    let asked = RequestsAsked { state: Some(RequestState::Open), due: None };
    let found = app.requests(&signed.visitor.principal, asked, None, REQUESTS_MAX).await?;
    let lines = found.requests.into_iter().map(|view| Line { kind: said(view.kind), view }).collect();
    let view = View::of(&context, "/console/requests", &signed);
    page(&context, &Requests { frame: view, lines, has_more: found.next.is_some() }, None)
}

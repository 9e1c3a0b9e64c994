//! The pages people open in a browser: home, standards, code lists, rules, open data, problems; Thai first, English by a switch, no script.
//!
//! Owns what a page needs of its templates (`templates/`) and the one style sheet. Loads nothing from
//! other hosts. Data come from the same use cases as the API.

use super::context::RequestContext;
use super::problem::{Entry, Kind, Problem, catalogue};
use super::query::PageQuery;
use crate::app::App;
use crate::app::download::DatasetPage;
use crate::app::reference::{CodeList, DictionaryLine};
use crate::domain::round::BE_OFFSET;
use crate::domain::text::{Bilingual, Lang};
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use askama::Template;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

const STYLE: &str = include_str!("templates/saphan.css");

/// Addresses outside the REST resources.
pub fn routes(config: &mut web::ServiceConfig) {
    let get = web::get;
    config.service(web::resource("/").route(get().to(home)));
    config.service(web::resource("/standards/{name}/{version}").route(get().to(standard_page)));
    config.service(web::resource("/codelists/{name}").route(get().to(code_list_page)));
    config.service(web::resource("/static/saphan.css").route(get().to(style)));
    config.service(web::redirect("/docs", "/docs/"));
}

/// What every page has: the language, and the words around the content.
pub(super) struct Frame<'a> {
    context: &'a RequestContext,
    /// The page's own address, for the switch of languages.
    path: String,
}

impl<'a> Frame<'a> {
    pub(super) fn new(context: &'a RequestContext, path: impl Into<String>) -> Self {
        Frame { context, path: path.into() }
    }

    pub(super) fn lang(&self) -> &'static str {
        self.context.lang_tag()
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn is_at(&self, path: &str) -> bool {
        self.path == path
    }

    /// One of two literal texts.
    pub(super) fn t<'t>(&self, th: &'t str, en: &'t str) -> &'t str {
        match self.context.lang {
            Lang::Th => th,
            Lang::En => en,
        }
    }

    pub(super) fn of<'t>(&self, text: &'t Bilingual) -> &'t str {
        text.get(self.context.lang)
    }

    /// `10 มิ.ย. 2569` · `10 Jun 2026`
    pub(super) fn day(&self, day: Date) -> String {
        const TH: [&str; 12] =
            ["ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค."];
        const EN: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = usize::try_from(day.month() - 1).unwrap_or(0);
        match self.context.lang {
            Lang::Th => format!("{} {} {}", day.day(), TH.get(month).unwrap_or(&""), day.year() + BE_OFFSET),
            Lang::En => format!("{} {} {}", day.day(), EN.get(month).unwrap_or(&""), day.year()),
        }
    }

    /// From one day to another, where they are known.
    fn span(&self, from: Option<Date>, to: Option<Date>) -> String {
        let day = |day: Option<Date>| day.map_or_else(String::new, |day| self.day(day));
        if from.is_none() && to.is_none() { String::new() } else { format!("{} – {}", day(from), day(to)) }
    }
}

/// A link with its words.
struct Link {
    href: String,
    label: String,
    note: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    frame: Frame<'a>,
    version: &'static str,
    datasets: Vec<Link>,
    standards: Vec<Link>,
    lists: Vec<Link>,
}

#[derive(Template)]
#[template(path = "standard.html")]
struct StandardPage<'a> {
    frame: Frame<'a>,
    id: &'a str,
    label: &'a Bilingual,
    definition: &'a Bilingual,
    fields: Vec<DictionaryLine>,
}

struct CodeLine<'a> {
    code: &'a str,
    label: &'a Bilingual,
    aliases: String,
    valid: String,
    parent: &'a str,
}

#[derive(Template)]
#[template(path = "codelist.html")]
struct CodeListPage<'a> {
    frame: Frame<'a>,
    name: &'a str,
    list_version: &'a str,
    total: usize,
    codes: Vec<CodeLine<'a>>,
}

struct RuleLine<'a> {
    code: &'a str,
    title: &'a Bilingual,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct Rules<'a> {
    frame: Frame<'a>,
    rules: Vec<RuleLine<'a>>,
}

#[derive(Template)]
#[template(path = "rule.html")]
struct OneRule<'a> {
    frame: Frame<'a>,
    code: &'a str,
    title: &'a Bilingual,
    meaning: &'a Bilingual,
    hint: &'a Bilingual,
    example: &'a str,
}

/// A cell with its label, where it is a code of a list.
struct Cell {
    text: Option<String>,
    label: Option<String>,
    number: bool,
    date: bool,
}

struct ColumnLine<'a> {
    name: &'a str,
    label: &'a Bilingual,
    description: &'a Bilingual,
    number: bool,
}

#[derive(Template)]
#[template(path = "dataset.html")]
struct DatasetTemplate<'a> {
    frame: Frame<'a>,
    name: &'a str,
    title: &'a Bilingual,
    description: &'a Bilingual,
    licence: &'a str,
    formats: Vec<&'static str>,
    /// Number and day of the latest release.
    release: Option<(i64, String)>,
    columns: Vec<ColumnLine<'a>>,
    rows: Vec<Vec<Cell>>,
    rows_total: String,
    rows_shown: usize,
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems<'a> {
    frame: Frame<'a>,
    entries: &'a [Entry],
}

#[derive(Template)]
#[template(path = "problem.html")]
struct OneProblem<'a> {
    frame: Frame<'a>,
    entry: &'a Entry,
}

async fn home(_: PageQuery, context: RequestContext, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(&context, "/");
    let datasets = app.datasets()?;
    let datasets = datasets.values().map(|dataset| Link {
        href: format!("/data/{}", dataset.name),
        label: frame.of(&dataset.title).to_owned(),
        note: String::new(),
    });
    let standards = app.standards().map(|standard| Link {
        href: format!("/standards/{}/{}", standard.name, standard.version),
        label: frame.of(&standard.label).to_owned(),
        note: standard.id().to_owned(),
    });
    let lists = app.code_lists().await?.into_iter().map(|list| Link {
        href: format!("/codelists/{}", list.name),
        label: list.name,
        note: thousands(list.codes),
    });
    let (datasets, standards, lists) = (datasets.collect(), standards.collect(), lists.collect());
    page(&context, &Home { version: env!("CARGO_PKG_VERSION"), datasets, standards, lists, frame })
}

async fn standard_page(
    path: web::Path<(String, String)>,
    _: PageQuery,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    standard(&app, &path.0, &path.1, &context)
}

async fn code_list_page(
    name: web::Path<String>,
    _: PageQuery,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let list = app.code_list(&name, None).await?.ok_or_else(|| Problem::new(Kind::NotFound))?;
    code_list(&list, &context)
}

/// The data dictionary of a standard.
pub fn standard(app: &App, name: &str, version: &str, context: &RequestContext) -> Result<HttpResponse, Problem> {
    let standard = app.standard(name, version).ok_or_else(|| Problem::new(Kind::NotFound))?;
    let frame = Frame::new(context, format!("/standards/{}", standard.id()));
    let (label, definition) = (&standard.label, &standard.definition);
    page(context, &StandardPage { frame, id: standard.id(), label, definition, fields: app.dictionary(standard) })
}

/// Codes of a list shown on its page; the file has all.
const CODES_SHOWN: usize = 1_000;

/// A code list to read.
pub fn code_list(list: &CodeList, context: &RequestContext) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(context, format!("/codelists/{}", list.name()));
    let codes = list.entries().iter().take(CODES_SHOWN).map(|entry| CodeLine {
        code: &entry.code,
        label: &entry.label,
        aliases: entry.aliases.iter().map(|alias| &**alias).collect::<Vec<_>>().join(" · "),
        valid: frame.span(entry.valid_from, entry.valid_to),
        parent: entry.parent.as_deref().unwrap_or(""),
    });
    let (codes, total) = (codes.collect(), list.entries().len());
    page(context, &CodeListPage { name: list.name(), list_version: list.version(), total, codes, frame })
}

pub fn rules(app: &App, context: &RequestContext) -> Result<HttpResponse, Problem> {
    let rules = app.rules().iter().map(|rule| RuleLine { code: rule.code.as_str(), title: &rule.title }).collect();
    page(context, &Rules { frame: Frame::new(context, "/rules"), rules })
}

pub fn rule(app: &App, code: &str, context: &RequestContext) -> Result<HttpResponse, Problem> {
    let rule = app.rule(code).ok_or_else(|| Problem::new(Kind::NotFound))?;
    let (title, meaning, hint, example) = (&rule.title, &rule.meaning, &rule.hint, rule.example.as_str());
    let frame = Frame::new(context, format!("/rules/{}", rule.code));
    page(context, &OneRule { frame, code: rule.code.as_str(), title, meaning, hint, example })
}

/// A published data set: what it is, its files, and its first rows.
pub async fn dataset(app: &App, name: &str, context: &RequestContext) -> Result<HttpResponse, Problem> {
    let DatasetPage { dataset, release, rows, rows_total } = app.dataset_page(name).await?;
    let frame = Frame::new(context, format!("/data/{}", dataset.name));
    let columns: Vec<ColumnLine<'_>> = dataset
        .columns
        .iter()
        .map(|column| ColumnLine {
            name: &column.name,
            label: &column.label,
            description: &column.description,
            number: column.unit.is_some(),
        })
        .collect();
    let cell = |column: &ColumnLine<'_>, text: Option<String>| {
        let number = column.number;
        let label = text.as_deref().filter(|_| !number).and_then(|text| {
            let list = app.shipped_code_list(column.name)?;
            list.find(text).map(|at| list.entry(at).label.get(context.lang).to_owned())
        });
        // A date stands as people write it; the files have it as ISO 8601.
        let day = text.as_deref().filter(|text| !number && text.len() == 10).and_then(|text| text.parse().ok());
        let date = day.is_some();
        let text = match (day, text) {
            (Some(day), _) => Some(frame.day(day)),
            (None, Some(text)) => Some(text.parse().ok().filter(|_| number).map_or(text, thousands)),
            (None, None) => None,
        };
        Cell { text, label, number, date }
    };
    let rows: Vec<Vec<Cell>> = rows
        .into_iter()
        .map(|row| columns.iter().zip(row).map(|(column, text)| cell(column, text)).collect())
        .collect();
    let template = DatasetTemplate {
        release: release.map(|release| (release.version, frame.day(bangkok(release.published_at)))),
        frame,
        name: &dataset.name,
        title: &dataset.title,
        description: &dataset.description,
        licence: &dataset.licence,
        formats: dataset.formats.iter().map(|format| format.extension()).collect(),
        columns,
        rows_shown: rows.len(),
        rows,
        rows_total: thousands(rows_total),
    };
    page(context, &template)
}

/// Thailand keeps one time, UTC+7, all year.
pub(super) fn thailand() -> TimeZone {
    TimeZone::fixed(Offset::constant(7))
}

fn bangkok(at: jiff::Timestamp) -> Date {
    at.to_zoned(thailand()).date()
}

/// `1,234,567`
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub fn problems(context: &RequestContext) -> Result<HttpResponse, Problem> {
    page(context, &Problems { frame: Frame::new(context, "/problems"), entries: catalogue() })
}

pub fn problem(entry: &Entry, context: &RequestContext) -> Result<HttpResponse, Problem> {
    page(context, &OneProblem { frame: Frame::new(context, format!("/problems/{}", entry.code)), entry })
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(STYLE)
}

fn page(context: &RequestContext, template: &impl Template) -> Result<HttpResponse, Problem> {
    let html = template.render().map_err(Problem::internal)?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_LANGUAGE, context.lang_tag()))
        .insert_header((header::VARY, "accept, accept-language"))
        .body(html))
}

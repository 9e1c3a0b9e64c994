//! The REST resources, a file for each; this page is the route table.
//!
//! A handler parses, calls one use case and wraps. It decides nothing: who may do what and what happens
//! then is the business of `app`.

mod agreements;
mod approvals;
pub mod bodies;
pub mod certifications;
pub mod codelists;
mod corrections;
pub mod counts;
pub mod data;
pub mod events;
pub mod health;
mod journal;
pub mod mappings;
mod oauth;
pub mod problems;
mod publications;
mod purposes;
pub mod records;
mod retention;
pub mod rules;
mod service;
pub mod standards;
mod subject_requests;
mod subjects;
pub mod submissions;
pub mod uploads;

use utoipa_actix_web::service_config::ServiceConfig;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(health::alive).service(health::ready).service(health::metrics).service(health::keys);
    config.service(oauth::token).service(oauth::server);
    config.service(journal::list);
    config
        .service(agreements::list)
        .service(agreements::draft)
        .service(agreements::one)
        .service(agreements::change)
        .service(agreements::propose)
        .service(agreements::terminate)
        .service(agreements::renew)
        .service(service::of_month)
        .service(service::signed_of_month);
    config.service(approvals::list).service(approvals::approve).service(approvals::refuse);
    config
        .service(submissions::send)
        .service(submissions::list)
        .service(submissions::one)
        .service(submissions::signed_receipt)
        .service(submissions::refused)
        .service(submissions::accepted)
        .service(submissions::cancel)
        .service(events::watch);
    config
        .service(uploads::begin)
        .service(uploads::spoken)
        .service(uploads::one)
        .service(uploads::append)
        .service(uploads::give_up)
        .service(uploads::spoken_of_one);
    config.service(records::enrolments);
    config.service(counts::last).service(counts::run).service(counts::manifest);
    config
        .service(certifications::certify)
        .service(certifications::reopen)
        .service(certifications::list)
        .service(certifications::changes);
    config.service(standards::list).service(standards::one);
    config.service(codelists::list).service(codelists::one);
    config.service(mappings::list).service(mappings::one);
    config.service(rules::list).service(rules::one);
    config.service(problems::list).service(problems::one);
    config.service(purposes::list).service(subjects::access_log);
    config
        .service(subject_requests::record)
        .service(subject_requests::list)
        .service(subject_requests::one)
        .service(subject_requests::decide)
        .service(subject_requests::export)
        .service(subject_requests::grounds);
    config.service(retention::policy).service(retention::reports);
    config.service(corrections::list).service(corrections::answer);
    config.service(data::get).service(publications::publish);
}

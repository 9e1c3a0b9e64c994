//! What the gateway did since it started, as Prometheus reads it.
//!
//! Owns the counters. Their labels are route templates and statuses: a bounded set that holds nobody's data.

use crate::limit::Counted;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Counters of one process.
#[derive(Debug, Default)]
pub struct Metrics {
    answers: Mutex<BTreeMap<(String, String, u16), Answers>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Answers {
    number: u64,
    elapsed_ms: u64,
}

impl Metrics {
    /// `route`: the template, or `-` where no route matched. Methods beyond the known ones count as one.
    pub fn answered(&self, method: &str, route: &str, status: u16, elapsed_ms: u64) {
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" => method,
            _ => "other",
        };
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = answers.entry((method.to_owned(), route.to_owned(), status)).or_default();
        entry.number += 1;
        entry.elapsed_ms += elapsed_ms;
    }

    /// The text exposition format, version 0.0.4.
    pub fn text(&self, submissions_waiting: usize, limits: &Counted) -> String {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::from("# HELP saphan_http_answers_total Answers by route template and status.\n");
        out.push_str("# TYPE saphan_http_answers_total counter\n");
        for ((method, route, status), counted) in answers.iter() {
            let labels = format!("{{method=\"{method}\",route=\"{}\",status=\"{status}\"}}", escape(route));
            // Writing into a string can't fail.
            let _ = writeln!(out, "saphan_http_answers_total{labels} {}", counted.number);
        }
        out.push_str("# HELP saphan_http_answer_seconds_total Time spent on those answers.\n");
        out.push_str("# TYPE saphan_http_answer_seconds_total counter\n");
        for ((method, route, status), counted) in answers.iter() {
            let labels = format!("{{method=\"{method}\",route=\"{}\",status=\"{status}\"}}", escape(route));
            let seconds = counted.elapsed_ms as f64 / 1_000.0;
            let _ = writeln!(out, "saphan_http_answer_seconds_total{labels} {seconds}");
        }
        out.push_str("# HELP saphan_submissions_waiting Submissions queued or under work.\n");
        out.push_str("# TYPE saphan_submissions_waiting gauge\n");
        let _ = writeln!(out, "saphan_submissions_waiting {submissions_waiting}");
        write_limits(&mut out, limits);
        out
    }
}

fn write_limits(out: &mut String, limits: &Counted) {
    out.push_str("# HELP saphan_rate_refused_total Requests refused by a limit.\n");
    out.push_str("# TYPE saphan_rate_refused_total counter\n");
    for (policy, refused) in &limits.refused {
        let _ = writeln!(out, "saphan_rate_refused_total{{policy=\"{}\"}} {refused}", policy.as_str());
    }
    out.push_str(
        "# HELP saphan_rate_decisions_total Decisions and debits, by this gateway alone or with the others.\n",
    );
    out.push_str("# TYPE saphan_rate_decisions_total counter\n");
    for (by, decided) in [("alone", limits.decided_here), ("together", limits.decided_together)] {
        let _ = writeln!(out, "saphan_rate_decisions_total{{by=\"{by}\"}} {decided}");
    }
    if let Some(is_together) = limits.is_together {
        out.push_str("# HELP saphan_rate_store_up Does the server for the limits of all gateways answer?\n");
        out.push_str("# TYPE saphan_rate_store_up gauge\n");
        let _ = writeln!(out, "saphan_rate_store_up {}", u8::from(is_together));
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::quota::Policy;

    #[test]
    fn answers_are_counted_by_template_and_status() {
        let metrics = Metrics::default();
        metrics.answered("GET", "/v1/submissions/{id}", 200, 1_500);
        metrics.answered("GET", "/v1/submissions/{id}", 200, 500);
        metrics.answered("BREW", "-", 404, 0);
        let limits = Counted {
            refused: vec![(Policy::SubmitBytes, 7)],
            decided_here: 2,
            decided_together: 5,
            is_together: Some(false),
        };
        let text = metrics.text(3, &limits);
        let said = |line: &str| assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        said(r#"saphan_http_answers_total{method="GET",route="/v1/submissions/{id}",status="200"} 2"#);
        said(r#"saphan_http_answer_seconds_total{method="GET",route="/v1/submissions/{id}",status="200"} 2"#);
        said(r#"saphan_http_answers_total{method="other",route="-",status="404"} 1"#);
        said("saphan_submissions_waiting 3");
        said(r#"saphan_rate_refused_total{policy="submit-bytes"} 7"#);
        said(r#"saphan_rate_decisions_total{by="together"} 5"#);
        said("saphan_rate_store_up 0");
        assert!(!metrics.text(0, &Counted::default()).contains("store_up"), "nobody counts together here");
    }
}

//! Which methods an address takes, from the OpenAPI document: tells 405 from 404.
//!
//! Owns that one question. The framework's routes match path and method together and would answer 404
//! to both; the document is made from the same handlers, so the two can't disagree.

use super::problem::{Kind, Problem};
use actix_web::HttpRequest;

#[derive(Debug)]
pub struct RouteTable {
    /// Segments of the path template (`{id}` is any one segment) and its methods.
    routes: Vec<(Vec<String>, Vec<&'static str>)>,
}

impl RouteTable {
    pub fn of(document: &utoipa::openapi::OpenApi) -> Self {
        let routes = document.paths.paths.iter().map(|(template, item)| {
            let mut methods = Vec::new();
            let told = [
                ("GET", item.get.is_some()),
                // The server answers it wherever it answers GET; the document doesn't repeat it.
                ("HEAD", item.get.is_some()),
                ("PUT", item.put.is_some()),
                ("POST", item.post.is_some()),
                ("DELETE", item.delete.is_some()),
                ("PATCH", item.patch.is_some()),
                ("OPTIONS", item.options.is_some()),
            ];
            methods.extend(told.iter().filter(|(_, taken)| *taken).map(|(method, _)| *method));
            (segments(template), methods)
        });
        RouteTable { routes: routes.collect() }
    }

    /// What to answer to a request that no handler took.
    pub fn unmatched(&self, request: &HttpRequest) -> Problem {
        let path = segments(request.path());
        let methods = self.routes.iter().find(|(template, _)| fits(template, &path)).map(|(_, methods)| methods);
        match methods {
            Some(methods) if !methods.contains(&request.method().as_str()) => {
                Problem::new(Kind::MethodNotAllowed).allow(methods.join(", "))
            }
            _ => Problem::new(Kind::NotFound),
        }
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

fn fits(template: &[String], path: &[String]) -> bool {
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(part, segment)| part == segment || part.starts_with('{') && part.ends_with('}'))
}

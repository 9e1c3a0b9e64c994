//! Bodies that are worth keeping at the reader: entity tags, 304, and files handed on in chunks.
//!
//! Owns the headers of both. Tags are weak, because the same content goes out compressed and plain.

use crate::app::download::Download;
use crate::app::reference::entity_tag;
use actix_web::body::{BodyStream, SizedStream};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

/// For what only its own reader may keep.
pub const PRIVATE: &str = "private, no-cache";
/// For what everybody may keep a while and then ask again.
pub const PUBLIC: &str = "public, max-age=300";

/// `bytes` with their tag, or 304 if the caller has them.
pub fn tagged(request: &HttpRequest, bytes: Vec<u8>, media_type: &str, cache: &'static str) -> HttpResponse {
    let tag = entity_tag(&bytes);
    if has(request, &tag) { not_modified(&tag, cache) } else { under(&tag, bytes, media_type, cache) }
}

/// `bytes` under a tag that was known before them.
pub fn under(tag: &str, bytes: Vec<u8>, media_type: &str, cache: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type(media_type).insert_header((header::VARY, "accept"));
    set(&mut response, tag, cache);
    response.body(bytes)
}

/// 304 for one who has `tag`.
pub fn not_modified(tag: &str, cache: &'static str) -> HttpResponse {
    let mut response = HttpResponse::NotModified();
    set(&mut response, tag, cache);
    response.finish()
}

/// A file to be saved. Its name is ours and says nothing of the sender.
pub fn file(download: Download, response: &mut HttpResponseBuilder) -> HttpResponse {
    let disposition = format!("attachment; filename=\"{}\"", download.file_name);
    response.content_type(download.media_type).insert_header((header::CONTENT_DISPOSITION, disposition));
    match download.bytes {
        Some(bytes) => response.body(SizedStream::new(bytes, download.content)),
        None => response.body(BodyStream::new(download.content)),
    }
}

/// Does `If-None-Match` name this tag (RFC 9110 §13.1.2, weak comparison)?
pub fn has(request: &HttpRequest, tag: &str) -> bool {
    let named = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or("");
    named.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/").trim_matches('"') == tag)
}

pub fn set(response: &mut HttpResponseBuilder, tag: &str, cache: &'static str) {
    response.insert_header((header::ETAG, format!("W/\"{tag}\"")));
    response.insert_header((header::CACHE_CONTROL, cache));
}

/// The format asked for: `?format=` goes before `Accept`; none: the first of `offered`.
/// Names are matched with the media types' own ends (`text/csv` is `csv`). None: none of them is acceptable.
pub fn negotiate(
    request: &HttpRequest,
    asked: Option<&str>,
    offered: &[(&'static str, &'static str)],
) -> Option<&'static str> {
    if let Some(asked) = asked {
        return offered.iter().map(|(name, _)| *name).find(|name| *name == asked);
    }
    let first = offered.first().map(|(name, _)| *name);
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    accept.split(',').take(32).find_map(|range| {
        let range = range.split(';').next().unwrap_or("").trim();
        match range {
            "*/*" | "" => first,
            range => offered.iter().find(|(_, media)| fits(range, media)).map(|(name, _)| *name),
        }
    })
}

fn fits(range: &str, media: &str) -> bool {
    range == media || range.strip_suffix("/*").is_some_and(|kind| media.split('/').next() == Some(kind))
}

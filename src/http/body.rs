//! A streamed request body with its limits: how much, and how long one may keep us waiting.
//!
//! Owns both for every route that takes files. The framework's own time limit ends with the headers;
//! a sender that trickles a body is cut off here.

use super::problem::{Kind, Problem, interrupted, too_large};
use actix_web::web;
use bytes::Bytes;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::Instant;

/// Longest silence between two pieces of a body.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);

pub struct Body {
    payload: web::Payload,
    taken_bytes: u64,
    bytes_max: u64,
    silence_max: Duration,
    ends_at: Instant,
}

impl Body {
    pub fn new(payload: web::Payload, bytes_max: u64, time_max: Duration) -> Self {
        let ends_at = Instant::now() + time_max;
        Body { payload, taken_bytes: 0, bytes_max, silence_max: SILENCE_MAX, ends_at }
    }

    /// All of it at once.
    pub async fn whole(mut self) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let wait_until = self.ends_at.min(Instant::now() + self.silence_max);
        let piece = match tokio::time::timeout_at(wait_until, self.payload.next()).await {
            Err(_) => return Err(Problem::new(Kind::RequestTimeout)),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => {
                return Err(interrupted());
            }
            Ok(Some(Ok(piece))) => piece,
        };
        self.taken_bytes = self.taken_bytes.saturating_add(piece.len() as u64);
        if self.taken_bytes > self.bytes_max {
            return Err(too_large(self.bytes_max));
        }
        Ok(Some(piece))
    }
}
/// Of a request in JSON; its time is that of a form.
const JSON_BYTES_MAX: u64 = 64 << 10;
const JSON_TIME_MAX: Duration = Duration::from_secs(30);

/// A request in JSON, of any form that is written by hand.
pub async fn json<T: DeserializeOwned>(payload: web::Payload) -> Result<T, Problem> {
    json_up_to(payload, JSON_BYTES_MAX).await
}

/// The same where less is known to do. The words of a JSON reader repeat what they read, so they are not passed on; where it stands says enough.
pub async fn json_up_to<T: DeserializeOwned>(payload: web::Payload, bytes_max: u64) -> Result<T, Problem> {
    let bytes = Body::new(payload, bytes_max, JSON_TIME_MAX).whole().await?;
    serde_json::from_slice(&bytes).map_err(|fault| {
        let (line, column) = (fault.line(), fault.column());
        Problem::new(Kind::JsonInvalid).detail(
            format!("บรรทัด {line} ตำแหน่งที่ {column}: ไวยากรณ์ ชื่อ หรือชนิดของสมาชิกไม่ถูกต้อง หรือขาดสมาชิก"),
            format!(
                "Line {line}, column {column}: the grammar, or a member's name or type, is wrong, or one is missing."
            ),
        )
    })
}

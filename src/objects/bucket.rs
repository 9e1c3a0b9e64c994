//! A prefix of an S3 bucket. The only file that speaks to `object_store`, beside the reader and the signatures.
//!
//! Owns time limits and retries, the parts of a large upload, and what of an error may be told: a kind or a status, never
//! an address, because a key may be a file name that somebody outside chose. Refuses plain HTTP unless it is asked for.

use super::signing::VaultSignatures;
use super::{Content, Entry, ObjectsError};
use crate::config::ObjectOptions;
use bytes::Bytes;
use futures_util::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpError, SpawnedReqwestConnector};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, ListResult, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutPayload, RetryConfig, WriteMultipart,
};
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;

const CONNECT_MAX: Duration = Duration::from_secs(5);
/// One request, which carries at most a part.
const REQUEST_MAX: Duration = Duration::from_secs(120);
/// Silence in the middle of an answer.
const SILENCE_MAX: Duration = Duration::from_secs(20);
const RETRIES_MAX: usize = 3;
const RETRYING_MAX: Duration = Duration::from_secs(15);
const RETRY_AFTER_FIRST: Duration = Duration::from_millis(100);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);

/// What goes up in one request; S3 takes no part below 5 MiB but the last.
const PART_BYTES_MIN: u64 = 8 << 20;
/// S3 takes 10,000.
const PARTS_MAX: u64 = 9_000;
/// Parts on their way at the same time.
const PARTS_AT_ONCE: usize = 3;
/// S3 copies more than this in parts only; such objects go through us.
const COPY_BYTES_MAX: u64 = 5 << 30;
const PAGE_KEYS: usize = 1_000;

#[derive(Debug)]
pub(super) struct Bucket {
    store: AmazonS3,
    /// Without slashes at its ends; empty: the bucket itself.
    prefix: String,
}

impl Bucket {
    pub(super) fn open(
        bucket: &str,
        prefix: &str,
        options: &ObjectOptions,
        io: Handle,
    ) -> Result<Bucket, ObjectsError> {
        let client = ClientOptions::new()
            .with_connect_timeout(CONNECT_MAX)
            .with_timeout(REQUEST_MAX)
            .with_read_timeout(SILENCE_MAX);
        let backoff = BackoffConfig { init_backoff: RETRY_AFTER_FIRST, max_backoff: RETRY_AFTER_MAX, base: 2.0 };
        let mut builder = AmazonS3Builder::new()
            .with_client_options(client)
            .with_bucket_name(bucket)
            .with_retry(RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: RETRYING_MAX });
        for (name, value) in options.iter() {
            // Variables of other programs stand among them.
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let store = builder
            .with_bucket_name(bucket)
            .with_crypto_provider(Arc::new(VaultSignatures))
            // Whichever runtime asks, connections belong to the one that lasts.
            .with_http_connector(SpawnedReqwestConnector::new(io))
            .build()
            .map_err(|error| ObjectsError::Settings(error.into()))?;
        Ok(Bucket { store, prefix: prefix.to_owned() })
    }

    pub(super) fn key(&self, key: &Path) -> Result<Key, ObjectsError> {
        let key = key.to_str().ok_or(ObjectsError::Name)?;
        let whole = if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) };
        Key::parse(whole).map_err(|_| ObjectsError::Name)
    }

    /// Bytes of a range, as far as there are, with what they are of. `of`: no other content than this.
    pub(super) async fn range(
        &self,
        key: &Key,
        range: Range<u64>,
        of: Option<&str>,
    ) -> Result<(Bytes, ObjectMeta), ObjectsError> {
        let (range, if_match) = (Some(GetRange::Bounded(range)), of.map(str::to_owned));
        let options = GetOptions { range, if_match, ..GetOptions::default() };
        let found = self.store.get_opts(key, options).await.map_err(told)?;
        let meta = found.meta.clone();
        Ok((found.bytes().await.map_err(told)?, meta))
    }

    /// `bytes`: of the whole content. What is reported done is there whole.
    pub(super) async fn put(&self, key: &Key, bytes: u64, mut content: Content) -> Result<(), ObjectsError> {
        if bytes <= PART_BYTES_MIN {
            let mut whole = Vec::new();
            while let Some(piece) = content.next().await {
                whole.extend_from_slice(&piece.map_err(ObjectsError::Content)?);
            }
            return self.store.put(key, PutPayload::from(whole)).await.map(drop).map_err(told);
        }
        let part = usize::try_from(PART_BYTES_MIN.max(bytes.div_ceil(PARTS_MAX))).map_err(|_| ObjectsError::Name)?;
        let upload = self.store.put_multipart(key).await.map_err(told)?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, part);
        let mut sent = 0;
        let outcome = loop {
            if let Err(error) = parts.wait_for_capacity(PARTS_AT_ONCE).await {
                break Err(told(error));
            }
            match content.next().await {
                Some(Ok(piece)) => {
                    sent += piece.len() as u64;
                    parts.put(piece);
                }
                Some(Err(error)) => break Err(ObjectsError::Content(error)),
                None => break Ok(()),
            }
        };
        if let Err(error) = outcome {
            // Where the server is away its rule for unfinished uploads clears them.
            parts.abort().await.ok();
            return Err(error);
        }
        parts.finish().await.map_err(told)?;
        match self.store.head(key).await.map_err(told)?.size {
            there if there == sent => Ok(()),
            _ => Err(ObjectsError::Away("an upload that was reported done and is not whole".into())),
        }
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        match self.store.delete(key).await.map_err(told) {
            Err(ObjectsError::Missing) => Ok(()),
            other => other,
        }
    }

    pub(super) async fn stat(&self, key: &Key) -> Result<Option<Entry>, ObjectsError> {
        match self.store.head(key).await.map_err(told) {
            Ok(meta) => Ok(Some(entry(&meta, key.filename().unwrap_or_default()))),
            Err(ObjectsError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A copy, then the end of the first: a crash between leaves both, never none. Asked before each of the two whether it is
    /// still the same object; one that comes later than that is not seen.
    pub(super) async fn rename(self: &Arc<Self>, from: &Key, to: &Key, seen: &Entry) -> Result<bool, ObjectsError> {
        let meta = self.store.head(from).await.map_err(told)?;
        if !entry(&meta, "").is_same(seen) {
            return Ok(false);
        }
        let ObjectMeta { size: bytes, e_tag, .. } = meta.clone();
        if bytes <= COPY_BYTES_MAX {
            self.store.copy(from, to).await.map_err(told)?;
        } else {
            self.put(to, bytes, self.clone().content(from.clone(), bytes, e_tag)).await?;
        }
        let now = self.store.head(from).await.map_err(told)?;
        if (now.size, now.last_modified, &now.e_tag) != (meta.size, meta.last_modified, &meta.e_tag) {
            return Ok(false);
        }
        self.delete(from).await?;
        Ok(true)
    }

    fn content(self: Arc<Self>, key: Key, bytes: u64, of: Option<String>) -> Content {
        let content = async_stream::try_stream! {
            let mut from = 0;
            while from < bytes {
                let range = from..(from + PART_BYTES_MIN).min(bytes);
                let (piece, _) = self.range(&key, range, of.as_deref()).await.map_err(std::io::Error::from)?;
                from += piece.len() as u64;
                yield piece;
            }
        };
        Box::pin(content)
    }

    /// What lies right under `folder` (empty: under the prefix), at most `max`, in the order of the keys.
    pub(super) async fn list(&self, folder: &str, max: usize) -> Result<Vec<Entry>, ObjectsError> {
        self.pages(folder, max, |page, prefix| {
            // The console of a store makes an object for the folder itself.
            let named = |meta: &ObjectMeta| {
                let name = inside(prefix, &meta.location)?.to_owned();
                Some(entry(meta, &name))
            };
            page.objects.iter().filter_map(named).collect()
        })
        .await
    }

    /// The names between `folder` and the next slash, at most `max`.
    pub(super) async fn folders(&self, folder: &str, max: usize) -> Result<Vec<OsString>, ObjectsError> {
        self.pages(folder, max, |page, prefix| {
            page.common_prefixes.iter().filter_map(|found| Some(inside(prefix, found)?.into())).collect()
        })
        .await
    }

    async fn pages<T>(
        &self,
        folder: &str,
        max: usize,
        take: impl Fn(&ListResult, &str) -> Vec<T>,
    ) -> Result<Vec<T>, ObjectsError> {
        let parts: Vec<&str> = [self.prefix.as_str(), folder].into_iter().filter(|part| !part.is_empty()).collect();
        let prefix = parts.iter().map(|part| format!("{part}/")).collect::<String>();
        let (mut found, mut page_token) = (Vec::new(), None);
        loop {
            let options = PaginatedListOptions {
                delimiter: Some("/".into()),
                max_keys: Some(PAGE_KEYS),
                page_token,
                ..PaginatedListOptions::default()
            };
            let asked = (!prefix.is_empty()).then_some(prefix.as_str());
            let page = self.store.list_paginated(asked, options).await.map_err(told)?;
            found.extend(take(&page.result, &prefix));
            page_token = page.page_token;
            if page_token.is_none() || found.len() >= max {
                found.truncate(max);
                return Ok(found);
            }
        }
    }
}

/// The name right under a prefix; none: deeper, or the prefix itself.
fn inside<'a>(prefix: &str, key: &'a Key) -> Option<&'a str> {
    key.as_ref().strip_prefix(prefix).filter(|name| !name.is_empty() && !name.contains('/'))
}

fn entry(meta: &ObjectMeta, name: &str) -> Entry {
    // A list may say milliseconds; a header can't.
    let seconds = u64::try_from(meta.last_modified.timestamp()).unwrap_or(0);
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    Entry { name: name.into(), bytes: meta.size, modified, version: meta.e_tag.clone() }
}

/// What may be said of it. Everything but a missing object is the store's affair and worth another try.
fn told(error: object_store::Error) -> ObjectsError {
    use object_store::Error;
    let what = match &error {
        Error::NotFound { .. } => return ObjectsError::Missing,
        Error::PermissionDenied { .. } => String::from("it refuses these credentials (403)"),
        Error::Unauthenticated { .. } => String::from("it does not know these credentials (401)"),
        Error::Precondition { .. } => String::from("the object was replaced while it was read (412)"),
        Error::AlreadyExists { .. } => String::from("it answered 409"),
        Error::NotSupported { .. } | Error::NotImplemented { .. } => String::from("it can't do what was asked"),
        _ => transport(&error),
    };
    ObjectsError::Away(what)
}

fn transport(error: &object_store::Error) -> String {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if let Some(http) = cause.downcast_ref::<HttpError>() {
            return format!("no answer ({:?})", http.kind());
        }
        next = cause.source();
    }
    String::from("it answered with an error")
}

//! Places where files lie: a folder, or a prefix of an S3 bucket, with what the standard `AWS_…` variables say of it.
//!
//! Owns how an address is written. Refuses credentials in it: an address is printed and logged, a secret is not.

use super::ConfigFault;
use super::value::Given;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Variables that say how a bucket is reached.
pub(super) const AWS: &str = "AWS_";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Folder(PathBuf),
    Bucket {
        bucket: String,
        /// Without slashes at its ends; may be empty.
        prefix: String,
    },
}

impl Place {
    /// `/srv/drop/obec` or `s3://bucket/prefix`.
    pub(super) fn parse(text: &str) -> Result<Place, String> {
        let fault = || "not a place; write a folder such as /srv/saphan/drop, or s3://bucket/prefix".to_owned();
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.starts_with('/') || text.starts_with('.') {
                Ok(Place::Folder(text.into()))
            } else {
                Err(fault())
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if scheme != "s3" {
            return Err(fault());
        }
        if bucket.contains('@') || text.contains('?') {
            return Err("the address of a bucket holds no credentials: set AWS_ACCESS_KEY_ID and \
                AWS_SECRET_ACCESS_KEY"
                .into());
        }
        let is_name = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-' | b'_');
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_name) {
            return Err("a bucket's name is 3 to 63 of a-z, 0-9, `.`, `-`: s3://bucket/prefix".into());
        }
        let prefix = prefix.trim_matches('/');
        let parts = prefix.split('/').filter(|_| !prefix.is_empty());
        if prefix.len() > 500 || parts.clone().any(|part| matches!(part, "" | "." | "..")) {
            return Err("a prefix is names with one `/` between them: s3://bucket/agencies/obec".into());
        }
        Ok(Place::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    pub(super) fn is_bucket(&self) -> bool {
        matches!(self, Place::Bucket { .. })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Folder(path) => write!(f, "{}", path.display()),
            Place::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// The `AWS_…` variables: endpoint, region, credentials. They are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ObjectOptions(BTreeMap<String, String>);

impl ObjectOptions {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn of(environment: &BTreeMap<String, String>) -> ObjectOptions {
        let ours = environment.iter().filter(|(name, value)| name.starts_with(AWS) && !value.trim().is_empty());
        ObjectOptions(ours.map(|(name, value)| (name.clone(), value.trim().to_owned())).collect())
    }

    /// Faults that would show only with the first file.
    pub(super) fn check(&self, given: &mut Given) {
        let is_set = |name: &str| self.0.contains_key(name);
        let plain_allowed = self
            .0
            .get("AWS_ALLOW_HTTP")
            .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"));
        for name in ["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
            let Some(endpoint) = self.0.get(name) else { continue };
            let fault = if endpoint.starts_with("http://") && !plain_allowed {
                "the line would not be encrypted; write https://…, or set AWS_ALLOW_HTTP=true for a store on this machine"
            } else if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
                "not the address of an S3 service such as https://s3.example.go.th"
            } else if endpoint.contains('@') {
                "an address holds no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            } else {
                continue;
            };
            given.faults.push(ConfigFault { place: name.to_owned(), fault: fault.to_owned() });
        }
        for (one, other) in
            [("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")]
        {
            if is_set(one) && !is_set(other) {
                given.fault(other.to_owned(), format!("not set, but {one} is; they go together"));
            }
        }
    }
}

impl std::fmt::Debug for ObjectOptions {
    /// Names only: among the values are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

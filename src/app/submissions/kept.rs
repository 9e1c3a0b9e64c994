//! A kept, sealed file as the decoder wants it: readable again from its start, wherever it lies.

use crate::app::App;
use crate::decode::{Input, ReadSeek};
use crate::objects::Objects;
use crate::store::Submission;
use crate::vault::{Vault, VaultError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

struct KeptInput {
    vault: Arc<Vault>,
    objects: Objects,
    key: PathBuf,
    label: Vec<u8>,
    bytes: u64,
}

impl Input for KeptInput {
    /// For threads that may wait: the file may lie on another machine.
    fn open(&self) -> io::Result<Box<dyn ReadSeek>> {
        let source = self.objects.reader(&self.key, None)?;
        let bytes = source.total_bytes()?;
        let reader = self.vault.open_sealed_in(source, bytes, &self.label).map_err(|error| match error {
            VaultError::Source(error) => error,
            other => io::Error::other(other),
        })?;
        Ok(Box::new(reader))
    }

    fn len(&self) -> u64 {
        self.bytes
    }
}

impl App {
    pub(super) fn kept(&self, stored: &Submission) -> Arc<dyn Input> {
        Arc::new(KeptInput {
            vault: self.vault.clone(),
            objects: self.objects.clone(),
            key: PathBuf::from(&stored.new.kept_path),
            label: stored.new.id.as_str().as_bytes().to_vec(),
            bytes: stored.new.bytes,
        })
    }
}

//! A kept, sealed file as the decoder wants it: readable again from its start.

use crate::app::App;
use crate::decode::{Input, ReadSeek};
use crate::store::Submission;
use crate::vault::Vault;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

struct KeptInput {
    vault: Arc<Vault>,
    path: PathBuf,
    label: Vec<u8>,
    bytes: u64,
}

impl Input for KeptInput {
    fn open(&self) -> io::Result<Box<dyn ReadSeek>> {
        let reader = self.vault.open_sealed(&self.path, &self.label).map_err(io::Error::other)?;
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
            path: self.home.join(&stored.new.kept_path),
            label: stored.new.id.as_str().as_bytes().to_vec(),
            bytes: stored.new.bytes,
        })
    }
}

//! Inputs held in memory: small requests, previews of mappings, tests.
//!
//! Owns [`MemoryInput`]. Refuses files: those belong to whoever keeps them (`store`, `cli`).

use super::{Input, ReadSeek};
use std::io::{self, Cursor};
use std::sync::Arc;

/// Bytes in memory that can be read any number of times.
#[derive(Debug, Clone)]
pub struct MemoryInput(Arc<[u8]>);

impl MemoryInput {
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        MemoryInput(bytes.into())
    }

    /// As the decoder takes it.
    pub fn shared(bytes: impl Into<Arc<[u8]>>) -> Arc<dyn Input> {
        Arc::new(MemoryInput::new(bytes))
    }
}

impl Input for MemoryInput {
    fn open(&self) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

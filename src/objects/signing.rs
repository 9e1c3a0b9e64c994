//! Requests to an object store are signed with the vault's SHA-256 and HMAC, so that no second library of ciphers comes in.
//!
//! Owns nothing secret: the key is the one that `AWS_SECRET_ACCESS_KEY` gave. Refuses to sign with RSA, which no S3 asks for.

use crate::vault::{HmacStream, Sha256Stream};
use object_store::client::{CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm};
use object_store::{Error, Result};

#[derive(Debug)]
pub(super) struct VaultSignatures;

impl CryptoProvider for VaultSignatures {
    fn digest(&self, algorithm: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => Ok(Box::new(Digest { stream: Sha256Stream::new(), finished: [0; 32] })),
            _ => Err(unknown()),
        }
    }

    fn hmac(&self, algorithm: DigestAlgorithm, secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => Ok(Box::new(Hmac { stream: Some(HmacStream::new(secret)), finished: [0; 32] })),
            _ => Err(unknown()),
        }
    }

    fn sign(&self, _: SigningAlgorithm, _: &[u8]) -> Result<Box<dyn Signer>> {
        Err(unknown())
    }
}

fn unknown() -> Error {
    Error::NotSupported { source: "only SHA-256 and its HMAC are here".into() }
}

struct Digest {
    stream: Sha256Stream,
    finished: [u8; 32],
}

impl DigestContext for Digest {
    fn update(&mut self, data: &[u8]) {
        self.stream.update(data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.finished = std::mem::take(&mut self.stream).finish();
        Ok(&self.finished)
    }
}

struct Hmac {
    stream: Option<HmacStream>,
    finished: [u8; 32],
}

impl HmacContext for Hmac {
    fn update(&mut self, data: &[u8]) {
        if let Some(stream) = &mut self.stream {
            stream.update(data);
        }
    }

    fn finish(&mut self) -> Result<&[u8]> {
        if let Some(stream) = self.stream.take() {
            self.finished = stream.finish();
        }
        Ok(&self.finished)
    }
}

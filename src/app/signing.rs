//! Files that their senders sign: a detached JWS over the bytes, by a key that the client has here.
//!
//! Owns when a signature is asked for and what it proves: that whoever holds the key of that client sent these bytes. A file with a
//! wrong one is not kept, not even to be refused later: nobody knows whose it is. Refuses to pass a signature over that it can't
//! check; a sender who signs expects it.

pub use crate::vault::DetachedJws;

use super::clients::access_admin;
use super::{App, AppError, journal_entry};
use crate::domain::ids::ClientId;
use crate::domain::principal::Principal;
use crate::domain::text::Bilingual;
use crate::vault::{ClientKey, SignedStream};

/// Why a file was not taken, though the client may send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("the client is to sign its files, and this one is not signed")]
    Missing,
    #[error("the signature names a key that the client does not have here")]
    NoKey,
    #[error("only client systems have keys here")]
    NotAClient,
    #[error("the signature is not by this key over these bytes")]
    Wrong,
}

impl SignatureFault {
    pub fn told(self) -> Bilingual {
        match self {
            SignatureFault::Missing => Bilingual::new(
                "ระบบลูกข่ายนี้ต้องลงลายมือชื่อกำกับไฟล์ แต่ไฟล์นี้ไม่มีลายมือชื่อ ใส่ detached JWS (ES256) ในส่วนหัว X-JWS-Signature แล้วส่งใหม่",
                "Files of this client must be signed, and this one is not. Put a detached JWS (ES256) into the header X-JWS-Signature and send it again.",
            ),
            SignatureFault::NoKey => Bilingual::new(
                "กุญแจ (kid) ที่ลายมือชื่ออ้างไม่ใช่กุญแจที่ระบบลูกข่ายนี้ลงทะเบียนไว้ ให้ผู้ดูแลเพิ่มกุญแจสาธารณะด้วย saphan client key add แล้วส่งใหม่",
                "The signature names a key (kid) that this client has not registered. Have its public half added (saphan client key add) and send the file again.",
            ),
            SignatureFault::NotAClient => Bilingual::new(
                "มีเพียงระบบลูกข่ายที่ลงทะเบียนกุญแจไว้ได้ บุคคลส่งไฟล์โดยไม่ใส่ X-JWS-Signature หรือส่งด้วยโทเคนของระบบลูกข่าย",
                "Only client systems have keys here. A person sends the file without X-JWS-Signature, or with the token of a client system.",
            ),
            SignatureFault::Wrong => Bilingual::new(
                "ลายมือชื่อไม่ตรงกับไฟล์ที่มาถึง ไฟล์ถูกเปลี่ยนระหว่างทาง หรือลงลายมือชื่อบนไบต์อื่น (เช่นก่อนบีบอัด gzip) ไม่มีข้อมูลใดถูกรับ ลงลายมือชื่อบนไบต์ที่ส่งจริงแล้วส่งใหม่",
                "The signature does not fit the file that arrived: it was changed on the way, or other bytes were signed (those before gzip, for instance). Nothing was taken. Sign the bytes as they are sent, and send them again.",
            ),
        }
    }
}

/// The signature that came with a file, and what of the file went by so far.
pub(super) struct Signed {
    jws: DetachedJws,
    bytes: SignedStream,
}

impl Signed {
    pub(super) fn new(jws: DetachedJws) -> Self {
        Signed { bytes: jws.over(), jws }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.bytes.update(bytes);
    }
}

impl App {
    /// May this sender send a file that has this signature, or none? A person signs in, and signs nothing.
    ///
    /// Errors: `Signature`.
    pub(super) async fn expect_signature(
        &self,
        principal: &Principal,
        jws: Option<&DetachedJws>,
    ) -> Result<(), AppError> {
        match (jws, principal) {
            (Some(jws), _) => self.signer_of(principal, jws).await.map(drop),
            (None, Principal::Client { id, .. }) => {
                let must_sign = self.store.client(id).await?.is_some_and(|client| client.must_sign);
                if must_sign { Err(SignatureFault::Missing.into()) } else { Ok(()) }
            }
            (None, _) => Ok(()),
        }
    }

    /// Is the signature that came with a file by a key of its sender, over the bytes that came?
    pub(super) async fn check_signature(&self, principal: &Principal, signed: Signed) -> Result<DetachedJws, AppError> {
        let key = self.signer_of(principal, &signed.jws).await?;
        let is_by = signed.jws.is_by(&key, signed.bytes)?;
        if is_by { Ok(signed.jws) } else { Err(SignatureFault::Wrong.into()) }
    }

    /// Only clients have keys here.
    async fn signer_of(&self, principal: &Principal, jws: &DetachedJws) -> Result<ClientKey, AppError> {
        let Principal::Client { id, .. } = principal else { return Err(SignatureFault::NotAClient.into()) };
        let keys = self.store.client_keys(id).await?;
        let named = keys.iter().find(|key| key.kid == jws.kid()).ok_or(SignatureFault::NoKey)?;
        Ok(ClientKey::parse(&named.jwk)?)
    }

    /// From now on files of this client without a signature are refused, or are taken again. It is told at every gateway by the
    /// next file.
    ///
    /// Errors: `ClientWithoutKeys` for one that has nothing to sign with: none of its files could be taken.
    pub async fn ask_for_signatures(
        &self,
        principal: &Principal,
        id: &ClientId,
        must_sign: bool,
    ) -> Result<(), AppError> {
        access_admin(principal)?;
        if must_sign && self.store.client_keys(id).await?.is_empty() && self.store.client(id).await?.is_some() {
            return Err(AppError::ClientWithoutKeys);
        }
        let detail = serde_json::json!({ "required": must_sign });
        let entry = journal_entry(principal, "client.signature", id.as_str(), detail);
        Ok(self.store.ask_for_signatures(id, must_sign, &entry).await?)
    }
}

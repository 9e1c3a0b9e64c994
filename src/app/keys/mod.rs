//! Keys that rotate while everything runs: the keyring of the store, taken up by every gateway, and changed step by step.
//!
//! Owns the order of a rotation (decision 18): a new key is first *coming*, known to all; only after [`LEAD`], in which every gateway
//! has looked several times, it is used. So nobody meets a value that it can't open, or a signature that it doesn't know.
//! Each step is one change of one row of the store; a process that dies in between leaves a state from which the next goes on.
//!
//! Refuses to forget a key that anything still needs, or that any work may still use.

mod reseal;

pub use reseal::Resealed;

use super::clients::access_admin;
use super::{App, AppError, journal_entry};
use crate::domain::principal::{Denied, Principal};
use crate::domain::text::Bilingual;
use crate::store::{InUse, Needed, ResealProgress, Store, StoredKeyring};
use crate::vault::{Draft, KeyChange, KeyLine, KeyState, KeyUse, MasterKey, MasterLine, Met, Vault, VaultError};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// How often a gateway asks whether the keyring changed: one short read.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// From a key being known to its use.
pub const LEAD: Duration = Duration::from_secs(10);
/// So often a change is tried again that another was quicker with.
const TRIES: usize = 8;

/// Why a key is not rotated or forgotten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    #[error("the keyring was changed by others again and again")]
    Raced,
    #[error("there is no old data key {0}")]
    NoOldKey(u16),
    #[error("the data key {id} is still needed")]
    StillNeeded { id: u16, needed: Needed },
    /// Work that began before may still use it.
    #[error("the data key {id} may be used until {until}")]
    TooEarly { id: u16, until: Timestamp },
    #[error("the new master key has to be given")]
    NoMaster,
    #[error("only one master key opens the keyring")]
    OneMaster,
    /// It would lock itself out.
    #[error("this process has an older master key")]
    OldMaster,
}

impl KeysError {
    pub fn told(&self) -> Bilingual {
        let (th, en) = match self {
            KeysError::Raced => (
                String::from("มีการเปลี่ยนชุดกุญแจพร้อมกันจากที่อื่น ยังไม่ได้เปลี่ยนอะไร สั่งใหม่อีกครั้ง"),
                String::from("The keyring was changed from elsewhere at the same time. Nothing was done; try again."),
            ),
            KeysError::NoOldKey(id) => (
                format!("ไม่มีกุญแจข้อมูลเก่าหมายเลข {id} ดูรายการด้วย saphan keys"),
                format!("There is no old data key {id}; `saphan keys` lists them."),
            ),
            KeysError::StillNeeded { id, needed } => {
                let Needed { records, accounts, sign_ins, files, requests, uploads } = needed;
                (
                    format!(
                        "กุญแจข้อมูลหมายเลข {id} ยังต้องใช้: ข้อมูลผู้เรียน {records} บัญชีผู้ใช้ {accounts} การเข้าระบบที่ค้าง {sign_ins} ไฟล์ที่รับไว้ {files} คำขอของเจ้าของข้อมูล {requests} การอัปโหลดที่ค้าง {uploads} รายการ จึงยังไม่ลบ"
                    ),
                    format!(
                        "The data key {id} is still needed: {records} sealed records, {accounts} values of accounts, {sign_ins} sign-ins under way, {files} kept files, {requests} requests of persons, {uploads} open uploads. It was not forgotten."
                    ),
                )
            }
            KeysError::TooEarly { id, until } => (
                format!("งานที่เริ่มไว้ก่อนอาจยังใช้กุญแจข้อมูลหมายเลข {id} ลบได้หลัง {until}"),
                format!("Work that began before may still use the data key {id}. It can be forgotten after {until}."),
            ),
            KeysError::NoMaster => (
                String::from(
                    "กุญแจหลักมาจาก SAPHAN_MASTER_KEY จึงต้องให้กุญแจใหม่ทาง standard input: openssl rand -base64 32 | tee new.key | saphan keys rotate --master",
                ),
                String::from(
                    "The master key is from SAPHAN_MASTER_KEY, so give the new one on standard input: openssl rand -base64 32 | tee new.key | saphan keys rotate --master",
                ),
            ),
            KeysError::OneMaster => (
                String::from("มีกุญแจหลักดอกเดียว ไม่มีดอกเก่าให้ลบ"),
                String::from("Only one master key opens the keyring; there is no older one to forget."),
            ),
            KeysError::OldMaster => (
                String::from("เครื่องนี้ยังใช้กุญแจหลักดอกเก่า ตั้ง SAPHAN_MASTER_KEY (หรือวาง master.key) ดอกใหม่ก่อน แล้วสั่งใหม่"),
                String::from(
                    "Here the older master key is still set. Set the new one (SAPHAN_MASTER_KEY, or master.key), then try again.",
                ),
            ),
        };
        Bilingual { th, en }
    }
}

/// For who brings keys back: what is lacking, and where it is to be had.
pub(super) fn told_of(error: &VaultError) -> Option<Bilingual> {
    let (th, en) = match error {
        VaultError::StoredMaster { wanted } => (
            format!(
                "กุญแจหลักที่มีอยู่เก่าเกินไป ชุดกุญแจในฐานข้อมูลเปิดได้ด้วยกุญแจหลักหมายเลข {wanted} เท่านั้น นำ master.key ดอกนั้นกลับมา หรือตั้งเป็น SAPHAN_MASTER_KEY"
            ),
            format!(
                "The keyring in the store is opened by another master key, {wanted}; the one here was replaced by it, or is of another store. Bring that master.key back, or set it as SAPHAN_MASTER_KEY."
            ),
        ),
        VaultError::MasterMissing(path) => {
            let path = path.display();
            (
                format!("ฐานข้อมูลมีชุดกุญแจอยู่แล้ว แต่ไม่มีกุญแจหลักให้เปิด นำ {path} กลับมาจากสำเนา หรือตั้ง SAPHAN_MASTER_KEY"),
                format!(
                    "The store holds a keyring, and there is no master key to open it. Bring {path} back from a copy, or set SAPHAN_MASTER_KEY."
                ),
            )
        }
        VaultError::OtherKeyring => (
            String::from("ชุดกุญแจในโฟลเดอร์ keys กับในฐานข้อมูลเป็นของคนละระบบ ตรวจ SAPHAN_HOME และ SAPHAN_DATABASE_URL"),
            String::from(
                "The keyring in the folder keys and the one in the store are of two systems. Check SAPHAN_HOME and SAPHAN_DATABASE_URL.",
            ),
        ),
        _ => return None,
    };
    Some(Bilingual { th, en })
}

/// A key, and what still needs it if it is an old data key.
#[derive(Debug, Clone)]
pub struct KeyReport {
    pub key: KeyLine,
    pub needed: Option<Needed>,
    /// How far the sealing anew under it is, if it is the current data key and followed another.
    pub reseal: Option<ResealProgress>,
}

pub struct KeysReport {
    pub revision: u64,
    pub masters: Vec<MasterLine>,
    pub keys: Vec<KeyReport>,
}

/// Opens the keys of a home beside its store, so that both have all of them.
pub async fn open(home: &Path, master: Option<&str>, store: &Store) -> Result<Vault, AppError> {
    let stored = store.keyring().await?;
    let vault = Vault::open_beside(home, master, stored.as_ref().map(|stored| stored.body.as_str()))?;
    store.pin_vault(&vault.fingerprint()).await?;
    for _ in 0..TRIES {
        let Some(stored) = store.keyring().await? else {
            store.add_keyring(vault.revision(), &vault.body()?).await?;
            continue;
        };
        match vault.meet(&stored.body)? {
            Met::Nothing | Met::TakenUp => return Ok(vault),
            Met::Lacks(Draft { before, revision, body }) => {
                let after = StoredKeyring { revision, body };
                if store.change_keyring(before, &after, None).await? {
                    vault.take_up(&after.body)?;
                }
            }
        }
    }
    Err(KeysError::Raced.into())
}

/// Only at the machine: no client and no person changes keys.
fn operator(principal: &Principal) -> Result<(), AppError> {
    access_admin(principal)?;
    match principal {
        Principal::Operator => Ok(()),
        _ => Err(Denied::NotAuthenticated.into()),
    }
}

impl App {
    /// True: another gateway or a command changed the keyring, and this process has it now. One that can't be taken up makes this
    /// gateway say that it is not ready, and seal nothing.
    pub async fn refresh_keys(&self) -> Result<bool, AppError> {
        let stored = self.store.keyring_revision().await?.unwrap_or(0);
        if stored <= self.vault.revision() {
            self.vault.note_stored(stored);
            return Ok(false);
        }
        let Some(stored) = self.store.keyring().await? else { return Ok(false) };
        let taken_up = self.vault.take_up(&stored.body);
        self.vault.note_stored(stored.revision);
        Ok(taken_up?)
    }

    /// Uses of which a key is coming.
    pub fn coming_keys(&self) -> Vec<(KeyUse, u16)> {
        let keys = self.vault.keys().into_iter().filter(|key| key.state == KeyState::Coming);
        keys.map(|key| (key.r#use, key.id)).collect()
    }

    /// Makes a new key known, to be used after [`LEAD`]. One that is coming already stays the one; answers its number.
    pub async fn begin_rotation(&self, principal: &Principal, r#use: KeyUse) -> Result<u16, AppError> {
        operator(principal)?;
        self.change_keys(principal, KeyChange::Begin(r#use), "begin", r#use.as_str()).await?;
        let coming = self.coming_keys().into_iter().find(|(of, _)| *of == r#use);
        Ok(coming.ok_or(KeysError::Raced)?.1)
    }

    /// The key that was coming is used from here on. Whoever comes second finds it done.
    pub async fn finish_rotation(&self, principal: &Principal, r#use: KeyUse) -> Result<(), AppError> {
        operator(principal)?;
        self.change_keys(principal, KeyChange::Finish(r#use), "finish", r#use.as_str()).await
    }

    /// A new master key opens the keyring beside the one before. `given`: where it isn't a file in the home.
    pub async fn rotate_master(&self, principal: &Principal, given: Option<MasterKey>) -> Result<(), AppError> {
        operator(principal)?;
        let master = match self.vault.next_master()? {
            Some(master) => master,
            None => given.ok_or(KeysError::NoMaster)?,
        };
        self.change_keys(principal, KeyChange::AddMaster(master), "add", "master").await?;
        Ok(self.vault.put_master_in_force(master)?)
    }

    /// No master key but the newest opens the keyring any more.
    pub async fn forget_masters(&self, principal: &Principal) -> Result<(), AppError> {
        operator(principal)?;
        self.refresh_keys().await?;
        if self.vault.masters().len() < 2 {
            return Err(KeysError::OneMaster.into());
        }
        if !self.vault.masters().last().is_some_and(|newest| newest.is_own) {
            return Err(KeysError::OldMaster.into());
        }
        self.change_keys(principal, KeyChange::ForgetMasters, "forget", "master").await
    }

    /// An old data key goes for ever, if nothing needs it.
    pub async fn forget_data_key(&self, principal: &Principal, id: u16) -> Result<(), AppError> {
        operator(principal)?;
        self.refresh_keys().await?;
        let is_old = |key: &KeyLine| key.id == id && key.r#use == KeyUse::Data && key.state == KeyState::Old;
        let key = self.vault.keys().into_iter().find(is_old).ok_or(KeysError::NoOldKey(id))?;
        let until = key.old_since.unwrap_or(Timestamp::MIN) + self.longest_work();
        if Timestamp::now() < until {
            return Err(KeysError::TooEarly { id, until }.into());
        }
        let needed = self.needs(&key).await?;
        if needed.records + needed.accounts > 0 {
            // Written by a process that was cut off, after the end was found.
            self.reseal_again().await?;
        }
        if !needed.is_nothing() {
            return Err(KeysError::StillNeeded { id, needed }.into());
        }
        self.change_keys(principal, KeyChange::Forget(id), "forget", "data").await
    }

    /// Any work ends within this: what began under a key that is old has written by then.
    fn longest_work(&self) -> SignedDuration {
        let seconds = self.pace.work_seconds_max.max(self.pace.request_seconds_max);
        SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX).min(1 << 32))
            + SignedDuration::try_from(LEAD).unwrap_or_default()
    }

    async fn needs(&self, key: &KeyLine) -> Result<Needed, AppError> {
        let now = Timestamp::now();
        let until = key.old_since.unwrap_or(now) + self.longest_work();
        let in_use = InUse { from: key.made_at, until };
        Ok(self.store.needs(self.vault.head_of(key.id), in_use, now).await?)
    }

    pub async fn keys_report(&self, principal: &Principal) -> Result<KeysReport, AppError> {
        operator(principal)?;
        self.refresh_keys().await?;
        let mut keys = Vec::new();
        for key in self.vault.keys() {
            let (mut needed, mut reseal) = (None, None);
            if key.r#use == KeyUse::Data {
                match key.state {
                    KeyState::Old => needed = Some(self.needs(&key).await?),
                    KeyState::Current => reseal = self.store.reseal_progress(key.id).await?,
                    KeyState::Coming => {}
                }
            }
            keys.push(KeyReport { key, needed, reseal });
        }
        Ok(KeysReport { revision: self.vault.revision(), masters: self.vault.masters(), keys })
    }

    /// One change, made of what is in force now and in force with its entry in the journal, or not at all.
    async fn change_keys(
        &self,
        principal: &Principal,
        change: KeyChange,
        step: &str,
        object: &str,
    ) -> Result<(), AppError> {
        for _ in 0..TRIES {
            self.refresh_keys().await?;
            let Some(Draft { before, revision, body }) = self.vault.draft(change, Timestamp::now())? else {
                return Ok(());
            };
            let entry = journal_entry(principal, "keys.rotate", object, json!({ "step": step, "revision": revision }));
            let after = StoredKeyring { revision, body };
            if self.store.change_keyring(before, &after, Some(&entry)).await? {
                self.vault.take_up(&after.body)?;
                return Ok(());
            }
        }
        Err(KeysError::Raced.into())
    }
}

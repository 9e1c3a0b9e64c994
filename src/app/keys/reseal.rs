//! What lies under an older data key is sealed anew under the current one: in steps, each of which may be the last before a crash.
//!
//! Owns that one gateway at a time does it, and the proof of its end: nothing of the store is under another key than the current
//! one. Kept files stay under the key they were written with, because they are as large as they are and change no more; an old key
//! is held as long as there are any (`forget_data_key` says so).

use super::super::people;
use super::{App, AppError, journal_entry};
use crate::app::sealing::record_label;
use crate::domain::principal::Principal;
use crate::store::{Duty, OldSealed, Person, Secret};
use crate::vault::{KeyState, KeyUse, Sealer, VaultError};
use jiff::Timestamp;
use serde_json::json;

/// Records sealed anew in one transaction: some tens of milliseconds.
const RECORDS_A_STEP: u32 = 500;

/// What came of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resealed {
    /// Nothing is to be done, or another gateway is at it.
    Nothing,
    /// So many records; there may be more.
    Some(usize),
    /// Rows of submissions that are not at their end yet are left, or what was sealed meanwhile: look again later.
    Left(u64),
    /// Nothing in the store is under an older key any more.
    Ended,
}

fn sealed_anew(sealer: &mut Sealer, label: &[u8], sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (mut plain, mut anew) = (Vec::new(), Vec::new());
    sealer.unseal(label, sealed, &mut plain)?;
    let outcome = sealer.seal(label, &plain, &mut anew);
    // It was somebody's name and number.
    plain.fill(0);
    outcome.map(|()| anew)
}

impl App {
    /// One step of it, by one gateway at a time.
    pub async fn reseal_step(&self) -> Result<Resealed, AppError> {
        let keys = self.vault.keys();
        let is_old = |key: &crate::vault::KeyLine| key.r#use == KeyUse::Data && key.state == KeyState::Old;
        if !keys.iter().any(is_old) {
            return Ok(Resealed::Nothing);
        }
        let current = self.vault.current_data_key();
        if self.store.reseal_progress(current).await?.is_some_and(|progress| progress.ended_at.is_some()) {
            return Ok(Resealed::Nothing);
        }
        let Some(duty) = self.store.claim_duty(Duty::Reseal).await? else { return Ok(Resealed::Nothing) };
        let done = self.reseal_on_duty(current).await;
        duty.end().await?;
        done
    }

    async fn reseal_on_duty(&self, current: u16) -> Result<Resealed, AppError> {
        self.store.begin_reseal(current, Timestamp::now()).await?;
        let Some(progress) = self.store.reseal_progress(current).await? else { return Ok(Resealed::Nothing) };
        let head = self.vault.head_of(current);
        let page = self.store.sealed_under_older(head, progress.reached, RECORDS_A_STEP).await?;
        let Some(reached) = page.last().map(|last| last.record) else { return self.end_pass(current).await };
        let vault = self.vault.clone();
        let seal = move || -> Result<Vec<(OldSealed, Vec<u8>)>, VaultError> {
            let mut sealer = vault.sealer()?;
            let mut done = Vec::with_capacity(page.len());
            for old in page {
                let Some(submission) = &old.submission else { continue };
                let anew = sealed_anew(&mut sealer, &record_label(submission, old.row), &old.sealed)?;
                done.push((old, anew));
            }
            Ok(done)
        };
        let page = tokio::task::spawn_blocking(seal).await.map_err(|_| AppError::Worker)??;
        self.store.put_resealed(current, &page, reached).await?;
        Ok(Resealed::Some(page.len()))
    }

    /// Every record was looked at once.
    async fn end_pass(&self, current: u16) -> Result<Resealed, AppError> {
        let mut left = self.reseal_accounts(current).await?;
        left += self.store.records_not_under(self.vault.head_of(current)).await?;
        if left > 0 {
            self.store.put_resealed(current, &[], 0).await?;
            return Ok(Resealed::Left(left));
        }
        let detail = json!({ "left": left });
        let entry = journal_entry(&Principal::Operator, "keys.resealed", &format!("data {current}"), detail);
        self.store.end_reseal(current, &entry).await?;
        Ok(Resealed::Ended)
    }

    /// Answers how many changed meanwhile and are left.
    async fn reseal_accounts(&self, current: u16) -> Result<u64, AppError> {
        let (head, mut sealer, mut left) = (self.vault.head_of(current), self.vault.sealer()?, 0);
        for person in self.store.people().await? {
            let Person { id, sealed, totp, totp_next, .. } = &person;
            for (secret, bytes) in
                [(Secret::Details, Some(sealed)), (Secret::Totp, totp.as_ref()), (Secret::TotpNext, totp_next.as_ref())]
            {
                let Some(bytes) = bytes.filter(|bytes| !bytes.starts_with(&head)) else { continue };
                let label = people::label_of(secret, id);
                let anew = sealed_anew(&mut sealer, label.as_bytes(), bytes)?;
                left += u64::from(!self.store.put_resealed_secret(id, secret, bytes, &anew).await?);
            }
        }
        Ok(left)
    }

    /// Old data keys were found to be needed after all: looks through everything again.
    pub(super) async fn reseal_again(&self) -> Result<(), AppError> {
        let current = self.vault.current_data_key();
        Ok(self.store.put_resealed(current, &[], 0).await?)
    }
}

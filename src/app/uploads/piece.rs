//! The bytes of one request, sealed and on disk before they count.
//!
//! Owns the cutting into parts: a part is a sealed file of its own, flushed to disk and put where parts lie, and then entered in
//! the store. On a slow line one is cut every moment, so that a broken line or a crash costs little; on a fast one they are
//! larger. With a checksum nothing counts before all of it came and is what it should be.
//!
//! A part that is not entered is removed; one that a crash leaves lies in the upload's folder and goes with it.

use super::parts::{part_key, part_label};
use super::{PARTS_MAX, UploadError};
use crate::app::{App, AppError};
use crate::domain::ids::UploadId;
use crate::domain::principal::Principal;
use crate::store::{Upload, UploadPart};
use crate::vault::{Checked, Checksum, SealedWriter};
use bytes::Bytes;
use jiff::Timestamp;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A part is cut at this size.
const PART_BYTES: u64 = 8 << 20;
/// A smaller one, when as much time has gone by.
const SMALL_PART_BYTES: u64 = 256 << 10;
const SMALL_PART_AFTER: Duration = Duration::from_millis(500);

/// A piece on its way in.
pub struct Piece {
    upload: Upload,
    /// Where parts lie; none: not on this machine.
    folder: Option<PathBuf>,
    /// The next byte's place in the file.
    at: u64,
    open: Option<OpenPart>,
    /// Where parts lie, and not in the store yet.
    sealed: Vec<UploadPart>,
    checked: Option<Checked>,
    cut_at: Instant,
}

struct OpenPart {
    writer: SealedWriter,
    part: UploadPart,
    /// The file that is written.
    path: PathBuf,
}

impl App {
    /// Opens the way for the bytes from `offset` on.
    ///
    /// Errors: not the caller's, or the upload goes on at another byte.
    pub async fn begin_piece(
        &self,
        principal: &Principal,
        id: &UploadId,
        offset: u64,
        checksum: Option<Checksum>,
    ) -> Result<Piece, AppError> {
        let upload = self.own_upload(principal, id).await?;
        principal.may_submit(&upload.new.mapping)?;
        if offset != upload.received {
            return Err(UploadError::Offset { at: upload.received }.into());
        }
        let folder = self.parts_folder(id);
        Ok(Piece {
            at: upload.received,
            upload,
            folder,
            open: None,
            sealed: Vec::new(),
            checked: checksum.map(Checked::from),
            cut_at: Instant::now(),
        })
    }

    /// Takes the next bytes; those of a part that is full are acknowledged when this returns.
    pub async fn take_piece(&self, mut piece: Piece, bytes: Bytes) -> Result<Piece, AppError> {
        let app = self.clone();
        let write = move || {
            if piece.open.is_none() && !bytes.is_empty() {
                let file = uuid::Uuid::now_v7().simple().to_string();
                let part = UploadPart { first_byte: piece.at, bytes: 0, file };
                let id = &piece.upload.new.id;
                let path = app.landing(&part_key(id, &part))?;
                let writer = app.vault.create_sealed(&path, &part_label(id, &part))?;
                piece.open = Some(OpenPart { writer, part, path });
            }
            if let Some(OpenPart { writer, part, .. }) = &mut piece.open {
                writer.write_all(&bytes).map_err(AppError::Write)?;
                part.bytes += bytes.len() as u64;
            }
            if let Some(checked) = &mut piece.checked {
                checked.update(&bytes);
            }
            piece.at += bytes.len() as u64;
            Ok::<_, AppError>(piece)
        };
        piece = tokio::task::spawn_blocking(write).await.map_err(|_| AppError::Worker)??;
        let due = piece.open.as_ref().is_some_and(|OpenPart { part, .. }| {
            part.bytes >= PART_BYTES || (part.bytes >= SMALL_PART_BYTES && piece.cut_at.elapsed() >= SMALL_PART_AFTER)
        });
        if due {
            piece = self.cut(piece).await?;
        }
        Ok(piece)
    }

    /// The piece ended, or broke off (`whole` false): what came is acknowledged when this returns, as far as it may be.
    /// Answers how many bytes of the upload are there.
    pub async fn end_piece(&self, piece: Piece, whole: bool) -> Result<u64, AppError> {
        let mut piece = self.cut(piece).await?;
        if let Some(checked) = piece.checked.take() {
            if !whole || !checked.is_right() {
                self.take_back(&mut piece).await;
                return Err(UploadError::Checksum.into());
            }
            self.enter_parts(&mut piece).await?;
        }
        Ok(piece.upload.received)
    }

    async fn cut(&self, mut piece: Piece) -> Result<Piece, AppError> {
        piece.cut_at = Instant::now();
        let Some(OpenPart { writer, part, path }) = piece.open.take() else { return Ok(piece) };
        let key = part_key(&piece.upload.new.id, &part);
        let finished = tokio::task::spawn_blocking(move || writer.finish()).await.map_err(|_| AppError::Worker)?;
        piece.sealed.push(part);
        finished?;
        self.put_landed(&key, &path).await?;
        if piece.checked.is_none() {
            self.enter_parts(&mut piece).await?;
        }
        Ok(piece)
    }

    async fn enter_parts(&self, piece: &mut Piece) -> Result<(), AppError> {
        if piece.upload.parts + piece.sealed.len() as u64 > PARTS_MAX {
            return Err(UploadError::TooManyParts.into());
        }
        // No longer to be removed: if this is cut short, they may have been entered.
        let parts = std::mem::take(&mut piece.sealed);
        let id = &piece.upload.new.id;
        if !self.store.grow_upload(id, &parts, Timestamp::now()).await? {
            piece.sealed = parts;
            self.take_back(piece).await;
            let now = self.store.upload(&piece.upload.new.id).await?.ok_or(UploadError::Unknown)?;
            return Err(UploadError::Offset { at: now.received }.into());
        }
        piece.upload.parts += parts.len() as u64;
        piece.upload.received += parts.iter().map(|part| part.bytes).sum::<u64>();
        Ok(())
    }

    /// Removes what does not count. Best effort: what stays is sealed, counts for nothing and goes with the upload.
    async fn take_back(&self, piece: &mut Piece) {
        for part in std::mem::take(&mut piece.sealed) {
            self.objects.delete(&part_key(&piece.upload.new.id, &part)).await.ok();
        }
    }
}

impl Piece {
    /// How many bytes may still come.
    pub fn room(&self) -> u64 {
        self.upload.new.bytes.saturating_sub(self.at)
    }
}

impl Drop for Piece {
    /// Where the request was cut short; a file of another machine can't be waited for here.
    fn drop(&mut self) {
        let Some(folder) = &self.folder else { return };
        for part in &self.sealed {
            std::fs::remove_file(folder.join(&part.file)).ok();
        }
    }
}

//! Room, keys, store, kept files, clock.

use super::finding::{Finding, in_full};
use crate::config::{Database, Place, Settings};
use crate::objects::Objects;
use crate::store::{Store, Tables};
use crate::vault::Vault;
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};

/// Free room at which it is time to act, and at which work will fail.
const ROOM_WARN: u64 = 10 << 30;
const ROOM_FAIL: u64 = 1 << 30;
/// Clocks of gateways may differ by so much.
const CLOCK_MAX: SignedDuration = SignedDuration::from_secs(60);

/// The nearest folder that is there.
fn standing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.ancestors().find(|one| one.exists()).map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

/// Where bytes are written.
fn folders(settings: &Settings) -> Vec<PathBuf> {
    let mut folders = vec![settings.home.clone()];
    if let Database::Sqlite(path) = &settings.database {
        folders.extend(path.parent().map(Path::to_owned));
    }
    if let Place::Folder(path) = &settings.objects {
        folders.push(path.clone());
    }
    let mut folders: Vec<PathBuf> = folders.iter().map(|path| standing(path)).collect();
    folders.sort();
    folders.dedup();
    folders
}

pub fn disk(settings: &Settings) -> Vec<Finding> {
    folders(settings).iter().map(|folder| room(folder)).collect()
}

fn room(folder: &Path) -> Finding {
    let shown = folder.display();
    let Ok(found) = rustix::fs::statvfs(folder) else {
        return Finding::fail(
            "disk",
            format!("ดูที่ว่างของ {shown} ไม่ได้"),
            format!("the free room of {shown} can't be seen"),
        )
        .then("ตรวจว่าต่อที่เก็บอยู่", "Look whether the file system is mounted");
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if free >= ROOM_WARN {
        let gib = free >> 30;
        return Finding::ok("disk", format!("{shown} ว่าง {gib} GiB"), format!("{shown}: {gib} GiB free"));
    }
    let mib = free >> 20;
    let (th, en) = (format!("{shown} ว่างเพียง {mib} MiB"), format!("{shown}: only {mib} MiB free"));
    let told = if free < ROOM_FAIL { Finding::fail("disk", th, en) } else { Finding::warn("disk", th, en) };
    told.then(
        "เพิ่มที่เก็บ หรือย้ายไฟล์ที่รับไว้ไปที่อื่น (SAPHAN_OBJECTS_URL)",
        "Make room, or keep received files elsewhere (SAPHAN_OBJECTS_URL)",
    )
}

pub fn keys(settings: &Settings) -> Vec<Finding> {
    let folder = settings.home.join("keys");
    let shown = folder.display();
    let is_there = |name: &str| folder.join(name).exists();
    let has_master = settings.master_key.is_some() || is_there("master.key");
    if !is_there("keyring.json") && !is_there("master.key") {
        return vec![
            Finding::warn("keys", format!("ยังไม่มีกุญแจใน {shown}"), format!("there are no keys in {shown} yet")).then(
                "เปิดครั้งแรก: saphan serve จะสร้างให้ หากเคยมีข้อมูลแล้ว ให้นำกุญแจเดิมกลับมาก่อน",
                "First start: `saphan serve` makes them. If there are data already, bring the old keys back first",
            ),
        ];
    }
    if !has_master {
        return vec![
            Finding::fail("keys", format!("ไม่มีกุญแจหลักใน {shown}"), format!("there is no master key in {shown}")).then(
                "นำ master.key กลับมาจากสำเนา หรือตั้ง SAPHAN_MASTER_KEY",
                "Bring back master.key from a copy, or set SAPHAN_MASTER_KEY",
            ),
        ];
    }
    if !is_there("keyring.json") {
        return vec![
            Finding::warn(
                "keys",
                format!("ยังไม่มีสำเนาชุดกุญแจใน {shown}"),
                format!("there is no copy of the keyring in {shown} yet"),
            )
            .then("เมื่อเริ่มระบบจะได้จากฐานข้อมูลเอง", "The next start takes it from the store"),
        ];
    }
    // All of it is there, so nothing is made.
    match open_vault(settings) {
        Ok(_) => vec![Finding::ok(
            "keys",
            format!("อ่านกุญแจใน {shown} ได้ และผู้อื่นอ่านไม่ได้"),
            format!("the keys in {shown} can be read, by nobody else"),
        )],
        Err(error) => {
            let why = in_full(&error);
            vec![
                Finding::fail("keys", format!("ใช้กุญแจใน {shown} ไม่ได้: {why}"), format!("the keys in {shown} can't be used: {why}"))
                    .then(
                        "ตรวจเจ้าของและสิทธิ์ (โฟลเดอร์ 0700 ไฟล์ 0600) และว่ากุญแจหลักเป็นดอกที่คู่กัน",
                        "Check owner and mode (folder 0700, files 0600), and that the master key is the one they were made with",
                    ),
            ]
        }
    }
}

fn open_vault(settings: &Settings) -> Result<Vault, crate::vault::VaultError> {
    match &settings.master_key {
        Some(key) => Vault::open_or_create_with_master(&settings.home, key),
        None => Vault::open_or_create(&settings.home),
    }
}

/// The store as well, if it can be used as it is.
pub async fn store(settings: &Settings) -> (Vec<Finding>, Option<Store>) {
    let broken = |error: &dyn std::error::Error| {
        let why = in_full(error);
        let finding =
            Finding::fail("store", format!("ใช้ฐานข้อมูลไม่ได้: {why}"), format!("the store can't be used: {why}"));
        finding.then(
            "ตรวจ SAPHAN_DATABASE_URL เครือข่าย รหัสผ่าน และว่าฐานข้อมูลทำงานอยู่",
            "Check SAPHAN_DATABASE_URL, network and password, and that the database runs",
        )
    };
    let (found, known) =
        match Store::look(&settings.database).await {
            Ok(Tables { found: Some(found), known }) => (found, known),
            Ok(Tables { found: None, .. }) => {
                let finding = Finding::warn("store", "ยังไม่มีตารางในฐานข้อมูล", "the store has no tables yet");
                return (
                    vec![finding.then(
                        "saphan serve หรือ saphan migrate จะสร้างให้",
                        "`saphan serve` or `saphan migrate` makes them",
                    )],
                    None,
                );
            }
            Err(error) => return (vec![broken(&error)], None),
        };
    if found != known {
        let (th, en) = (
            format!("ตารางเป็นรุ่น {found} แต่โปรแกรมนี้ใช้รุ่น {known}"),
            format!("the tables are at version {found}, this program works with {known}"),
        );
        let finding = if found < known {
            Finding::warn("store", th, en).then("สั่ง saphan migrate", "Run `saphan migrate`")
        } else {
            Finding::fail("store", th, en).then("ใช้โปรแกรมรุ่นใหม่กว่า", "Use the newer program that made them")
        };
        return (vec![finding], None);
    }
    // Nothing is left to be brought up to date, so this only opens it.
    match Store::open(&settings.database).await {
        Ok(store) => {
            let told = Finding::ok(
                "store",
                format!("ฐานข้อมูลตอบ ตารางรุ่น {found}"),
                format!("the store answers, its tables are at version {found}"),
            );
            (std::iter::once(told).chain(pinned(settings, &store).await).collect(), Some(store))
        }
        Err(error) => (vec![broken(&error)], None),
    }
}

/// Do the keys belong to it? Where they can't be opened, that was said already.
async fn pinned(settings: &Settings, store: &Store) -> Option<Finding> {
    if !settings.home.join("keys/keyring.json").exists() {
        return None;
    }
    let vault = open_vault(settings).ok()?;
    let why = match store.pin_vault(&vault.fingerprint()).await {
        Err(error) => in_full(&error),
        Ok(()) => in_full(&vault.opens(&store.keyring().await.ok()??.body).err()?),
    };
    let finding = Finding::fail(
        "keys",
        format!("กุญแจไม่คู่กับฐานข้อมูล: {why}"),
        format!("keys and store don't belong together: {why}"),
    );
    Some(finding.then("นำกุญแจที่คู่กับฐานข้อมูลนี้กลับมาจากสำเนา", "Bring back the keys of this store from a copy"))
}

pub async fn objects(settings: &Settings) -> Finding {
    let step = (
        "ตรวจ SAPHAN_OBJECTS_URL ตัวแปร AWS_… สิทธิ์ และเครือข่าย",
        "Check SAPHAN_OBJECTS_URL, the AWS_… variables, rights and network",
    );
    let failed = |why: String| {
        Finding::fail(
            "objects",
            format!("ใช้ที่เก็บไฟล์ที่รับไม่ได้: {why}"),
            format!("the place of received files can't be used: {why}"),
        )
        .then(step.0, step.1)
    };
    if let Place::Folder(path) = &settings.objects {
        let folder = standing(path);
        return match tempfile::tempfile_in(&folder) {
            Ok(_) => Finding::ok("objects", "ที่เก็บไฟล์ที่รับเขียนได้", "the folder of received files can be written"),
            Err(error) => failed(format!("{}: {error}", folder.display())),
        };
    }
    match Objects::open(&settings.objects, &settings.object_options) {
        Ok(objects) => match objects.ping().await {
            Ok(()) => {
                Finding::ok("objects", "ที่เก็บไฟล์ที่รับ (object store) ตอบ", "the object store of received files answers")
            }
            Err(error) => failed(in_full(&error)),
        },
        Err(error) => failed(in_full(&error)),
    }
}

/// Against what the journal knows: nothing can have been written after now, by whichever gateway.
pub async fn clock(store: Option<&Store>) -> Finding {
    let now = Timestamp::now();
    let newest = match store {
        Some(store) => newest(store).await,
        None => None,
    };
    match newest {
        Some(at) if at.duration_since(now) > CLOCK_MAX => Finding::warn(
            "clock",
            format!("นาฬิกาเครื่องนี้ ({now}) ช้ากว่ารายการล่าสุดในสมุดบันทึก ({at})"),
            format!("this machine's clock ({now}) is behind the newest entry of the journal ({at})"),
        )
        .then("ตั้งเวลาด้วย NTP ทุกเครื่อง (timedatectl)", "Keep all machines by NTP (timedatectl)"),
        _ => Finding::ok(
            "clock",
            format!("นาฬิกาเครื่องนี้ {now} ไม่ขัดกับสมุดบันทึก"),
            format!("the clock ({now}) does not contradict the journal"),
        ),
    }
}

async fn newest(store: &Store) -> Option<Timestamp> {
    let end = store.journal_end().await.ok()?;
    let last = store.journal(end - 1, 1).await.ok()?;
    last.into_iter().next().map(|journalled| journalled.entry.at)
}

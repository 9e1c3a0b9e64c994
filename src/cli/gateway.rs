//! The way to a running gateway: its CA, our certificate, and the client that speaks to it.
//!
//! Owns the reading of those files. Takes keys in any PEM form; refuses one under a passphrase.

use super::fault::{self, Fault};
use crate::domain::text::Lang;
use crate::vault::FileSigner;
use clap::Args;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a file goes, and as whom.
pub struct Way<'a> {
    pub client: &'a reqwest::Client,
    /// Without a slash at its end.
    pub server: &'a str,
    pub token: &'a str,
}

/// A certificate with those above it, or a list of CAs, is far shorter.
const PEM_BYTES_MAX: u64 = 4 << 20;

#[derive(Debug, Default, Args)]
pub struct Secured {
    /// CA of the gateway (PEM), where it is not one that this machine trusts
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Our certificate (PEM), with those above it if there are any
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM, without a passphrase)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
}

fn pem(path: &Path) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(PEM_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| fault::unreadable(path, &error))?;
    Ok(bytes)
}

fn unfit(path: &Path, th: &str, en: &str) -> Fault {
    let path = path.display();
    Fault::new(format!("{path} {th}"), format!("{path} {en}"))
}

/// What signs the files we send.
pub fn signer(path: &Path) -> Result<FileSigner, Fault> {
    FileSigner::parse(&pem(path)?).ok_or_else(|| {
        unfit(
            path,
            "ไม่ใช่กุญแจส่วนตัว P-256 แบบ PEM ที่ไม่มีรหัสผ่าน สร้างด้วย openssl ecparam -name prime256v1 -genkey -noout",
            "is no private key on P-256 in PEM without a passphrase. Make one: openssl ecparam -name prime256v1 -genkey -noout",
        )
    })
}

/// `lang`: of the gateway's answers.
pub fn builder(secured: &Secured, lang: Lang) -> anyhow::Result<reqwest::ClientBuilder> {
    let mut headers = reqwest::header::HeaderMap::new();
    let tag = if lang == Lang::Th { "th" } else { "en" };
    headers.insert(reqwest::header::ACCEPT_LANGUAGE, reqwest::header::HeaderValue::from_static(tag));
    let mut builder = reqwest::Client::builder()
        .default_headers(headers)
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(600));
    if let Some(path) = &secured.ca {
        let none = |_| unfit(path, "ไม่มีใบรับรองของ CA (PEM)", "holds no certificate of a CA (PEM)");
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem(path)?).map_err(none)?);
    }
    if let (Some(certificate), Some(key)) = (&secured.certificate, &secured.key) {
        let pkcs8 = crate::vault::tls::pkcs8(&pem(key)?)
            .ok_or_else(|| unfit(key, "ไม่มีกุญแจ (PEM ไม่มีรหัสผ่าน)", "holds no private key (PEM, without a passphrase)"))?;
        let none = |_| unfit(certificate, "ไม่มีใบรับรองที่คู่กับกุญแจนี้", "holds no certificate (PEM) that belongs to the key");
        builder = builder.identity(reqwest::Identity::from_pkcs8_pem(&pem(certificate)?, &pkcs8).map_err(none)?);
    }
    Ok(builder)
}

//! `saphan demo --tls`: the same over mutual TLS, with a CA, a server and two clients made for it.
//!
//! The agencies' files go through the door as agencies send them. Then two things are tried that must fail: to come without a
//! certificate, and to come with a stolen token.

use super::{ROUND, SAMPLES, counted};
use crate::app::App;
use crate::cli::gateway::{self, Secured, Way};
use crate::cli::submit::Sent;
use crate::cli::terminal::say;
use crate::cli::{submit, summary};
use crate::config::{ClientCertificates, Settings, TlsSettings};
use crate::domain::agency::AgencyCode;
use crate::domain::principal::{Principal, Scope};
use crate::domain::round::Round;
use crate::domain::text::{Bilingual, Lang};
use crate::vault::tls::{Authority, Issued};
use anyhow::{Context, anyhow};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;

struct Files {
    folder: PathBuf,
}

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path(name));
        file.and_then(|mut file| file.write_all(bytes)).context("no room for certificates")
    }

    fn pair(&self, name: &str, issued: &Issued) -> anyhow::Result<()> {
        self.write(&format!("{name}.pem"), &issued.certificate)?;
        self.write(&format!("{name}.key"), &issued.key)
    }

    /// `agency`, `other`, or none for a caller without a certificate.
    fn secured(&self, name: Option<&str>) -> Secured {
        let file = |ending: &str| name.map(|name| self.path(&format!("{name}.{ending}")));
        Secured { ca: Some(self.path("ca.pem")), certificate: file("pem"), key: file("key") }
    }

    fn client(&self, name: Option<&str>, lang: Lang) -> anyhow::Result<reqwest::Client> {
        // It is on this machine.
        Ok(gateway::builder(&self.secured(name), lang)?.no_proxy().build()?)
    }
}

fn made(folder: &Path) -> anyhow::Result<Files> {
    let files = Files { folder: folder.join("tls") };
    std::fs::create_dir(&files.folder).context("no room for certificates")?;
    let authority = Authority::new("Saphan demo CA")?;
    files.write("ca.pem", &authority.certificate()?)?;
    files.pair("server", &authority.server()?)?;
    files.pair("agency", &authority.client("agency")?)?;
    files.pair("other", &authority.client("other")?)?;
    Ok(files)
}

pub async fn run(mut settings: Settings, folder: &Path, once: bool, lang: Lang) -> anyhow::Result<ExitCode> {
    let files = made(folder)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    let address = format!("https://localhost:{}", listener.local_addr()?.port());
    settings.public_url.clone_from(&address);
    settings.tls = Some(TlsSettings {
        certificate: files.path("server.pem"),
        key: files.path("server.key"),
        client: ClientCertificates::Required,
        client_ca: Some(files.path("ca.pem")),
        client_crl: None,
    });
    let app = crate::startup::open(&settings).await?;
    let served = crate::startup::serve(app.clone(), &settings, listener, std::time::Duration::ZERO);
    let mut served = pin!(served);
    tokio::select! {
        ended = &mut served => return ended.map(|()| ExitCode::SUCCESS),
        shown = show(&app, &files, folder, &address, once, lang) => shown?,
    }
    if !once {
        served.await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(app: &App, files: &Files, folder: &Path, address: &str, once: bool, lang: Lang) -> anyhow::Result<()> {
    let round = Round::parse(ROUND)?;
    let client = files.client(Some("agency"), lang)?;
    for (mapping, name, bytes) in SAMPLES {
        let path = folder.join(name);
        std::fs::write(&path, bytes).context("no room for the samples")?;
        // One system for each agency; the register is the ministry's.
        let agency = mapping.split('/').next().and_then(|agency| AgencyCode::parse(agency).ok());
        let scope = if agency.is_some() { Scope::AgencySubmit } else { Scope::RegisterSubmit };
        let issued = app.add_client(&Principal::Operator, name, agency, vec![scope]).await?;
        let way = Way { client: &client, server: address, token: &issued.token };
        let view = submit::send(&way, Sent { mapping, round, mode: "replace", input: &path, signer: None }).await?;
        let receipt = view.receipt.ok_or_else(|| anyhow!("{name} was not taken"))?;
        say!("{}", summary::receipt(name, &receipt, None, None, lang));
    }
    counted(app, round, lang).await?;
    refusals(app, files, address, once, lang).await
}

async fn answered(request: reqwest::RequestBuilder) -> anyhow::Result<(u16, Value)> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok((status, response.json().await.unwrap_or_default()))
}

fn told(what: &Bilingual, (status, body): &(u16, Value), lang: Lang) -> anyhow::Result<()> {
    let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
    say!("  {}\n    {status} {} · {}\n    {}", what.get(lang), text("code"), text("title"), text("detail"));
    Ok(())
}

async fn refusals(app: &App, files: &Files, address: &str, once: bool, lang: Lang) -> anyhow::Result<()> {
    let issued = app.add_client(&Principal::Operator, "demo", None, vec![Scope::MinistryRead]).await?;
    let counts = format!("{address}/v1/counts/{ROUND}");
    let (own, other) = (files.client(Some("agency"), lang)?, files.client(Some("other"), lang)?);
    say!(
        "\n{}",
        if lang == Lang::Th {
            "สิ่งที่ต้องถูกปฏิเสธ"
        } else {
            "what must be refused"
        }
    );

    let nobody = files.client(None, lang)?.get(&counts).bearer_auth(&issued.token);
    told(&Bilingual::new("ไม่แสดงใบรับรอง", "no certificate"), &answered(nobody).await?, lang)?;

    let asked = own
        .post(format!("{address}/oauth/token"))
        .basic_auth(issued.id.as_str(), Some(&issued.token))
        .header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let (_, given) = answered(asked).await?;
    let token = given["access_token"].as_str().ok_or_else(|| anyhow!("no token was given"))?;
    let stolen = answered(other.get(&counts).bearer_auth(token)).await?;
    told(&Bilingual::new("โทเคนที่ผูกกับใบรับรองอื่น", "a token that is bound to another certificate"), &stolen, lang)?;
    let (status, _) = answered(own.get(&counts).bearer_auth(token)).await?;
    say!(
        "  {}\n    {status}",
        if lang == Lang::Th {
            "โทเคนเดียวกันกับใบรับรองของตน"
        } else {
            "the same token with its own certificate"
        }
    );

    if once {
        // The folder and the gateway end with this command.
        return Ok(());
    }
    let tls = files.folder.display();
    say!(
        "\n{}",
        if lang == Lang::Th {
            "ลองเอง (หยุดด้วย Ctrl-C):"
        } else {
            "Try it (Ctrl-C stops it):"
        }
    );
    say!("  cd {tls}");
    say!("  curl --cacert ca.pem {counts}");
    say!(
        "  curl --cacert ca.pem --cert agency.pem --key agency.key -u {}:{} -d grant_type=client_credentials {address}/oauth/token",
        issued.id,
        issued.token
    );
    say!("  curl --cacert ca.pem --cert agency.pem --key agency.key -H \"Authorization: Bearer $TOKEN\" {counts}");
    say!("  curl --cacert ca.pem --cert other.pem  --key other.key  -H \"Authorization: Bearer $TOKEN\" {counts}");
    Ok(())
}

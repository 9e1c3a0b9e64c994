//! The composition root: settings → parts → gateway. The only place that wires.
//!
//! Owns the order in which parts open: settings, standards and mappings (all faults at once), vault,
//! store, object store; then the worker, which takes up what a crash left unfinished, the upkeep, and the server.

use crate::app::assets::{AssetFolders, Assets};
use crate::app::journal::CheckpointPace;
use crate::app::people::SessionTerms;
use crate::app::pickup::Pickup;
use crate::app::tokens::TokenTerms;
use crate::app::{App, Pace};
use crate::config::{PickupSettings, Settings};
use crate::decode::Limits;
use crate::http::Parts;
use crate::limit::Limiter;
use crate::objects::Objects;
use crate::sso::Provider;
use crate::store::Store;
use crate::upkeep::Upkeep;
use crate::vault::tls::Tls;
use crate::worker::Worker;
use anyhow::{Context, anyhow};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// Opens everything under the home folder; makes it on the first start.
pub async fn open(settings: &Settings) -> anyhow::Result<App> {
    let folders = AssetFolders { schemas: settings.schemas.clone(), mappings: settings.mappings.clone() };
    let assets = Assets::load(&folders).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow!("the standards or mappings have faults; mend them, or run `saphan check`:\n  {}", list.join("\n  "))
    })?;
    let home = settings.home.clone();
    std::fs::create_dir_all(&home)
        .with_context(|| format!("the home folder {} can't be made; set SAPHAN_HOME", home.display()))?;
    let store = Store::open(&settings.database).await.context("the store can't be opened")?;
    let vault = crate::app::keys::open(&home, settings.master_key.as_deref(), &store).await;
    let vault = vault.context("the keys can't be opened, or they don't belong to the store")?;
    let limits = Limits {
        file_bytes_max: settings.limits.file_bytes_max,
        expanded_bytes_max: settings.limits.expanded_bytes_max,
        rows_max: settings.limits.rows_max,
        record_bytes_max: usize::try_from(settings.limits.record_bytes_max).unwrap_or(usize::MAX),
        ..Limits::default()
    };
    let pace = Pace {
        small_submission_bytes: settings.limits.small_submission_bytes,
        submissions_at_once: settings.limits.submissions_at_once,
        request_seconds_max: settings.limits.request_seconds_max,
        work_seconds_max: settings.limits.work_seconds_max,
        upload_idle_seconds_max: settings.limits.upload_idle_seconds_max,
    };
    let objects =
        Objects::open(&settings.objects, &settings.object_options).context("the object store can't be used")?;
    let app = App::new(store, Arc::new(vault), Arc::new(assets), limits, home, settings.limits.workers);
    let tokens = TokenTerms { issuer: settings.public_url.clone(), seconds: settings.token_seconds };
    let limiter = Limiter::open(&settings.rates).context("SAPHAN_RATE_STORE_URL can't be used")?;
    let sessions = SessionTerms {
        idle_seconds: i64::try_from(settings.session_idle_seconds).unwrap_or(i64::MAX),
        seconds: i64::try_from(settings.session_seconds).unwrap_or(i64::MAX),
    };
    let provider = settings.sso.as_ref().map(Provider::new).transpose().context("single sign-on can't be set up")?;
    let app = app.with_pace(pace).with_objects(objects).with_tokens(tokens).with_limiter(limiter);
    let app = app.with_agreements_required(settings.agreements_required);
    Ok(app.with_session_terms(sessions).with_provider(provider))
}

/// What a gateway that serves needs beside: the files of TLS. Commands on the machine do without them.
pub fn secure(app: App, settings: &Settings) -> anyhow::Result<App> {
    let tls = settings.tls.as_ref().map(Tls::open).transpose();
    Ok(app.with_tls(tls.context("TLS can't be set up; mend the files, or run `saphan doctor`")?))
}

/// Serves until stopped. Work that a crash or stop left unfinished is taken up at once, beside new requests. `drain_grace`:
/// how long a gateway that was told to stop still takes requests, so that whoever hands them out hears of it.
pub async fn serve(app: App, settings: &Settings, listener: TcpListener, drain_grace: Duration) -> anyhow::Result<()> {
    let app = secure(app, settings)?;
    app.sweep_spool().context("what a crash left could not be cleared away")?;
    let pickups = pickups(&app, settings)?;
    let app = Arc::new(app);
    let worker = Worker::start(app.clone(), app.pace().submissions_at_once);
    let look_every = Duration::from_secs(settings.pickup_seconds);
    let checkpoints = CheckpointPace {
        entries: i64::try_from(settings.checkpoint_entries).unwrap_or(i64::MAX),
        every: jiff::SignedDuration::from_secs(i64::try_from(settings.checkpoint_seconds).unwrap_or(i64::MAX)),
    };
    let upkeep = Upkeep::start(app.clone(), worker.queue(), pickups, look_every, checkpoints);
    let served = crate::http::serve(Parts::of(app, worker.queue()), listener, drain_grace).await;
    upkeep.stop().await;
    worker.stop().await;
    served.context("the gateway stopped")
}

/// A mapping that isn't there would leave the files lying for ever, so it stops the start.
fn pickups(app: &App, settings: &Settings) -> anyhow::Result<Vec<Pickup>> {
    let open = |terms: &PickupSettings| {
        let (from, mapping) = (&terms.from, &terms.mapping);
        app.assets().mapping(mapping).with_context(|| format!("pickup {from}: there is no mapping {mapping}"))?;
        Pickup::open(terms, &settings.object_options).with_context(|| format!("pickup {from} can't be opened"))
    };
    settings.pickups.iter().map(open).collect()
}

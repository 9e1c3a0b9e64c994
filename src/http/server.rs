//! The server: listener, limits, middleware and routes put together.
//!
//! Owns every limit on connections. Refuses to wire anything else: it is given its [`Parts`] by `startup`.

use super::answer::answer;
use super::api::health::Readiness;
use super::auth::Authenticator;
use super::certificates;
use super::metrics::Metrics;
use super::problem::Problem;
use super::queue::Queue;
use super::rate::limited;
use super::routes::RouteTable;
use super::{api, console, openapi, pages};
use crate::app::App as GatewayApp;
use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::SwaggerUi;

/// The handshake of TLS must be over within this time.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Headers must be there within this time of the connection.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const DISCONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const SHUTDOWN_S_MAX: u64 = 30;
/// For each of the server's threads.
const CONNECTIONS_MAX: usize = 4_096;
/// JSON bodies; files are streamed by their own routes.
const JSON_BYTES_MAX: usize = 1 << 20;

/// What the routes need of the rest of the gateway.
#[derive(Clone)]
pub struct Parts {
    pub authenticator: Arc<dyn Authenticator>,
    pub readiness: Arc<dyn Readiness>,
    /// The use cases, for the routes of data.
    pub app: Arc<GatewayApp>,
    pub queue: Arc<dyn Queue>,
}

impl Parts {
    /// The ordinary wiring: the use cases answer for tokens and readiness too.
    pub fn of(app: Arc<GatewayApp>, queue: Arc<dyn Queue>) -> Self {
        Parts { authenticator: app.clone(), readiness: app.clone(), app, queue }
    }
}

/// Starts serving on a bound listener; the returned future ends with the server. `threads`: none for one a core.
pub fn start(listener: TcpListener, parts: Parts, threads: Option<usize>) -> io::Result<Server> {
    let table = web::Data::new(RouteTable::of(&openapi::document()));
    let metrics = web::Data::new(Metrics::default());
    let app = parts.app.clone();
    let tls = app.tls().cloned();
    let server = HttpServer::new(move || {
        let (app, document) =
            App::new().into_utoipa_app().openapi(openapi::head()).configure(api::routes).split_for_parts();
        app.app_data(web::Data::from(parts.authenticator.clone()))
            .app_data(web::Data::from(parts.readiness.clone()))
            .app_data(web::Data::from(parts.app.clone()))
            .app_data(web::Data::from(parts.queue.clone()))
            .app_data(metrics.clone())
            .app_data(table.clone())
            .app_data(web::JsonConfig::default().limit(JSON_BYTES_MAX))
            .app_data(web::PayloadConfig::new(JSON_BYTES_MAX))
            .configure(pages::routes)
            .configure(console::routes)
            .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", openapi::complete(document)))
            .default_service(web::to(unmatched))
            .wrap(Compress::default())
            .wrap(from_fn(limited))
            .wrap(from_fn(certificates::admit))
            .wrap(from_fn(answer))
    })
    .on_connect(move |io, connection| certificates::remember(&app, io, connection))
    .tls_handshake_timeout(HANDSHAKE_TIME_MAX)
    .client_request_timeout(HEAD_TIME_MAX)
    .client_disconnect_timeout(DISCONNECT_TIME_MAX)
    // One who hung up waits for nothing: what streams to them ends, and their place is free.
    .h1_allow_half_closed(false)
    .keep_alive(KEEP_ALIVE)
    .max_connections(CONNECTIONS_MAX)
    .shutdown_timeout(SHUTDOWN_S_MAX)
    .disable_signals();
    let server = match threads {
        Some(threads) => server.workers(threads),
        None => server,
    };
    let server = match tls {
        Some(tls) => server.listen_openssl(listener, tls.acceptor().map_err(io::Error::other)?)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

async fn unmatched(request: HttpRequest, table: web::Data<RouteTable>) -> Result<HttpResponse, Problem> {
    Err(table.unmatched(&request))
}

/// Serves the gateway until it is stopped (SIGTERM, Ctrl-C): requests under way are finished first. On SIGTERM it takes
/// requests for `drain_grace` more and says that it is not ready, so that a balancer turns to another before the door is
/// shut; whoever sits at it with Ctrl-C, or asks a second time, does not wait.
pub async fn serve(parts: Parts, listener: TcpListener, drain_grace: Duration) -> io::Result<()> {
    let app = parts.app.clone();
    let server = start(listener, parts, None)?;
    let handle = server.handle();
    let stopped = async move {
        let how = stop_asked().await;
        app.drain();
        if how == Stop::Drain {
            tracing::info!(seconds = drain_grace.as_secs(), "stopping: requests are still taken for a while");
            // Either ends the wait.
            let _ = tokio::time::timeout(drain_grace, stop_asked()).await;
        }
        handle.stop(true).await;
    };
    let (served, ()) = futures_util::future::join(server, stopped).await;
    served
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Drain,
    AtOnce,
}

async fn stop_asked() -> Stop {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => Stop::AtOnce,
                _ = terminated.recv() => Stop::Drain,
            }
        }
        Err(_) => {
            let _ = interrupted.await;
            Stop::AtOnce
        }
    }
}

//! The door as it stands now, and how it changes while people go through.
//!
//! Owns which certificate is shown and what is believed at any moment. Certificate and key are read anew together, CAs and
//! revocation lists together; a pair that can't be used leaves what was before in force, so that a slip of the operator
//! never shuts the door, and a half-copied certificate never holds up a revocation.

use super::certificate::{Thumbprint, instant};
use super::trust::Trust;
use super::{CertificateFault, TlsError, pem};
use crate::config::{ClientCertificates, TlsSettings};
use jiff::Timestamp;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    AlpnError, NameType, SniError, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, SslOptions, SslRef,
    SslSessionCacheMode, SslVerifyMode, select_next_proto,
};
use openssl::x509::{X509, X509VerifyResult};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

const PROTOCOLS: &[u8] = b"\x02h2\x08http/1.1";

/// What expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Server,
    ClientCa,
    /// The revocation list: when the next one is due.
    Crl,
    /// Of those that clients are bound to, the first to end.
    Client,
}

impl Which {
    /// As metrics and logs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Which::Server => "server",
            Which::ClientCa => "client_ca",
            Which::Crl => "client_crl",
            Which::Client => "client",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    pub which: Which,
    pub at: Timestamp,
}

/// What is shown.
struct Material {
    /// Its own first.
    certificates: Vec<X509>,
    key: PKey<Private>,
}

impl Material {
    fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let certificates = pem::certificates(&settings.certificate)?;
        let key = pem::key(&settings.key)?;
        let belongs = match certificates.first() {
            Some(own) => own.public_key()?.public_eq(&key),
            None => false,
        };
        if !belongs {
            let (certificate, key) = (settings.certificate.clone(), settings.key.clone());
            return Err(TlsError::OtherKey { certificate, key });
        }
        Ok(Material { certificates, key })
    }

    fn until(&self) -> Timestamp {
        let ends = self.certificates.iter().filter_map(|one| instant(one.not_after()).ok());
        ends.min().unwrap_or(Timestamp::MAX)
    }

    fn is_in_force(&self, now: Timestamp) -> bool {
        let begins = self.certificates.first().and_then(|own| instant(own.not_before()).ok());
        begins.is_some_and(|begins| begins <= now) && now < self.until()
    }

    /// Does each follow from the next one?
    fn is_chain(&self) -> bool {
        self.certificates.windows(2).all(|pair| pair[1].issued(&pair[0]) == X509VerifyResult::OK)
    }
}

struct Live {
    /// Rises with each change, so that connections know that they were judged by what was before.
    generation: u64,
    material: Arc<Material>,
    trust: Option<Arc<Trust>>,
    context: SslContext,
}

/// Enough of a file to see that it changed.
type Stamp = Option<(i64, i64, u64, u64)>;

#[derive(Default)]
struct Looked {
    stamps: Vec<Stamp>,
    /// How many pairs of files could not be used the last time.
    failed: usize,
}

pub struct Tls {
    settings: TlsSettings,
    live: RwLock<Arc<Live>>,
    looked: Mutex<Looked>,
    client_end: Mutex<Option<Timestamp>>,
}

/// What a connection showed, and what was thought of it last.
pub struct Peer {
    shown: Option<Shown>,
    judged: Mutex<Option<Judged>>,
}

struct Shown {
    certificate: X509,
    between: Vec<X509>,
    thumbprint: Thumbprint,
}

#[derive(Clone, Copy)]
struct Judged {
    generation: u64,
    until: Timestamp,
    outcome: Result<(), CertificateFault>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tls {
    /// Blocking file work.
    pub fn open(settings: &TlsSettings) -> Result<Arc<Tls>, TlsError> {
        let stamps = stamps(settings);
        let material = Arc::new(Material::read(settings)?);
        let trust = trust(settings)?.map(Arc::new);
        let context = builder(settings.client, &material, trust.as_deref())?.build().into_context();
        let live = Live { generation: 0, material, trust, context };
        let looked = Mutex::new(Looked { stamps, failed: 0 });
        Ok(Arc::new(Tls {
            settings: settings.clone(),
            live: RwLock::new(Arc::new(live)),
            looked,
            client_end: Mutex::default(),
        }))
    }

    fn live(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a server listens with: each connection gets what is in force when it comes.
    pub fn acceptor(self: &Arc<Self>) -> Result<SslAcceptorBuilder, TlsError> {
        let live = self.live();
        let mut acceptor = builder(self.settings.client, &live.material, live.trust.as_deref())?;
        let door = self.clone();
        // It is called for clients that name no host, too.
        acceptor.set_servername_callback(move |ssl, _| {
            let changed = ssl.set_ssl_context(&door.live().context);
            changed.map_err(|_| SniError::ALERT_FATAL)?;
            if ssl.servername_raw(NameType::HOST_NAME).is_some() { Ok(()) } else { Err(SniError::NOACK) }
        });
        Ok(acceptor)
    }

    /// Reads everything anew; answers what could not be used.
    pub fn reload(&self) -> Vec<TlsError> {
        let mut looked = locked(&self.looked);
        looked.stamps = stamps(&self.settings);
        let failed = self.take_up();
        looked.failed = failed.len();
        failed
    }

    /// The same if a file changed since the last time; none: nothing did.
    pub fn reload_if_changed(&self) -> Option<Vec<TlsError>> {
        if locked(&self.looked).stamps == stamps(&self.settings) {
            return None;
        }
        Some(self.reload())
    }

    fn take_up(&self) -> Vec<TlsError> {
        let (before, mut failed) = (self.live(), Vec::new());
        let material = Material::read(&self.settings).and_then(|new| {
            let now = Timestamp::now();
            let is_worse = before.material.is_in_force(now) && !new.is_in_force(now);
            if is_worse { Err(TlsError::NotInForce(self.settings.certificate.clone())) } else { Ok(Arc::new(new)) }
        });
        let material = material.unwrap_or_else(|error| {
            failed.push(error);
            before.material.clone()
        });
        let trust = trust(&self.settings).map(|new| new.map(Arc::new)).unwrap_or_else(|error| {
            failed.push(error);
            before.trust.clone()
        });
        match builder(self.settings.client, &material, trust.as_deref()) {
            Ok(built) => {
                let context = built.build().into_context();
                let next = Live { generation: before.generation + 1, material, trust, context };
                *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
            }
            Err(error) => failed.push(error),
        }
        failed
    }

    /// Whether the last reading failed, so that something old is still in force.
    pub fn is_stale(&self) -> bool {
        locked(&self.looked).failed > 0
    }

    pub fn expiries(&self) -> Vec<Expiry> {
        let live = self.live();
        let mut all = vec![Expiry { which: Which::Server, at: live.material.until() }];
        if let Some(trust) = &live.trust {
            let ends = trust.authorities.iter().filter_map(|one| instant(one.not_after()).ok());
            all.extend(ends.min().map(|at| Expiry { which: Which::ClientCa, at }));
            all.extend(trust.crl_due().map(|at| Expiry { which: Which::Crl, at }));
        }
        all.extend(locked(&self.client_end).map(|at| Expiry { which: Which::Client, at }));
        all
    }

    /// When the first of the certificates ends that clients are bound to, as the store knows.
    pub fn note_client_end(&self, end: Option<Timestamp>) {
        *locked(&self.client_end) = end;
    }

    /// Is each certificate of the file followed by the one that issued it?
    pub fn is_chain(&self) -> bool {
        self.live().material.is_chain()
    }

    /// CAs of clients whose certificates can't be revoked, because no list speaks for them.
    pub fn authorities_without_crl(&self) -> usize {
        self.live().trust.as_ref().map_or(0, |trust| trust.without_crl())
    }

    /// What a connection showed; it is not judged yet.
    pub fn peer(&self, ssl: &SslRef) -> Peer {
        let shown = ssl.peer_certificate().and_then(|certificate| {
            let thumbprint = Thumbprint::of(&certificate).ok()?;
            let between = ssl.peer_cert_chain().map(|chain| chain.iter().map(ToOwned::to_owned).collect());
            Some(Shown { certificate, between: between.unwrap_or_default(), thumbprint })
        });
        Peer { shown, judged: Mutex::new(None) }
    }

    /// The certificate by which a request on this connection is known, as things stand now.
    ///
    /// A judgement is remembered until a file or the certificate's own time changes it.
    pub fn admit(&self, peer: &Peer) -> Result<Option<Thumbprint>, CertificateFault> {
        let Some(shown) = &peer.shown else {
            let is_required = self.settings.client == ClientCertificates::Required;
            return if is_required { Err(CertificateFault::Absent) } else { Ok(None) };
        };
        let (live, now) = (self.live(), Timestamp::now());
        let mut judged = locked(&peer.judged);
        let held = (*judged).filter(|judged| judged.generation == live.generation && now < judged.until);
        let outcome = match held {
            Some(held) => held.outcome,
            None => {
                let found = match &live.trust {
                    Some(trust) => trust.judge(&shown.certificate, &shown.between),
                    None => Err(CertificateFault::Unknown),
                };
                let until = match found {
                    Ok(until) | Err(CertificateFault::NotYetValid { from: until }) => until,
                    Err(_) => Timestamp::MAX,
                };
                let outcome = found.map(drop);
                *judged = Some(Judged { generation: live.generation, until, outcome });
                outcome
            }
        };
        outcome.map(|()| Some(shown.thumbprint.clone()))
    }
}

fn trust(settings: &TlsSettings) -> Result<Option<Trust>, TlsError> {
    settings.client_ca.as_ref().map(|ca| Trust::open(ca, settings.client_crl.as_deref())).transpose()
}

fn stamps(settings: &TlsSettings) -> Vec<Stamp> {
    let stamp = |path: &Path| {
        fs::metadata(path).ok().map(|found| (found.mtime(), found.mtime_nsec(), found.len(), found.ino()))
    };
    let (certificate, key) = (&settings.certificate, &settings.key);
    let files = [Some(certificate), Some(key), settings.client_ca.as_ref(), settings.client_crl.as_ref()];
    files.into_iter().flatten().map(|path| stamp(path)).collect()
}

/// Every context is built here, with all callbacks: those of one that is exchanged for another are looked up in the new one.
fn builder(
    client: ClientCertificates,
    material: &Material,
    trust: Option<&Trust>,
) -> Result<SslAcceptorBuilder, TlsError> {
    // TLS 1.2 and newer.
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    if let Some((own, others)) = material.certificates.split_first() {
        builder.set_certificate(own)?;
        for one in others {
            builder.add_extra_chain_cert(one.clone())?;
        }
    }
    builder.set_private_key(&material.key)?;
    builder.check_private_key()?;
    builder.set_options(SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_num_tickets(0)?;
    builder.set_session_id_context(b"saphan")?;
    builder.set_alpn_select_callback(|_, offered| select_next_proto(PROTOCOLS, offered).ok_or(AlpnError::NOACK));
    // Who has the key is proven by the handshake; whose it is, is judged with each request.
    let mode = if client == ClientCertificates::Off { SslVerifyMode::NONE } else { SslVerifyMode::PEER };
    builder.set_verify_callback(mode, |_, _| true);
    // Clients with several certificates choose by it.
    for one in trust.iter().flat_map(|trust| &trust.authorities) {
        builder.add_client_ca(one)?;
    }
    Ok(builder)
}

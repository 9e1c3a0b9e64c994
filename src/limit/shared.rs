//! One account for all gateways, on a server that speaks the Redis protocol (Redis 5 or newer, Valkey).
//!
//! Owns that a decision is one step there (a script, by the server's own clock), and that a server that is away costs nobody
//! more than one short wait: the first failure turns the line off, one try a second turns it on again, and requests in between
//! are decided here. Keys name a client by its id and a policy with its quota, so a changed quota begins anew; they go by
//! themselves when the bucket is full.

use super::{Cost, DEBT_NS_MAX, Debts};
use crate::domain::ids::ClientId;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

/// A connection may take so long, or as long as an answer if that is longer.
const CONNECT_MIN: Duration = Duration::from_secs(1);
/// Between two tries to reach a server that is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// For each key a window, what is needed and what is taken, in nanoseconds; last the most that may be owed. A value is the debt
/// and the time (in microseconds) it was true at. Numbers are exact up to 2^53: a debt is at most 62 days.
const DECIDE: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local most = tonumber(ARGV[#ARGV])
local allowed, debts = 1, {}
for i, key in ipairs(KEYS) do
  local debt, held = 0, redis.call('GET', key)
  if held then
    local owed, at = string.match(held, '^(%d+) (%d+)$')
    if owed then
      debt = math.max(0, tonumber(owed) - math.max(0, now - tonumber(at)) * 1000)
    end
  end
  debts[i] = debt
  local window, need = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1])
  if need > 0 and debt + need > window then
    allowed = 0
  end
end
if allowed == 1 then
  for i, key in ipairs(KEYS) do
    local charge = tonumber(ARGV[i * 3])
    if charge > 0 then
      debts[i] = math.min(debts[i] + charge, most)
      local held = string.format('%.0f %.0f', debts[i], now)
      redis.call('SET', key, held, 'PX', string.format('%.0f', math.ceil(debts[i] / 1000000) + 1))
    end
  end
end
table.insert(debts, 1, allowed)
return debts
";

/// Never repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the address of the server for limits can't be read")]
pub struct BadAddress(#[source] RedisError);

enum Line {
    Up(MultiplexedConnection),
    /// `told`: the log knows.
    Down {
        try_again_at: Instant,
        told: bool,
    },
}

struct Phone {
    client: Client,
    config: AsyncConnectionConfig,
    line: Mutex<Line>,
}

pub(super) struct Shared {
    phone: Arc<Phone>,
    script: Script,
    /// That of the process: the line must not end with a thread of the server.
    runtime: Option<Handle>,
    first_try: OnceCell<()>,
    connect_max: Duration,
}

impl Shared {
    pub(super) fn open(url: &str, answer_max: Duration) -> Result<Shared, BadAddress> {
        let connect_max = answer_max.max(CONNECT_MIN);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_max))
            .set_response_timeout(Some(answer_max));
        let line = Mutex::new(Line::Down { try_again_at: Instant::now(), told: false });
        let phone = Phone { client: Client::open(url).map_err(BadAddress)?, config, line };
        Ok(Shared {
            phone: Arc::new(phone),
            script: Script::new(DECIDE),
            runtime: Handle::try_current().ok(),
            first_try: OnceCell::new(),
            connect_max,
        })
    }

    /// None: the server does not answer. `forced`: nothing is asked, only taken.
    pub(super) async fn decide(&self, client: &ClientId, costs: &[Cost], forced: bool) -> Option<Debts> {
        let mut connection = self.line().await?;
        let mut call = self.script.prepare_invoke();
        for cost in costs {
            let (quota, interval) = (cost.quota, cost.quota.interval_ns());
            let policy = quota.policy().as_str();
            call.key(format!("saphan:{{{client}}}:{policy}:{}x{interval}", quota.burst()));
            let need = if forced { 0 } else { u64::from(cost.need).saturating_mul(interval) };
            call.arg(quota.window_ns()).arg(need).arg(cost.charge.saturating_mul(interval).min(DEBT_NS_MAX));
        }
        call.arg(DEBT_NS_MAX);
        match call.invoke_async::<Vec<u64>>(&mut connection).await {
            Ok(answer) => {
                let (allowed, debts) = answer.split_first()?;
                (debts.len() == costs.len()).then(|| Debts { allowed: *allowed == 1, ns: debts.to_vec() })
            }
            Err(error) => {
                self.phone.hang_up(&error);
                None
            }
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(*self.phone.line.lock().unwrap_or_else(PoisonError::into_inner), Line::Up(_))
    }

    /// Only the first who ask wait for a line.
    async fn line(&self) -> Option<MultiplexedConnection> {
        let runtime = self.runtime.as_ref()?;
        self.first_try
            .get_or_init(|| async {
                // Ends with a line or without one; the next look says which.
                let _ = runtime.spawn(self.phone.clone().dial()).await;
            })
            .await;
        let mut line = self.phone.line.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *line {
            Line::Up(connection) => return Some(connection.clone()),
            Line::Down { try_again_at, .. } if *try_again_at <= Instant::now() => {
                *try_again_at = Instant::now() + RETRY_AFTER + self.connect_max;
                drop(runtime.spawn(self.phone.clone().dial()));
            }
            Line::Down { .. } => {}
        }
        None
    }
}

impl Phone {
    async fn dial(self: Arc<Self>) {
        match self.client.get_multiplexed_async_connection_with_config(&self.config).await {
            Ok(connection) => {
                *self.line.lock().unwrap_or_else(PoisonError::into_inner) = Line::Up(connection);
                tracing::info!("limits are counted together with the other gateways");
            }
            Err(error) => self.hang_up(&error),
        }
    }

    fn hang_up(&self, error: &RedisError) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        // Of many requests that fail together the first one tells.
        if !matches!(*line, Line::Down { told: true, .. }) {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, "the server for limits does not answer: each gateway counts for itself meanwhile");
        }
        *line = Line::Down { try_again_at: Instant::now() + RETRY_AFTER, told: true };
    }
}

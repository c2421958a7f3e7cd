use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::admit::{Received, State};
use crate::challenges::Challenges;
use crate::keys::read_public_key;
use crate::permit::{Duties, Permissions, Permit, decode};
use crate::signature::verify;
use crate::{PublicKey, Refusal};

/// The public keys that a bot knows, several of a kind while they are exchanged.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The operator's.
    pub permit: Vec<PublicKey>,
    /// Also the sidecar's: what it signs can only take away.
    pub raise: Vec<PublicKey>,
}

impl Keys {
    /// Reads `keys.json` as the operator publishes it: lists `permit` and `raise`, all of them or none.
    pub fn from_json(text: &str) -> Result<Keys, Refusal> {
        #[derive(Deserialize)]
        struct Texts {
            permit: Vec<String>,
            raise: Vec<String>,
        }
        let Texts { permit, raise } = serde_json::from_str(text).map_err(|_| Refusal::Key)?;
        let read =
            |texts: Vec<String>| texts.iter().map(|text| read_public_key(text)).collect::<Result<_, _>>();
        Ok(Keys { permit: read(permit)?, raise: read(raise)? })
    }
}

/// Where a gate has its times and its challenges from.
pub trait Clock: Send + Sync {
    /// Milliseconds of a clock that only goes forward, never 0.
    fn now(&self) -> u64;
    /// Milliseconds since 1970; used for the age of raises alone.
    fn wall_now(&self) -> u64;
    /// A text that nobody can guess.
    fn challenge(&self) -> String;
}

/// The clocks of the operating system. On Linux `CLOCK_MONOTONIC_COARSE`, which is behind by up to one tick of the
/// kernel (10 ms at most) and costs a quarter of the exact one; so it is put forward by that much.
#[derive(Default)]
pub struct Monotonic;

#[cfg(target_os = "linux")]
impl Monotonic {
    fn milliseconds(&self) -> u64 {
        const TICK: u64 = 10;
        let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000 + TICK
    }
}

#[cfg(not(target_os = "linux"))]
impl Monotonic {
    fn milliseconds(&self) -> u64 {
        static STARTED: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        STARTED.get_or_init(std::time::Instant::now).elapsed().as_millis() as u64 + 1
    }
}

impl Clock for Monotonic {
    fn now(&self) -> u64 {
        self.milliseconds()
    }

    fn wall_now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    fn challenge(&self) -> String {
        let mut bytes = [0_u8; 12];
        // Without randomness a challenge could be guessed: better no bot than that.
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Epoch {
    pub uid: String,
    pub generation: u64,
}

/// What a bot answers, as JSON: what it applied, and what it does now.
#[derive(Debug, Clone, Serialize)]
pub struct Acknowledgement {
    /// `Granted` or `Tightened`.
    pub applied: &'static str,
    pub epoch: Epoch,
    pub permissions: Permissions,
    pub challenge: String,
    pub instance: String,
}

struct Inner {
    state: State,
    challenges: Challenges,
}

impl Inner {
    fn epoch(&self) -> Epoch {
        let State { uid, generation, .. } = &self.state;
        Epoch { uid: uid.clone().unwrap_or_default(), generation: *generation }
    }
}

/// The gate: paused until the first permit, and again when the last one has run out. Share it by `Arc`.
pub struct Gate<C: Clock = Monotonic> {
    clock: C,
    /// The one number on the order path.
    open_until: AtomicU64,
    inner: Mutex<Inner>,
    instance: String,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new(Monotonic)
    }
}

impl<C: Clock> Gate<C> {
    pub fn new(clock: C) -> Gate<C> {
        let instance = Monotonic.challenge();
        let inner = Inner { state: State::default(), challenges: Challenges::default() };
        Gate { clock, open_until: AtomicU64::new(0), inner: Mutex::new(inner), instance }
    }

    /// True while the bot may open or grow a position. Takes no lock.
    #[inline]
    pub fn may_open(&self) -> bool {
        let until = self.open_until.load(Ordering::Acquire);
        until != 0 && self.clock.now() < until
    }

    /// The life of this process, and the newest epoch that it knows of.
    pub(crate) fn identity(&self) -> (String, Epoch) {
        (self.instance.clone(), self.lock().epoch())
    }

    /// All that the bot may do now.
    pub fn permissions(&self) -> Permissions {
        let now = self.clock.now();
        self.lock().state.permissions_at(now)
    }

    /// Takes in one message; `header` looks one up by its name in lower case. `on_duties` is called before the answer
    /// is made: it begins to cancel and flatten, and returns; it gets no duties where a later epoch asks for nothing more,
    /// which ends a flattening.
    pub fn receive<'a>(
        &self,
        body: &[u8],
        header: impl Fn(&str) -> Option<&'a str>,
        keys: &Keys,
        on_duties: impl FnOnce(&Duties, &Permit),
    ) -> Result<Acknowledgement, Refusal> {
        let verified = verify(body, header, keys)?;
        let permit = decode(body)?;
        let mut inner = self.lock();
        let challenged_at = inner.challenges.redeem(permit.challenge.as_deref(), self.clock.now());
        let received = Received {
            id: verified.id,
            permit: &permit,
            by_raise_key: verified.by_raise_key,
            sent_at: verified.sent_at,
            challenged_at,
        };
        let admission = inner.state.admit(&received, self.clock.wall_now());
        self.open_until.store(inner.state.open_until(), Ordering::Release);
        if admission.tells {
            on_duties(&permit.duties, &permit);
        }
        let now = self.clock.now();
        let challenge = self.clock.challenge();
        inner.challenges.give(challenge.clone(), now);
        Ok(Acknowledgement {
            applied: if admission.granted { "Granted" } else { "Tightened" },
            epoch: inner.epoch(),
            permissions: inner.state.permissions_at(now),
            challenge,
            instance: self.instance.clone(),
        })
    }

    /// A thread that panicked in `on_duties` left the state whole: it is written before.
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

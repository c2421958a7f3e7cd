//! The message, as `docs/permits.md` lays it down.

use serde::{Deserialize, Serialize};

use crate::Refusal;

pub const LONGEST_TTL_MS: u64 = 60_000;
const LONGEST_TEXT: usize = 1024;

/// The ways to shrink a position, from the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    Free,
    /// Only by stops that are placed already.
    StopsPlaced,
    None,
}

/// The ways to change stops, from the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amendment {
    Free,
    Tighten,
    None,
}

/// What a bot may do. Cancelling is always allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    /// Open or grow a position.
    pub open: bool,
    /// Close or shrink one.
    pub reduce: Reduction,
    pub amend_stops: Amendment,
}

impl Permissions {
    pub const PAUSED: Permissions =
        Permissions { open: false, reduce: Reduction::StopsPlaced, amend_stops: Amendment::Free };

    /// What both allow.
    pub fn joined(self, other: Permissions) -> Permissions {
        Permissions {
            open: self.open && other.open,
            reduce: self.reduce.max(other.reduce),
            amend_stops: self.amend_stops.max(other.amend_stops),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    Normal,
    Pause,
    Reduce,
    Emergency,
    Freeze,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Permit,
    /// It can only take away.
    Raise,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flatten {
    /// 0: at once.
    pub over_seconds: f64,
}

/// What a bot is told to do, beside what it may.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Duties {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flatten: Option<Flatten>,
    /// By which share of their distance stops come nearer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tighten_stops_percent: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Desk {
    pub namespace: String,
    pub uid: String,
    pub generation: u64,
}

/// Bounds of a liquidation; what is absent bounds nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_slippage_bps: Option<f64>,
    /// A share of what is quoted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_participation: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote_max_age_seconds: Option<f64>,
}

/// One permit, or one raise.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permit {
    pub version: u32,
    pub kind: Kind,
    pub desk: Desk,
    pub target: String,
    pub mode: Mode,
    pub permissions: Permissions,
    pub duties: Duties,
    #[serde(default)]
    pub limits: Limits,
    pub reason: String,
    pub ttl_milliseconds: u64,
    pub challenge: Option<String>,
}

/// Reads a body whose signature was found good.
pub fn decode(body: &[u8]) -> Result<Permit, Refusal> {
    let permit: Permit = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
    let texts = [&permit.desk.namespace, &permit.desk.uid, &permit.target, &permit.reason];
    let short = |text: &str| text.chars().count() <= LONGEST_TEXT;
    let positive = [
        permit.duties.tighten_stops_percent,
        permit.limits.max_slippage_bps,
        permit.limits.max_participation,
        permit.limits.quote_max_age_seconds,
    ];
    let good = permit.version == 1
        && (1..=LONGEST_TTL_MS).contains(&permit.ttl_milliseconds)
        && texts.into_iter().all(|text| short(text))
        && permit.challenge.as_deref().is_none_or(short)
        && positive.into_iter().flatten().all(|number| number > 0.0)
        && permit.duties.flatten.as_ref().is_none_or(|flatten| flatten.over_seconds >= 0.0);
    if good { Ok(permit) } else { Err(Refusal::Malformed) }
}

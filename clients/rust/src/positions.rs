//! The answer to `GET /positions`, as `docs/positions.md` lays it down.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{Clock, Epoch, Gate, Permissions};

/// What a bot holds in one symbol, as its venue told it last. Prices and gains in money.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Holding {
    pub symbol: String,
    /// Units; a short position is negative.
    pub quantity: f64,
    /// Average price of what is held.
    pub entry: f64,
    /// Price of the resting stop.
    pub stop: Option<f64>,
    /// Price of the resting take-profit order.
    pub target: Option<f64>,
    /// In the middle of the last quote.
    pub price: f64,
    /// Gain of what was closed in this symbol.
    pub realised: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Long,
    Short,
}

/// One position; `quantity` is without sign.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Position {
    pub symbol: String,
    pub side: Side,
    pub quantity: f64,
    pub entry: f64,
    pub stop: Option<f64>,
    pub target: Option<f64>,
    pub price: f64,
    pub unrealised: f64,
    pub realised: f64,
}

/// The document.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Positions {
    pub account: String,
    /// RFC 3339.
    pub as_of: String,
    pub instance: String,
    pub epoch: Epoch,
    pub permissions: Permissions,
    /// Stops and targets among them.
    pub resting_orders: u64,
    pub positions: Vec<Position>,
}

impl<C: Clock> Gate<C> {
    /// What a bot with this gate answers. What is flat is left out.
    pub fn positions(
        &self,
        account: &str,
        at: SystemTime,
        resting_orders: u64,
        held: &[Holding],
    ) -> Positions {
        let (instance, epoch) = self.identity();
        Positions {
            account: account.to_owned(),
            as_of: humantime::format_rfc3339_millis(at).to_string(),
            instance,
            epoch,
            permissions: self.permissions(),
            resting_orders,
            positions: held.iter().filter(|holding| holding.quantity != 0.0).map(position).collect(),
        }
    }
}

fn position(holding: &Holding) -> Position {
    let Holding { symbol, quantity, entry, stop, target, price, realised } = holding.clone();
    Position {
        symbol,
        side: if quantity > 0.0 { Side::Long } else { Side::Short },
        quantity: quantity.abs(),
        entry,
        stop,
        target,
        price,
        unrealised: quantity * (price - entry),
        realised,
    }
}

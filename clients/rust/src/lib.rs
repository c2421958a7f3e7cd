//! The gate that a trading bot embeds: paused until a signed permit answers its challenge, and when that has run out.
//! What it does with a message is laid down in `docs/permits.md`; `clients/generated/vectors.json` tests it.

mod admit;
mod challenges;
mod gate;
mod keys;
mod permit;
mod positions;
mod signature;

pub use gate::{Acknowledgement, Clock, Epoch, Gate, Keys, Monotonic};
pub use keys::{PublicKey, read_public_key};
pub use permit::{Amendment, Duties, Flatten, Kind, Limits, Mode, Permissions, Permit, Reduction};
pub use positions::{Holding, Position, Positions, Side};

/// Why a message or a key was refused. After a refused message nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a public key.
    Key,
    /// Nobody whose key is known signed this.
    Signature,
    /// Signed, and no permit.
    Malformed,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refusal::Key => "a public key is whpk_ and base64 of 32 bytes",
            Refusal::Signature => "no signature is of a key that is known here",
            Refusal::Malformed => "the body is no permit",
        })
    }
}

impl std::error::Error for Refusal {}

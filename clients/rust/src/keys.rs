//! Public keys as Standard Webhooks writes those of `v1a`.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::VerifyingKey;

use crate::Refusal;

/// A key that a desk holds.
pub type PublicKey = VerifyingKey;

/// Reads `whpk_` and base64 of 32 bytes.
pub fn read_public_key(text: &str) -> Result<PublicKey, Refusal> {
    let base64 = text.trim().strip_prefix("whpk_").ok_or(Refusal::Key)?;
    let bytes = STANDARD.decode(base64).map_err(|_| Refusal::Key)?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| Refusal::Key)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| Refusal::Key)
}

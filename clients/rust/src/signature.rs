//! Who signed a message: Standard Webhooks, `v1a`, Ed25519 over `ID.TIMESTAMP.BODY`.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Verifier};

use crate::{Keys, PublicKey, Refusal};

const SIGNATURES_AT_MOST: usize = 8;

/// A message whose signature was found good.
pub struct Verified<'a> {
    pub id: &'a str,
    /// Milliseconds since 1970, as its sender says.
    pub sent_at: u64,
    /// By the key that can only take away.
    pub by_raise_key: bool,
}

pub fn verify<'a>(
    body: &[u8],
    header: impl Fn(&str) -> Option<&'a str>,
    keys: &Keys,
) -> Result<Verified<'a>, Refusal> {
    let id = header("webhook-id").filter(|id| !id.is_empty()).ok_or(Refusal::Signature)?;
    let timestamp = header("webhook-timestamp").ok_or(Refusal::Signature)?;
    let is_time = (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = timestamp.parse().ok().filter(|_| is_time).ok_or(Refusal::Signature)?;
    let content = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let signatures = header("webhook-signature").ok_or(Refusal::Signature)?;
    for text in signatures.split(' ').take(SIGNATURES_AT_MOST) {
        let Some(signature) = read(text) else {
            continue;
        };
        let signed_by = |keys: &[PublicKey]| keys.iter().any(|key| key.verify(&content, &signature).is_ok());
        // Asked in this order: what both keys signed is the operator's.
        let by_permit_key = signed_by(&keys.permit);
        if by_permit_key || signed_by(&keys.raise) {
            return Ok(Verified { id, sent_at: seconds * 1000, by_raise_key: !by_permit_key });
        }
    }
    Err(Refusal::Signature)
}

fn read(text: &str) -> Option<Signature> {
    let bytes = STANDARD.decode(text.strip_prefix("v1a,")?).ok()?;
    Signature::from_slice(&bytes).ok()
}

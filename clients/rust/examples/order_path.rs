//! `cargo run --release --example order_path`: what the gate costs on the order path, beside an atomic load.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer, SigningKey};
use tradingsafety_gate::{Acknowledgement, Clock, Gate, Keys, Monotonic};

const CHECKS: u32 = 20_000_000;

fn nanoseconds(mut check: impl FnMut() -> bool) -> f64 {
    let started = Instant::now();
    for _ in 0..CHECKS {
        black_box(check());
    }
    started.elapsed().as_nanos() as f64 / f64::from(CHECKS)
}

/// Sends a permit for Normal that answers this challenge.
fn send(gate: &Gate, key: &SigningKey, challenge: &str) -> Acknowledgement {
    let body = format!(
        r#"{{"version":1,"kind":"Permit","desk":{{"namespace":"d","uid":"u","generation":1}},"target":"bots",
        "mode":"Normal","permissions":{{"open":true,"reduce":"free","amendStops":"free"}},"duties":{{}},
        "reason":"","ttlMilliseconds":60000,"challenge":"{challenge}"}}"#
    );
    let signature = key.sign(format!("id.1.{body}").as_bytes());
    let signature = format!("v1a,{}", STANDARD.encode(signature.to_bytes()));
    let keys = Keys { permit: vec![key.verifying_key()], raise: vec![] };
    let header = |name: &str| match name {
        "webhook-id" => Some("id"),
        "webhook-timestamp" => Some("1"),
        "webhook-signature" => Some(signature.as_str()),
        _ => None,
    };
    gate.receive(body.as_bytes(), header, &keys, |_, _| {}).expect("it is signed")
}

fn main() {
    let number = AtomicU64::new(1);
    let clock = Monotonic;
    let gate = Gate::default();
    println!("n {CHECKS} each");
    println!("atomic load   {:6.1} ns", nanoseconds(|| black_box(&number).load(Ordering::Acquire) == 0));
    println!("clock         {:6.1} ns", nanoseconds(|| black_box(&clock).now() == 0));
    println!("gate, paused  {:6.1} ns", nanoseconds(|| black_box(&gate).may_open()));
    let key = SigningKey::from_bytes(&[7; 32]);
    let first = send(&gate, &key, "");
    send(&gate, &key, &first.challenge);
    assert!(gate.may_open());
    println!("gate, open    {:6.1} ns", nanoseconds(|| black_box(&gate).may_open()));
}

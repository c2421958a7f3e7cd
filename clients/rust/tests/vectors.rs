//! Every story of `clients/generated/vectors.json`, told to the gate.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use tradingsafety_gate::{Clock, Gate, Holding, Keys, Refusal, read_public_key};

const VECTORS: &str = include_str!("../../generated/vectors.json");

/// Clocks that stand where the story says.
#[derive(Default)]
struct Told {
    now: AtomicU64,
    wall_now: AtomicU64,
    answers: AtomicU64,
}

impl Clock for &Told {
    fn now(&self) -> u64 {
        // Stories begin at 0, which is before everything here.
        self.now.load(Ordering::Relaxed) + 1
    }

    fn wall_now(&self) -> u64 {
        self.wall_now.load(Ordering::Relaxed)
    }

    fn challenge(&self) -> String {
        format!("challenge-{}", self.answers.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn keys(vectors: &Value) -> Keys {
    Keys::from_json(&vectors["keys"].to_string()).expect("lists of keys")
}

#[test]
fn stories() {
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors.json is JSON");
    let keys = keys(&vectors);
    let scenarios = vectors["scenarios"].as_array().expect("scenarios");
    assert!(scenarios.len() >= 20);
    for scenario in scenarios {
        let told = Told::default();
        let gate = Gate::new(&told);
        for (index, step) in scenario["steps"].as_array().expect("steps").iter().enumerate() {
            let place = format!("{}, step {index}", scenario["name"]);
            told.now.store(step["now"].as_u64().expect("a time"), Ordering::Relaxed);
            told.wall_now.store(step["wallNow"].as_u64().expect("a time"), Ordering::Relaxed);
            let expect = &step["expect"];
            let (duties, limits) = (RefCell::new(Value::Null), RefCell::new(Value::Null));
            if let Some(message) = step.get("message") {
                let body = message["body"].as_str().expect("a body").as_bytes();
                let answer = gate.receive(
                    body,
                    |name| message["headers"][name].as_str(),
                    &keys,
                    |told, permit| {
                        *duties.borrow_mut() = serde_json::to_value(told).expect("JSON");
                        *limits.borrow_mut() = serde_json::to_value(&permit.limits).expect("JSON");
                    },
                );
                match (answer, expect.get("error").and_then(Value::as_str)) {
                    (Err(Refusal::Signature), Some("SIGNATURE")) => {}
                    (Err(Refusal::Malformed), Some("MALFORMED")) => {}
                    (Ok(answer), None) => {
                        let answer = serde_json::to_value(answer).expect("JSON");
                        for name in ["applied", "epoch", "permissions"] {
                            assert_eq!(answer[name], expect[name], "{place}: {name}");
                        }
                    }
                    (other, wanted) => panic!("{place}: wanted {wanted:?}, got {other:?}"),
                }
            }
            let wanted = expect.get("duties").cloned().unwrap_or(Value::Null);
            assert!(same(&duties.borrow(), &wanted), "{place}: {duties:?} instead of {wanted}");
            if let Some(wanted) = expect.get("limits") {
                assert!(same(&limits.borrow(), wanted), "{place}: {limits:?} instead of {wanted}");
            }
            let permissions = serde_json::to_value(gate.permissions()).expect("JSON");
            assert_eq!(permissions, expect["permissions"], "{place}");
            assert_eq!(Some(gate.may_open()), expect["permissions"]["open"].as_bool(), "{place}");
        }
    }
}

#[test]
fn positions() {
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors.json is JSON");
    let keys = keys(&vectors);
    let told = Told::default();
    let gate = Gate::new(&told);
    let mut instance = String::new();
    for step in &vectors["scenarios"][0]["steps"].as_array().expect("steps")[..2] {
        told.now.store(step["now"].as_u64().expect("a time"), Ordering::Relaxed);
        let message = &step["message"];
        let body = message["body"].as_str().expect("a body").as_bytes();
        let header = |name: &str| message["headers"][name].as_str();
        instance = gate.receive(body, header, &keys, |_, _| {}).expect("it is signed").instance;
    }
    let (book, mut expect) = (&vectors["positions"]["book"], vectors["positions"]["expect"].clone());
    let at = UNIX_EPOCH + Duration::from_millis(book["at"].as_u64().expect("a time"));
    let held: Vec<Holding> = serde_json::from_value(book["held"].clone()).expect("holdings");
    let resting = book["restingOrders"].as_u64().expect("a number");
    let answer = gate.positions(book["account"].as_str().expect("a name"), at, resting, &held);
    let answer = serde_json::to_value(answer).expect("JSON");
    expect["instance"] = instance.into();
    assert!(same(&answer, &expect), "{answer} instead of {expect}");
}

/// 0 and 0.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(one, other)| same(one, other))
        }
        _ => a == b,
    }
}

#[test]
fn what_is_no_key_is_refused() {
    for text in ["", "whpk_", "whpk_AAAA", "whsk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
        assert_eq!(read_public_key(text).err(), Some(Refusal::Key), "{text}");
    }
    for text in ["", "null", "[]", "{}", r#"{"permit":[]}"#, r#"{"permit":["x"],"raise":[]}"#] {
        assert_eq!(Keys::from_json(text).err(), Some(Refusal::Key), "{text}");
    }
}

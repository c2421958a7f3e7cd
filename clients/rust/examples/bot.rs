//! A bot in twenty lines: it opens positions only while its gate is open. KEYS names keys.json of the ConfigMap.

use std::env::var;
use std::error::Error;
use std::time::SystemTime;

use tiny_http::{Method, Request, Response, Server};
use tradingsafety_gate::{Duties, Gate, Holding, Keys, Refusal};

/// Status and body. The keys are read with each message: they are exchanged while bots run.
fn answer(gate: &Gate, request: &mut Request, held: &[Holding]) -> Result<(u16, String), Box<dyn Error>> {
    if *request.method() == Method::Get {
        return Ok((200, serde_json::to_string(&gate.positions("example", SystemTime::now(), 0, held))?));
    }
    let (mut body, keys) = (Vec::new(), Keys::from_json(&std::fs::read_to_string(var("KEYS")?)?)?);
    request.as_reader().read_to_end(&mut body)?;
    let header = |name: &str| {
        let found =
            request.headers().iter().find(|header| header.field.as_str().as_str().eq_ignore_ascii_case(name));
        found.map(|header| header.value.as_str())
    };
    let todo = |duties: &Duties, _: &_| println!("do {}", serde_json::to_string(duties).unwrap_or_default());
    match gate.receive(&body, header, &keys, todo) {
        Ok(answer) => Ok((200, serde_json::to_string(&answer)?)),
        Err(refusal) => Ok((if refusal == Refusal::Signature { 401 } else { 400 }, refusal.to_string())),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = var("PORT").unwrap_or("8090".into());
    let server = Server::http(format!("127.0.0.1:{port}")).map_err(|error| error.to_string())?;
    // Beside it, on the order path, in whatever thread: `if gate.may_open() { ... }`. What is held: as the venue says.
    let (gate, held) = (Gate::default(), Vec::new());
    for mut request in server.incoming_requests() {
        let (status, text) =
            answer(&gate, &mut request, &held).unwrap_or_else(|error| (500, error.to_string()));
        request.respond(Response::from_string(text).with_status_code(status))?;
    }
    Ok(())
}

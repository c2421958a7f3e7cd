//! A bot in some twenty lines: it opens positions only while its gate is open. KEYS names keys.json of the ConfigMap.

use std::env::var;
use std::error::Error;
use std::fs::read_to_string;
use std::time::SystemTime;

use serde_json::to_string;
use tiny_http::{Method, Request, Response, Server};
use tradingsafety_gate::{Duties, Gate, Keys, Refusal};

fn answer(gate: &Gate, request: &mut Request) -> Result<String, Box<dyn Error>> {
    if *request.method() == Method::Get {
        // What is held: as the venue says.
        return Ok(to_string(&gate.positions("example", SystemTime::now(), 0, &[]))?);
    }
    // Read with each message: keys are exchanged while bots run.
    let (mut body, keys) = (Vec::new(), Keys::from_json(&read_to_string(var("KEYS")?)?)?);
    request.as_reader().read_to_end(&mut body)?;
    let is = |field: &tiny_http::HeaderField, name: &str| field.as_str().as_str().eq_ignore_ascii_case(name);
    let header =
        |name: &str| request.headers().iter().find(|one| is(&one.field, name)).map(|one| one.value.as_str());
    let begin = |duties: &Duties, _: &_| println!("do {}", to_string(duties).unwrap_or_default());
    Ok(to_string(&gate.receive(&body, header, &keys, begin)?)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::http(format!("127.0.0.1:{}", var("PORT")?)).map_err(|error| error.to_string())?;
    // In whatever thread, on the order path: `if gate.may_open() { ... }`
    let gate = Gate::default();
    for mut request in server.incoming_requests() {
        let (status, text) = answer(&gate, &mut request).map_or_else(
            |error| {
                (if error.downcast_ref() == Some(&Refusal::Signature) { 401 } else { 400 }, error.to_string())
            },
            |text| (200, text),
        );
        request.respond(Response::from_string(text).with_status_code(status))?;
    }
    Ok(())
}

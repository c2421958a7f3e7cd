//! A bot in twenty lines: it opens positions only while its gate is open. Run with the desk's public keys.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use tradingsafety_gate::{Gate, Keys, read_public_key};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = |name: &str| Ok::<_, Box<dyn std::error::Error>>(vec![read_public_key(&std::env::var(name)?)?]);
    let keys = Keys { permit: key("PERMIT_KEY")?, raise: key("RAISE_KEY")? };
    let gate = Arc::new(Gate::default());
    // On the order path, in whatever thread: `if gate.may_open() { ... }`
    for stream in TcpListener::bind("127.0.0.1:8090")?.incoming() {
        let mut stream = BufReader::new(stream?);
        let mut lines = (&mut stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        lines.next();
        let split = |line: String| line.split_once(": ").map(|(a, b)| (a.to_lowercase(), b.to_owned()));
        let headers: HashMap<_, _> = lines.filter_map(split).collect();
        let header = |name: &str| headers.get(name).map(String::as_str);
        let length = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0).min(65_536);
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let answer = gate.receive(&body, header, &keys, |duties, _| println!("do {duties:?}"));
        let status = if answer.is_ok() { "200 OK" } else { "401 Unauthorized" };
        let text = answer.map(|answer| serde_json::to_string(&answer)).unwrap_or(Ok(String::new()))?;
        write!(stream.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{text}", text.len())?;
    }
    Ok(())
}

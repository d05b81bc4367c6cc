//! How fast the JSON scanner is on bodies of ordinary and of hostile shape, and the editor beside it, in MB/s:
//! `cargo run --release -p buckler-inspect --example throughput`.
#![expect(clippy::disallowed_types, reason = "the scanner reads no clock; what measures it does")]

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use buckler_inspect::json::{Edit, EditLimits, JsonEditor, JsonFault, JsonLimits, JsonScanner, Rules, Strings, Texts};

/// Size of each body.
const BODY: usize = 1 << 20;
/// What one read of a socket brings.
const CHUNK: usize = 16 << 10;
const LIMITS: JsonLimits = JsonLimits { depth: u32::MAX, keys: u32::MAX, string: u32::MAX };

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, body) in bodies() {
        let scanner = rate(&body, scan)?;
        let editor = rate(&body, |body| edit(body, Strings::AsWritten))?;
        let trimmed = rate(&body, |body| edit(body, Strings::Trimmed))?;
        writeln!(out, "{name:<48}{scanner:>7.0} MB/s{editor:>7.0} edited{trimmed:>7.0} trimmed")?;
    }
    Ok(())
}

fn rate(body: &[u8], work: impl Fn(&[u8]) -> Result<u64, JsonFault>) -> io::Result<f64> {
    let mut best = Duration::MAX;
    for _ in 0..30 {
        let start = Instant::now();
        let count = work(body).map_err(io::Error::other)?;
        best = best.min(start.elapsed());
        std::hint::black_box(count);
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let rate = body.len() as f64 / best.as_secs_f64() / 1e6;
    Ok(rate)
}

/// Takes away one member of each record.
struct NoOwners;

impl Rules for NoOwners {
    type At = ();

    fn root(&self) {}

    fn member(&mut self, (): (), name: &str) -> Edit<()> {
        if name == "owner" { Edit::Remove } else { Edit::Keep(()) }
    }

    fn item(&self, (): (), _: usize) {}
}

fn edit(body: &[u8], strings: Strings) -> Result<u64, JsonFault> {
    let limits = EditLimits { depth: u32::MAX, name: u32::MAX };
    let mut editor = JsonEditor::new(NoOwners, limits, Texts::One, strings);
    let mut out = Vec::with_capacity(CHUNK);
    for chunk in body.chunks(CHUNK) {
        out.clear();
        editor.push(chunk, &mut out)?;
        std::hint::black_box(&out);
    }
    Ok(editor.finish()?.0.removed)
}

fn scan(body: &[u8]) -> Result<u64, JsonFault> {
    let mut scanner = JsonScanner::new(LIMITS);
    for chunk in body.chunks(CHUNK) {
        scanner.push(chunk)?;
    }
    Ok(u64::from(scanner.finish()?.keys))
}

fn bodies() -> [(&'static str, Vec<u8>); 8] {
    [
        (
            "API records, compact",
            array(|id| {
                format!(
                    r#"{{"id":{id},"name":"Teapot, enamelled, 1.2 l","description":"Holds enough for four cups; the lid stays on while pouring.","price":24.90,"currency":"EUR","in_stock":true,"tags":["kitchen","tea","new"],"created_at":"2025-03-14T09:26:53Z","owner":{{"id":{},"email":"someone@example.com"}}}}"#,
                    id * 7
                )
            }),
        ),
        (
            "API records, indented",
            array(|id| {
                format!(
                    "{{\n    \"id\": {id},\n    \"name\": \"Teapot, enamelled, 1.2 l\",\n    \"price\": 24.90,\n    \"in_stock\": true,\n    \"owner\": {{\n      \"id\": {id},\n      \"email\": \"someone@example.com\"\n    }}\n  }}\n  "
                )
            }),
        ),
        (
            "numbers (coordinates)",
            array(|id| {
                format!("[{}.{:06},-{}.{:06}]", id % 90, id * 7919 % 1_000_000, id % 180, id * 104_729 % 1_000_000)
            }),
        ),
        ("text, ASCII", array(|_| format!("\"{}\"", "The quick brown fox jumps over the lazy dog. ".repeat(20)))),
        ("text, Chinese", array(|_| format!("\"{}\"", "敏捷的棕色狐狸跳过了懒狗。".repeat(20)))),
        ("text, every character escaped", array(|_| format!("\"{}\"", "\\u00e9\\n\\ud83d\\ude00".repeat(20)))),
        ("one object of many short names (hostile)", large_object(0)),
        ("one object of long names, alike (hostile)", large_object(1_000)),
    ]
}

fn array(item: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = String::from("[");
    for id in 0.. {
        let item = item(id);
        if text.len() + item.len() + 2 > BODY {
            break;
        }
        if id > 0 {
            text.push(',');
        }
        text.push_str(&item);
    }
    text.push(']');
    text.into_bytes()
}

fn large_object(prefix: usize) -> Vec<u8> {
    let prefix = "a".repeat(prefix);
    let mut text = String::from("{");
    for id in 0_u32.. {
        if text.len() + prefix.len() + 16 > BODY {
            break;
        }
        let comma = if id > 0 { "," } else { "" };
        // Multiplying by an odd number visits names in no particular order.
        let _ = write!(text, "{comma}\"{prefix}{:x}\":0", id.wrapping_mul(2_654_435_761));
    }
    text.push('}');
    text.into_bytes()
}

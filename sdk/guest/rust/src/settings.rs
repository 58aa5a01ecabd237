// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

use alloc::format;
use alloc::string::String;

/// How deep JSON may be nested.
const DEPTH: u32 = 64;

/// One value in a JSON text, which is read where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Checks that the text is one JSON value.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let from = blank(bytes, 0);
        match value(bytes, from, DEPTH) {
            Some(end) if blank(bytes, end) == bytes.len() => Ok(Self(&text[from..end])),
            _ => Err(String::from("it is not one JSON value")),
        }
    }

    /// The member of that name, if this is an object that has one.
    pub fn get(&self, name: &str) -> Option<Json<'a>> {
        let mut found = None;
        for (key, value) in self.members() {
            if key.text().is_some_and(|k| k == name) {
                found = Some(value); // the last one counts, as everywhere
            }
        }
        found
    }

    /// The members of an object, names first; nothing if this is none.
    pub fn members(&self) -> impl Iterator<Item = (Json<'a>, Json<'a>)> {
        let mut parts = Parts::new(self.0, b'{');
        core::iter::from_fn(move || {
            let key = parts.next()?;
            Some((key, parts.next()?))
        })
    }

    /// The items of an array; nothing if this is none.
    pub fn items(&self) -> impl Iterator<Item = Json<'a>> {
        Parts::new(self.0, b'[')
    }

    /// The number, if this is one.
    pub fn number(&self) -> Option<f64> {
        match self.0.as_bytes()[0] {
            b'-' | b'0'..=b'9' => self.0.parse().ok(),
            _ => None,
        }
    }

    /// The boolean, if this is one.
    pub fn flag(&self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The text, if this is one.
    pub fn text(&self) -> Option<String> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        let mut out = String::with_capacity(inner.len());
        let mut rest = inner;
        while let Some(at) = rest.find('\\') {
            out.push_str(&rest[..at]);
            let (c, used) = escape(&rest[at..]);
            out.push(c);
            rest = &rest[at + used..];
        }
        out.push_str(rest);
        Some(out)
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        self.0 == "null"
    }
}

/// Reads an escape that was checked; half a surrogate pair is U+FFFD.
fn escape(text: &str) -> (char, usize) {
    let unit = |at: usize| text.get(at..at + 4).and_then(|h| u32::from_str_radix(h, 16).ok());
    match text.as_bytes()[1] {
        b'n' => ('\n', 2),
        b't' => ('\t', 2),
        b'r' => ('\r', 2),
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'u' => {
            let high = unit(2).unwrap_or(0xfffd);
            if (0xd800..0xdc00).contains(&high) && text.get(6..8) == Some("\\u") {
                if let Some(low @ 0xdc00..=0xdfff) = unit(8) {
                    let c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    return (char::from_u32(c).unwrap_or('\u{fffd}'), 12);
                }
            }
            (char::from_u32(high).unwrap_or('\u{fffd}'), 6)
        }
        other => (other as char, 2),
    }
}

/// The values within an array or object, one after the other.
struct Parts<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parts<'a> {
    fn new(text: &'a str, open: u8) -> Self {
        let at = if text.as_bytes()[0] == open { 1 } else { text.len() };
        Self { text, at }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        let bytes = self.text.as_bytes();
        let mut from = blank(bytes, self.at);
        if matches!(bytes.get(from), Some(b',' | b':')) {
            from = blank(bytes, from + 1);
        }
        let end = value(bytes, from, DEPTH)?;
        self.at = end;
        Some(Json(&self.text[from..end]))
    }
}

fn blank(b: &[u8], mut at: usize) -> usize {
    while matches!(b.get(at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
        at += 1;
    }
    at
}

/// Returns where the value that begins at `at` ends; `None` if it is none.
fn value(b: &[u8], at: usize, depth: u32) -> Option<usize> {
    match *b.get(at)? {
        b'"' => string(b, at),
        b'{' => list(b, at, depth.checked_sub(1)?, b'}'),
        b'[' => list(b, at, depth.checked_sub(1)?, b']'),
        b't' => word(b, at, b"true"),
        b'f' => word(b, at, b"false"),
        b'n' => word(b, at, b"null"),
        _ => number(b, at),
    }
}

fn word(b: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    b[at..].starts_with(word).then_some(at + word.len())
}

fn list(b: &[u8], at: usize, depth: u32, close: u8) -> Option<usize> {
    let mut at = blank(b, at + 1);
    if *b.get(at)? == close {
        return Some(at + 1);
    }
    loop {
        if close == b'}' {
            at = blank(b, string(b, at)?);
            if *b.get(at)? != b':' {
                return None;
            }
            at = blank(b, at + 1);
        }
        at = blank(b, value(b, at, depth)?);
        match *b.get(at)? {
            b',' => at = blank(b, at + 1),
            c if c == close => return Some(at + 1),
            _ => return None,
        }
    }
}

fn string(b: &[u8], at: usize) -> Option<usize> {
    if *b.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        match *b.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match *b.get(at + 1)? {
                b'u' if b.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                _ => return None,
            },
            0..=0x1f => return None,
            _ => at += 1,
        }
    }
}

fn digits(b: &[u8], at: usize) -> Option<usize> {
    let n = b[at..].iter().take_while(|c| c.is_ascii_digit()).count();
    (n > 0).then_some(at + n)
}

fn number(b: &[u8], at: usize) -> Option<usize> {
    let from = at + usize::from(b[at] == b'-');
    let mut end = if b.get(from) == Some(&b'0') { from + 1 } else { digits(b, from)? };
    if b.get(end) == Some(&b'.') {
        end = digits(b, end + 1)?;
    }
    if matches!(b.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(b.get(end + 1), Some(b'+' | b'-')));
        end = digits(b, end + 1 + sign)?;
    }
    Some(end)
}

/// A strategy's settings: one JSON object. The host has held it against the
/// manifest's schema before.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a>(Json<'a>);

impl<'a> Settings<'a> {
    /// Checks that the text is one JSON object; an empty text is "{}".
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let json = Json::parse(if text.is_empty() { "{}" } else { text }).map_err(|e| format!("settings: {e}"))?;
        if json.0.starts_with('{') {
            Ok(Self(json))
        } else {
            Err(String::from("settings: they are not a JSON object"))
        }
    }

    /// The object, for what the other methods do not read.
    pub fn json(&self) -> Json<'a> {
        self.0
    }

    /// A number; `otherwise` if it is not set.
    pub fn number(&self, name: &str, otherwise: f64) -> Result<f64, String> {
        self.read(name, otherwise, "a number", |v| v.number())
    }

    /// A boolean; `otherwise` if it is not set.
    pub fn flag(&self, name: &str, otherwise: bool) -> Result<bool, String> {
        self.read(name, otherwise, "true or false", |v| v.flag())
    }

    /// A text; `otherwise` if it is not set.
    pub fn text(&self, name: &str, otherwise: &str) -> Result<String, String> {
        self.read(name, String::from(otherwise), "a text", |v| v.text())
    }

    fn read<T>(&self, name: &str, otherwise: T, what: &str, take: impl Fn(&Json<'a>) -> Option<T>) -> Result<T, String> {
        match self.0.get(name) {
            None => Ok(otherwise),
            Some(value) => take(&value).ok_or_else(|| format!("settings: {name}: {} is not {what}", value.0)),
        }
    }

    /// Refuses settings of other names than these.
    pub fn only(&self, names: &[&str]) -> Result<(), String> {
        for (key, _) in self.0.members() {
            let key = key.text().unwrap_or_default();
            if !names.contains(&key.as_str()) {
                return Err(format!("settings: there is no {key:?}; there are {names:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn reads() {
        let s = Settings::parse(r#" {"a": 1.5e1, "b":true, "c":"x\n\u00e9\ud83d\ude00\"", "d":[1, [2], {"e":null}], "a":-2} "#)
            .unwrap();
        assert_eq!(s.number("a", 0.0), Ok(-2.0));
        assert_eq!(s.number("z", 7.0), Ok(7.0));
        assert_eq!(s.flag("b", false), Ok(true));
        assert_eq!(s.text("c", "").unwrap(), "x\né😀\"");
        let d: Vec<_> = s.json().get("d").unwrap().items().collect();
        assert_eq!(d.len(), 3);
        assert_eq!(d[1].items().next().unwrap().number(), Some(2.0));
        assert!(d[2].get("e").unwrap().is_null());
        assert!(s.number("b", 0.0).unwrap_err().contains("b: true is not a number"));
        assert!(s.only(&["a", "b", "c", "d"]).is_ok());
        assert!(s.only(&["a", "b", "c"]).unwrap_err().contains("\"d\""));
    }

    #[test]
    fn refuses() {
        for text in [
            "1",
            "[]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{} {}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":tru}",
            "{\"a\":-}",
            "{a:1}",
            "{\"a\":\"\n\"}",
        ] {
            assert!(Settings::parse(text).is_err(), "{text}");
        }
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(Json::parse(&deep).is_err());
        assert!(Settings::parse("").is_ok());
    }

    #[test]
    fn survives_rubbish() {
        let mut random = crate::Random::new(1);
        let alphabet = b"{}[]\":,0123e+-.\\u truefalsn\xc3\xa9";
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.below(24)).map(|_| alphabet[random.below(alphabet.len() as u32) as usize]).collect();
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(json) = Json::parse(&text) {
                let _ = (json.number(), json.text(), json.get("e"), json.items().count(), json.members().count());
            }
        }
    }
}

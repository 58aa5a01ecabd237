// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

use alloc::string::String;
use core::fmt::Write;

/// What a strategy's turns show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Each item to decide on with its best candidates; nothing is kept
    /// between turns. What [`crate::Scored`] and [`crate::Picked`] want.
    Candidates,
    /// The board, kept in step by snapshots and deltas.
    Board,
}

/// Explains a reason code to people.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    /// What proposals and notes carry, from 1.
    pub code: u16,
    /// A stable lower-case name, such as "longest_idle".
    pub name: &'static str,
    /// One sentence.
    pub text: &'static str,
}

/// What a strategy says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Manifest {
    /// The strategy's own name, such as "queue".
    pub name: &'static str,
    /// Its version, by semver.
    pub version: &'static str,
    /// What its turns are to show.
    pub view: View,
    /// How many candidates an item comes with at most, 1 to 64; 0 leaves it to
    /// the host (16).
    pub candidates: u8,
    /// The codes in proposals and notes.
    pub reasons: &'static [Reason],
    /// A JSON Schema of the settings, which the host holds them against before
    /// the strategy sees them; empty for no settings.
    pub settings_schema: &'static str,
    /// Promises the same reply to the same turns.
    pub deterministic: bool,
}

impl Manifest {
    /// A deterministic strategy without a name that sees candidates.
    pub const EMPTY: Self = Self {
        name: "",
        version: "0.0.0",
        view: View::Candidates,
        candidates: 0,
        reasons: &[],
        settings_schema: "",
        deterministic: true,
    };

    /// The manifest as the host reads it.
    pub(crate) fn json(&self) -> String {
        let mut out = String::from("{\"name\":");
        quote(&mut out, self.name);
        out.push_str(",\"version\":");
        quote(&mut out, self.version);
        out.push_str(",\"view\":");
        quote(&mut out, if self.view == View::Candidates { "candidates" } else { "board" });
        let _ = write!(out, ",\"majors\":[1],\"candidates\":{},\"deterministic\":{}", self.candidates, self.deterministic);
        if !self.settings_schema.is_empty() {
            out.push_str(",\"settings_schema\":");
            quote(&mut out, self.settings_schema);
        }
        out.push_str(",\"reasons\":[");
        for (i, reason) in self.reasons.iter().enumerate() {
            let _ = write!(out, "{}{{\"code\":{},\"name\":", if i > 0 { "," } else { "" }, reason.code);
            quote(&mut out, reason.name);
            out.push_str(",\"text\":");
            quote(&mut out, reason.text);
            out.push('}');
        }
        out.push_str("]}");
        out
    }
}

/// Writes a string in JSON.
pub(crate) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Json;

    #[test]
    fn manifest_is_json() {
        const REASONS: &[Reason] =
            &[Reason { code: 3, name: "a", text: "say \"b\"\n\\ é" }, Reason { code: 4, name: "c", text: "" }];
        let m = Manifest { name: "n", settings_schema: "{\"type\":\"object\"}", reasons: REASONS, ..Manifest::EMPTY };
        let text = m.json();
        let json = Json::parse(&text).unwrap();
        assert_eq!(json.get("name").unwrap().text().unwrap(), "n");
        assert_eq!(json.get("view").unwrap().text().unwrap(), "candidates");
        assert_eq!(json.get("settings_schema").unwrap().text().unwrap(), m.settings_schema);
        let reasons: alloc::vec::Vec<_> = json.get("reasons").unwrap().items().collect();
        assert_eq!(reasons.len(), 2);
        assert_eq!(reasons[0].get("text").unwrap().text().unwrap(), REASONS[0].text);
        assert_eq!(reasons[1].get("code").unwrap().number(), Some(4.0));
    }
}

//! The recovery card as a thing to print: text, or a page for a browser.

use std::io::ErrorKind;
use std::path::Path;

use allod_crypto::Zeroizing;
use allod_guardian::card::{Code, addresses_that_fit};
use allod_node::person::Person;
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};
use serde_json::{Value, json};

use crate::failure::{Failure, Kind};
use crate::screen::Screen;

/// A card, ready to be printed.
pub(crate) struct Printed {
    did: String,
    words: Zeroizing<String>,
    code: Zeroizing<String>,
    addresses: Vec<String>,
}

impl Printed {
    /// The person's card, with the guardians as they are now.
    pub(crate) fn of(person: &Person) -> Self {
        let (card, did) = (person.card(), person.log.state().did());
        let mut addresses = person.known_guardians();
        let words = card.words();
        addresses.truncate(addresses_that_fit(&addresses));
        let code = Code { card, did, addresses: addresses.clone() };
        Self { did: did.to_string(), words, code: code.to_text(), addresses }
    }

    /// Writes the card to a file, by its ending as text or as a page, or shows
    /// it.
    pub(crate) fn write(&self, target: &Path, screen: &Screen) -> Result<(), Failure> {
        if target.as_os_str() == "-" {
            if !screen.is_json() {
                screen.result(&Value::Null, &self.text());
            }
            return Ok(());
        }
        let page = target.extension().is_some_and(|ending| ending == "html");
        let content = if page { self.page() } else { self.text() };
        allod_node::write_private(target, content.as_bytes()).map_err(|e| {
            Failure::new(Kind::Failed, format!("the card could not be written: {e}"))
                .next("print it with `allod card`")
        })
    }

    /// What `--json` tells: the card itself only where it went to no file.
    pub(crate) fn to_json(&self, target: &Path) -> Value {
        if target.as_os_str() == "-" {
            json!({ "words": *self.words, "code": *self.code })
        } else {
            json!({ "file": target })
        }
    }

    fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(16 * 1024));
        let rule = "─".repeat(72);
        text.push_str(&format!("{rule}\nALLOD RECOVERY CARD\n{}\n{rule}\n\n", self.did));
        text.push_str(
            "With this card and your PIN you get everything back:\n\n    allod recover --card FILE\n    \
             allod recover --words --guardian ADDRESS\n\n\
             Without the PIN it opens nothing. Whoever finds it can use up your guesses,\n\
             so keep it safe, and renew it when it is lost: allod card --renew\n\n",
        );
        for (row, words) in self.words.split(' ').collect::<Vec<_>>().chunks(4).enumerate() {
            for (column, word) in words.iter().enumerate() {
                text.push_str(&format!("{:>4}. {word:<12}", row * 4 + column + 1));
            }
            text.push('\n');
        }
        text.push_str("\nGuardians:\n");
        for address in &self.addresses {
            text.push_str(&format!("    {address}\n"));
        }
        if let Some(code) = self.qr() {
            let drawn = Zeroizing::new(code.render::<unicode::Dense1x2>().quiet_zone(true).build());
            text.push_str(&format!("\n{}\n", *drawn));
        }
        text.push_str(&format!("\n{}\n{rule}\n", *self.code));
        text
    }

    fn page(&self) -> Zeroizing<String> {
        let mut page = Zeroizing::new(String::with_capacity(128 * 1024));
        page.push_str(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Allod recovery card</title>\
             <style>body{font:11pt sans-serif;max-width:17cm;margin:1cm auto}ol{columns:4}\
             code{overflow-wrap:anywhere;font-size:8pt}svg{width:7cm;height:7cm}</style>\
             <h1>Allod recovery card</h1>",
        );
        page.push_str(&format!("<p><code>{}</code></p>", escape(&self.did)));
        page.push_str(
            "<p>With this card and your PIN you get everything back: <code>allod recover --card FILE</code>, or \
             <code>allod recover --words --guardian ADDRESS</code>. Without the PIN it opens nothing. Whoever finds it \
             can use up your guesses, so keep it safe, and renew it when it is lost: \
             <code>allod card --renew</code>.</p><ol>",
        );
        for word in self.words.split(' ') {
            page.push_str(&format!("<li>{word}</li>"));
        }
        page.push_str("</ol><h2>Guardians</h2><ul>");
        for address in &self.addresses {
            page.push_str(&format!("<li><code>{}</code></li>", escape(address)));
        }
        page.push_str("</ul>");
        if let Some(code) = self.qr() {
            let drawn = Zeroizing::new(code.render::<svg::Color<'_>>().quiet_zone(true).build());
            // An XML declaration has no place inside a page.
            page.push_str(drawn.split_once("?>").map_or(drawn.as_str(), |(_, image)| image));
        }
        page.push_str(&format!("<p><code>{}</code></p></html>\n", *self.code));
        page
    }

    fn qr(&self) -> Option<QrCode> {
        QrCode::with_error_correction_level(self.code.as_bytes(), EcLevel::M)
            .or_else(|_| QrCode::with_error_correction_level(self.code.as_bytes(), EcLevel::L))
            .ok()
    }
}

/// A picture of bytes as a QR code, if they fit into one (at most 2,953 bytes).
pub(crate) fn qr_svg(bytes: &[u8]) -> Option<String> {
    let code = QrCode::with_error_correction_level(bytes, EcLevel::L).ok()?;
    Some(code.render::<svg::Color<'_>>().quiet_zone(true).build())
}

/// Refuses, before anything is changed, a target that the card could not be
/// written to.
pub(crate) fn check_target(target: &Path) -> Result<(), Failure> {
    if target.as_os_str() == "-" {
        return Ok(());
    }
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match std::fs::symlink_metadata(target) {
        Ok(_) => {
            Err(Failure::usage(format!("{} is there already; the card would replace it", target.display())))
        }
        Err(e) if e.kind() == ErrorKind::NotFound && folder.is_dir() => Ok(()),
        Err(e) => Err(Failure::usage(format!("the card cannot be written to {}: {e}", target.display()))),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

//! Reading a PIN: from the terminal without echo, or from a file descriptor.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};

use allod_crypto::{SecretBytes, Zeroizing};
use unicode_normalization::UnicodeNormalization;

use crate::cli::PinSource;
use crate::failure::Failure;
use crate::screen::Screen;

/// Shorter PINs are refused.
const LENGTH_MIN: usize = 4;
/// Shorter PINs are taken with a warning.
const LENGTH_GOOD: usize = 6;
/// Longest PIN, in bytes.
const LENGTH_MAX: usize = 1024;

/// A PIN to be set: asked for twice, and not too short.
pub(crate) fn choose(source: &PinSource, screen: &Screen) -> Result<SecretBytes, Failure> {
    let pin = match source.pin_fd {
        Some(fd) => from_fd(fd)?,
        None => {
            let first = from_terminal("Choose a PIN: ")?;
            let second = from_terminal("Again, to be sure: ")?;
            if first != second {
                return Err(Failure::usage("the two PINs differ; nothing was changed"));
            }
            first
        }
    };
    let length = String::from_utf8_lossy(pin.expose()).chars().count();
    if length < LENGTH_MIN {
        return Err(Failure::usage(format!(
            "a PIN has at least {LENGTH_MIN} characters; nothing was changed"
        )));
    }
    if length < LENGTH_GOOD {
        screen.warn(&format!(
            "if as many guardians as are needed work together, they can try all PINs of {length} characters \
             in little time; {LENGTH_GOOD} or more are better"
        ));
    }
    Ok(pin)
}

/// A PIN that was set before.
pub(crate) fn ask(source: &PinSource) -> Result<SecretBytes, Failure> {
    match source.pin_fd {
        Some(fd) => from_fd(fd),
        None => from_terminal("PIN: "),
    }
}

/// A line typed by a person and shown as typed, such as a card's words.
pub(crate) fn line(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        eprint!("{prompt}");
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .take(16 * 1024)
        .read_line(&mut text)
        .map_err(|e| Failure::usage(format!("cannot read from standard input: {e}")))?;
    Ok(text)
}

fn from_terminal(prompt: &str) -> Result<SecretBytes, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask for the PIN")
            .next("hand it in with --pin-fd N, such as: allod … --pin-fd 3 3< pin.txt"));
    }
    let typed = rpassword::prompt_password(prompt)
        .map_err(|e| Failure::usage(format!("cannot read the PIN from the terminal: {e}")))?;
    checked(typed.into_bytes())
}

fn from_fd(fd: i32) -> Result<SecretBytes, Failure> {
    // The descriptor is opened anew by its name, which needs no unsafe code.
    let wrong =
        |e: std::io::Error| Failure::usage(format!("cannot read the PIN from file descriptor {fd}: {e}"));
    let file = File::open(format!("/proc/self/fd/{fd}")).map_err(wrong)?;
    let mut line = Vec::with_capacity(LENGTH_MAX + 2);
    BufReader::new(file).take(LENGTH_MAX as u64 + 2).read_until(b'\n', &mut line).map_err(wrong)?;
    checked(line)
}

fn checked(mut bytes: Vec<u8>) -> Result<SecretBytes, Failure> {
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Err(Failure::usage("the PIN is empty"));
    }
    if bytes.len() > LENGTH_MAX {
        return Err(Failure::usage(format!("a PIN has at most {LENGTH_MAX} bytes")));
    }
    let bytes = Zeroizing::new(bytes);
    let text = std::str::from_utf8(&bytes).map_err(|_| Failure::usage("the PIN is not text in UTF-8"))?;
    // The same letters can be typed as different bytes on another machine.
    let mut composed = String::with_capacity(3 * text.len());
    composed.extend(text.nfc());
    Ok(SecretBytes::from(composed.into_bytes()))
}

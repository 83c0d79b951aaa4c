//! `allod key`: keys that come from the identity's root, so that they come back
//! with it.

use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, Zeroizing, exchange};
use allod_node::person::{Home, Person};
use bech32::{Bech32, Hrp};
use serde_json::json;
use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData};
use ssh_key::public::Ed25519PublicKey;
use ssh_key::{LineEnding, PrivateKey};

use super::load;
use crate::cli::{Key, KeyKind};
use crate::failure::{Failure, Kind};
use crate::screen::Screen;

pub(super) fn run(home: &Home, args: &Key, screen: &Screen) -> Result<(), Failure> {
    let person = load(home)?;
    let text = match args.kind {
        KeyKind::Ssh => ssh(&person, args)?,
        KeyKind::Age => age(&person, args)?,
        KeyKind::Did => Zeroizing::new(person.log.document()),
    };
    let Some(file) = &args.out else {
        screen.result(&json!({ "key": text.trim_end() }), &text);
        return Ok(());
    };
    let content = Zeroizing::new(format!("{}\n", text.trim_end()));
    allod_node::write_private(file, content.as_bytes())?;
    screen.result(&json!({ "file": file }), &format!("Wrote {}.", file.display()));
    Ok(())
}

fn ssh(person: &Person, args: &Key) -> Result<Zeroizing<String>, Failure> {
    let failed = |e: ssh_key::Error| Failure::new(Kind::Failed, format!("the key could not be written: {e}"));
    let signing = SigningKey::from_seed(&person.root.derive("key/ssh", args.index));
    let pair = Ed25519Keypair {
        public: Ed25519PublicKey(signing.verifying_key().0),
        private: Ed25519PrivateKey::from_bytes(signing.seed().expose()),
    };
    let comment = format!("{}#ssh-{}", person.log.state().did(), args.index);
    let key = PrivateKey::new(KeypairData::Ed25519(pair), comment).map_err(failed)?;
    if args.public {
        key.public_key().to_openssh().map(Zeroizing::new).map_err(failed)
    } else {
        Ok(Zeroizing::new(key.to_openssh(LineEnding::LF).map_err(failed)?.to_string()))
    }
}

/// An identity or a recipient in the encoding of the age format (C2SP age).
fn age(person: &Person, args: &Key) -> Result<Zeroizing<String>, Failure> {
    let failed = || Failure::new(Kind::Failed, "the key could not be written");
    let secret: Secret<32> = person.root.derive("key/age", args.index);
    if args.public {
        let hrp = Hrp::parse("age").map_err(|_| failed())?;
        let text = bech32::encode::<Bech32>(hrp, &exchange::public_key(&secret)).map_err(|_| failed())?;
        return Ok(Zeroizing::new(text));
    }
    let hrp = Hrp::parse("age-secret-key-").map_err(|_| failed())?;
    bech32::encode_upper::<Bech32>(hrp, secret.expose()).map(Zeroizing::new).map_err(|_| failed())
}

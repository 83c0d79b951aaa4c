//! Guardians that serve an operator's users, and our own client with an
//! operator's tokens.

use std::path::Path;

use allod_crypto::password::Cost;
use allod_crypto::sign::SigningKey;
use allod_crypto::{Secret, SecretBytes, hash};
use allod_guardian::client::{
    Configuration, Guardian, Input, Kit, Output, Patience, Recover, RecoverError, RecoverEvent, Register,
    RegisterError, RegisterEvent,
};
use allod_guardian::juicebox::secret::stretch;
use allod_node::guardian::{Algorithm, Config, LimitsConfig, RateConfig, Running, TenantConfig, Tls, run};
use allod_node::person::Link;
use allod_wire::{RealmId, RegistrationVersion};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};

/// The tenant's name, as a test's tenant is called.
const TENANT: &str = "test-acme";

/// Guardians that run in this process, and what their operator signs with.
pub struct Operator {
    algorithm: Algorithm,
    key: [u8; 32],
    running: Vec<Running>,
    _folder: tempfile::TempDir,
}

impl Operator {
    /// Starts `count` guardians over plain HTTP on loopback.
    pub async fn start(count: usize, algorithm: Algorithm) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = *Secret::<32>::random(&mut allod_node::entropy()).expose();
        let key_file = folder.path().join("tenant-key");
        let verifies = match algorithm {
            Algorithm::HS256 => key,
            Algorithm::EdDSA => SigningKey::from_seed(&Secret::from(key)).verifying_key().0,
        };
        std::fs::write(&key_file, HEXLOWER.encode(&verifies)).unwrap();
        let mut running = Vec::new();
        for i in 0..count {
            let state = folder.path().join(format!("guardian-{i}"));
            running.push(run(&config(&state, &key_file, algorithm)).await.unwrap());
        }
        Self { algorithm, key, running, _folder: folder }
    }

    /// The guardians, of which `threshold` are needed.
    pub fn configuration(&self, threshold: u8) -> Configuration {
        let guardian =
            |running: &Running| Guardian { realm: running.realm(), address: running.address().to_owned() };
        Configuration::new(self.running.iter().map(guardian).collect(), threshold).unwrap()
    }

    /// The same for the SDK, with its fast way of hashing PINs.
    pub fn sdk_configuration(&self, threshold: u8) -> Value {
        json!({
            "realms": self.running.iter().map(|running| json!({
                "id": running.realm().to_string(), "address": running.address(),
            })).collect::<Vec<_>>(),
            "register_threshold": self.running.len(),
            "recover_threshold": threshold,
            "pin_hashing_mode": "FastInsecure",
        })
    }

    /// How the SDK's side gets tokens for a user.
    pub fn sdk_auth(&self, subject: &str) -> Value {
        let algorithm = match self.algorithm {
            Algorithm::HS256 => "HS256",
            Algorithm::EdDSA => "EdDSA",
        };
        json!({
            "algorithm": algorithm, "key": HEXLOWER.encode(&self.key),
            "tenant": TENANT, "version": 1, "subject": subject,
        })
    }

    /// A user's token, as the operator's server would sign it.
    fn token(&self, subject: &str, realm: &RealmId) -> String {
        let (algorithm, now) = (self.algorithm, allod_node::now().as_secs());
        let alg = if algorithm == Algorithm::HS256 { "HS256" } else { "EdDSA" };
        let part = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!(
            "{}.{}",
            part(json!({ "alg": alg, "typ": "JWT", "kid": format!("{TENANT}:1") })),
            part(json!({
                "iss": TENANT, "sub": subject, "aud": realm.to_string(),
                "nbf": now - 10, "exp": now + 600, "scope": "user",
            })),
        );
        let signature = match algorithm {
            Algorithm::HS256 => hash::hmac_sha256(&self.key, signed.as_bytes()).to_vec(),
            Algorithm::EdDSA => {
                SigningKey::from_seed(&Secret::from(self.key)).sign(signed.as_bytes()).0.to_vec()
            }
        };
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
    }

    /// Our own client registers for a user.
    pub async fn register(
        &self,
        subject: &str,
        threshold: u8,
        [pin, secret, info]: [&[u8]; 3],
        guesses: u16,
    ) -> Result<usize, RegisterError> {
        let (configuration, mut rng) = (self.configuration(threshold), allod_node::entropy());
        let version = RegistrationVersion(*Secret::random(&mut rng).expose());
        let stretched =
            stretch(&SecretBytes::from(pin.to_vec()), &version, info, Cost::JUICEBOX_FAST_INSECURE).unwrap();
        let secret = SecretBytes::from(secret.to_vec());
        let kit = Kit::deal(&secret, &stretched, version, guesses, configuration.clone(), &mut rng).unwrap();
        let all: Vec<usize> = (0..configuration.guardians().len()).collect();
        let mut machine = Register::new(kit, &all, all.len(), Patience::default(), allod_node::now());
        loop {
            match machine.poll().expect("a machine that has not ended has something to do") {
                Output::Send { guardian, phase, request } => {
                    let outcome = self.ask(subject, &configuration.guardians()[guardian], &request).await;
                    let input = Input::Answer { guardian, phase, outcome };
                    machine.handle(allod_node::now(), input).unwrap();
                }
                Output::Compute(_) => {}
                Output::Event(RegisterEvent::Registered { stored }) => return Ok(stored),
                Output::Event(RegisterEvent::Failed(error)) => return Err(error),
            }
        }
    }

    /// Our own client recovers for a user, and sees the recovery through.
    pub async fn recover(
        &self,
        subject: &str,
        threshold: u8,
        [pin, info]: [&[u8]; 2],
    ) -> Result<Vec<u8>, RecoverError> {
        let (configuration, mut rng) = (self.configuration(threshold), allod_node::entropy());
        let mut machine = Recover::new(
            configuration.clone(),
            allod_guardian::client::Keys::Unknown,
            Patience::default(),
            allod_node::now(),
        );
        let mut outcome = None;
        loop {
            let input = match machine.poll().expect("a machine that has not ended has something to do") {
                Output::Send { guardian, phase, request } => {
                    let outcome = self.ask(subject, &configuration.guardians()[guardian], &request).await;
                    Input::Answer { guardian, phase, outcome }
                }
                Output::Compute(version) => {
                    let pin = SecretBytes::from(pin.to_vec());
                    Input::Stretched(stretch(&pin, &version, info, Cost::JUICEBOX_FAST_INSECURE).unwrap())
                }
                Output::Event(RecoverEvent::Recovered(recovered)) => {
                    outcome = Some(Ok(recovered.secret.expose().to_vec()));
                    continue;
                }
                Output::Event(RecoverEvent::Failed(error)) => {
                    outcome = Some(Err(error));
                    continue;
                }
                Output::Event(RecoverEvent::Settled) => {
                    return outcome.expect("it ends before it settles");
                }
            };
            // What a guardian is accused of, the outcome tells.
            let _ = machine.handle(allod_node::now(), &mut rng, input);
        }
    }

    async fn ask(
        &self,
        subject: &str,
        guardian: &Guardian,
        request: &allod_guardian::juicebox::Request,
    ) -> Result<allod_guardian::juicebox::Response, allod_guardian::client::Fault> {
        let link = Link::new(guardian.address.parse().unwrap());
        link.ask(&self.token(subject, &guardian.realm), request).await
    }

    /// Ends the guardians in good order.
    pub async fn stop(self) {
        for running in self.running {
            running.stop().await;
        }
    }
}

fn config(state: &Path, key_file: &Path, algorithm: Algorithm) -> Config {
    let mut config = Config::new("127.0.0.1:0".parse().unwrap(), state.to_owned(), Tls::Off);
    let rate = RateConfig { burst: 100_000, per_second: 100_000 };
    config.limits = LimitsConfig { tenant: rate, account: rate, address: rate, evaluations: rate };
    config.tenants =
        vec![TenantConfig { name: TENANT.into(), version: 1, algorithm, key_file: key_file.to_owned() }];
    config
}

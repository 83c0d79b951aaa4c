// Drives the published juicebox-sdk as a page would, for tests.
//
// Standard input has one JSON object: `configuration` (as the SDK takes it),
// `auth` (see below), and `steps`, each with `do` ("register", "recover" or
// "delete") and what that takes, bytes in hexadecimal. Standard output gets one
// JSON object a step: what came back, or the SDK's name for the error.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

// The SDK looks for its callbacks where a page has them.
globalThis.window = globalThis;

const sdk = await import("juicebox-sdk");
const { configuration, auth, steps } = JSON.parse(readFileSync(0, "utf8"));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => Uint8Array.from(Buffer.from(text, "hex"));

window.JuiceboxGetAuthToken = async (realm) =>
  auth.algorithm === "EdDSA" ? eddsa(hex(realm)) : hs256(hex(realm));

// The SDK's own generator, which signs with Ed25519. It takes the key's 32-byte
// seed in PKCS #8 (RFC 8410).
function eddsa(realm) {
  const { tenant, version, subject } = auth;
  const key = "302e020100300506032b657004220420" + auth.key;
  return new sdk.AuthTokenGenerator({ key, tenant, version }).vend(realm, subject);
}

// What an operator's server signs with a shared key, by Node's cryptography.
function hs256(realm) {
  const { key, tenant, version, subject } = auth;
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const signed = [
    part({ alg: "HS256", typ: "JWT", kid: `${tenant}:${version}` }),
    part({ iss: tenant, sub: subject, aud: realm, nbf: now - 10, exp: now + 600, scope: "user" }),
  ].join(".");
  return `${signed}.${createHmac("sha256", bytes(key)).update(signed).digest("base64url")}`;
}

async function take(client, step) {
  switch (step.do) {
    case "register":
      await client.register(bytes(step.pin), bytes(step.secret), bytes(step.info), step.guesses);
      return { done: true };
    case "recover":
      try {
        return { secret: hex(await client.recover(bytes(step.pin), bytes(step.info))) };
      } catch (error) {
        if (!(error instanceof sdk.RecoverError)) throw error;
        const { reason, guesses_remaining } = error;
        return { error: sdk.RecoverErrorReason[reason], guesses_remaining: guesses_remaining ?? null };
      }
    case "delete":
      await client.delete();
      return { done: true };
    default:
      throw new Error(`no such step: ${step.do}`);
  }
}

for (const step of steps) {
  const client = new sdk.Client(new sdk.Configuration(configuration), []);
  let result;
  try {
    result = await take(client, step);
  } catch (error) {
    const names = step.do === "register" ? sdk.RegisterError : sdk.DeleteError;
    result = { error: typeof error === "number" ? names[error] : String(error) };
  }
  console.log(JSON.stringify(result));
}

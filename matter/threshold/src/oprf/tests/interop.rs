//! Unmodified clients and servers of the `voprf` crate.

use alloc::vec::Vec;

use rand_core_06::OsRng;
use voprf::{
    BlindedElement, EvaluationElement, OprfClient, Proof as TheirProof, Ristretto255 as Theirs, VoprfClient,
    VoprfServer,
};

use super::*;

const INPUT: &[u8] = b"an input of a client";

fn their_blinded(bytes: &[u8]) -> BlindedElement<Theirs> {
    BlindedElement::deserialize(bytes).expect("an element")
}

fn theirs(evaluated: &Evaluated<G>) -> EvaluationElement<Theirs> {
    EvaluationElement::deserialize(evaluated.bytes()).expect("an element")
}

fn their_key(key: &PublicKey<G>) -> <Theirs as voprf::Group>::Elem {
    <Theirs as voprf::Group>::deserialize_elem(key.bytes()).expect("an element")
}

#[test]
fn a_client_of_theirs_takes_a_partial_for_a_servers_answer() {
    let key = KeyPair::<G>::random(&mut system());
    for (threshold, shares) in DEALINGS {
        let (guardians, keys) = deal(&key, threshold, shares);
        let client = VoprfClient::<Theirs>::blind(INPUT, &mut OsRng).expect("a legal input");
        let blinded = [Blinded::<G>::decode(&client.message.serialize()).expect("an element")];

        let mut partials = Vec::new();
        for guardian in &guardians {
            let partial = guardian.blind_evaluate(&blinded, &mut system()).expect("a batch");
            let proof = TheirProof::deserialize(&partial.proof.encode()).expect("a proof");
            let answer = theirs(&partial.evaluated[0]);
            let under_its_share = client
                .state
                .finalize(INPUT, &answer, &proof, their_key(guardian.public_key()))
                .expect("the proof holds under the share's key");
            // What the guardian's share alone would output.
            let alone = guardian.key_pair().evaluate(Mode::Voprf, INPUT).expect("a legal input");
            assert_eq!(under_its_share[..], alone.expose()[..]);
            if threshold > 1 {
                let refused = client.state.finalize(INPUT, &answer, &proof, their_key(key.public_key()));
                assert!(refused.is_err());
            }
            partials.push(partial);
        }

        // A proof under the whole key, which in earnest nobody holds, makes their
        // verifying client accept the combined answer as well.
        let combined = keys.combine(&blinded, &partials).expect("they hold");
        let (_, proof) = key.blind_evaluate(&blinded, &mut system()).expect("a batch");
        let proof = TheirProof::deserialize(&proof.encode()).expect("a proof");
        let output = client
            .state
            .finalize(INPUT, &theirs(&combined[0]), &proof, their_key(key.public_key()))
            .expect("the proof holds");
        let whole = key.evaluate(Mode::Voprf, INPUT).expect("a legal input");
        assert_eq!(output[..], whole.expose()[..]);
    }
}

#[test]
fn a_client_of_theirs_finishes_a_combined_answer() {
    let key = KeyPair::<G>::random(&mut system());
    let (guardians, keys) = deal(&key, 3, 5);
    let client = OprfClient::<Theirs>::blind(INPUT, &mut OsRng).expect("a legal input");
    let blinded = [Blinded::<G>::decode(&client.message.serialize()).expect("an element")];
    let partials = guardians[1..4]
        .iter()
        .map(|guardian| guardian.blind_evaluate(&blinded, &mut system()).expect("a batch"))
        .collect::<Vec<_>>();
    let combined = keys.combine(&blinded, &partials).expect("they hold");
    let output = client.state.finalize(INPUT, &theirs(&combined[0])).expect("a legal input");
    assert_eq!(output[..], key.evaluate(Mode::Oprf, INPUT).expect("a legal input").expose()[..]);
}

#[test]
fn a_verifying_client_of_theirs_finishes_the_answer_of_a_whole_key() {
    let key = KeyPair::<G>::random(&mut system());
    let client = VoprfClient::<Theirs>::blind(INPUT, &mut OsRng).expect("a legal input");
    let blinded = [Blinded::<G>::decode(&client.message.serialize()).expect("an element")];
    let (evaluated, proof) = key.blind_evaluate(&blinded, &mut system()).expect("a batch");
    let proof = TheirProof::deserialize(&proof.encode()).expect("a proof");
    let output = client
        .state
        .finalize(INPUT, &theirs(&evaluated[0]), &proof, their_key(key.public_key()))
        .expect("the proof holds");
    assert_eq!(output[..], key.evaluate(Mode::Voprf, INPUT).expect("a legal input").expose()[..]);
}

#[test]
fn a_server_of_theirs_satisfies_our_client() {
    let server = VoprfServer::<Theirs>::new(&mut OsRng).expect("a key");
    let public = <Theirs as voprf::Group>::serialize_elem(server.get_public_key());
    let public = PublicKey::<G>::decode(&public).expect("an element");
    for batch in [1, 2, 5] {
        let (blinds, blinded): (Vec<_>, Vec<_>) =
            (0..batch).map(|_| blind::<G>(Mode::Voprf, INPUT, &mut system()).expect("a legal input")).unzip();
        let sent = blinded.iter().map(|b: &Blinded<G>| their_blinded(b.bytes())).collect::<Vec<_>>();
        let answer = server.batch_blind_evaluate(&mut OsRng, &sent).expect("a batch");
        let evaluated = answer
            .messages
            .iter()
            .map(|message| Evaluated::<G>::decode(&message.serialize()).expect("an element"))
            .collect::<Vec<_>>();
        let proof = Proof::decode(&answer.proof.serialize()).expect("a proof");
        assert_eq!(public.verify(&blinded, &evaluated, &proof), Ok(()));
        let expected = server.evaluate(INPUT).expect("a legal input");
        for (blind, evaluated) in blinds.iter().zip(&evaluated) {
            let output = finalize(INPUT, blind, evaluated).expect("a legal input");
            assert_eq!(output.expose()[..], expected[..]);
        }
    }
}

#[test]
fn a_batch_of_ours_satisfies_a_client_of_theirs() {
    let key = KeyPair::<G>::random(&mut system());
    let (guardians, _) = deal(&key, 2, 3);
    let clients = (0..4)
        .map(|_| VoprfClient::<Theirs>::blind(INPUT, &mut OsRng).expect("a legal input"))
        .collect::<Vec<_>>();
    let blinded = clients
        .iter()
        .map(|client| Blinded::<G>::decode(&client.message.serialize()).expect("an element"))
        .collect::<Vec<_>>();
    let states = clients.into_iter().map(|client| client.state).collect::<Vec<_>>();
    for guardian in &guardians {
        let partial = guardian.blind_evaluate(&blinded, &mut system()).expect("a batch");
        let messages = partial.evaluated.iter().map(theirs).collect::<Vec<_>>();
        let proof = TheirProof::deserialize(&partial.proof.encode()).expect("a proof");
        let key = their_key(guardian.public_key());
        let inputs = [INPUT; 4];
        let outputs = VoprfClient::batch_finalize(&inputs, &states, &messages, &proof, key)
            .expect("the proof holds")
            .collect::<Result<Vec<_>, _>>()
            .expect("legal inputs");
        let alone = guardian.key_pair().evaluate(Mode::Voprf, INPUT).expect("a legal input");
        assert!(outputs.iter().all(|output| output[..] == alone.expose()[..]));
    }
}

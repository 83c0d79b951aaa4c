//! The roots that the crate `jmt` publishes.

use serde_json::Value;

use super::*;

fn bytes(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

#[test]
fn published_roots_come_out() {
    let text = include_str!("../../../../../vectors/jellyfish/sha2_256_vectors.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let pairs = vector["data"].as_array().unwrap();
        let (store, root) = Store::of(
            0,
            pairs.iter().map(|pair| Leaf {
                key: KeyHash::of(&bytes(&pair["key"])),
                value_hash: ValueHash::of(&bytes(&pair["value"])),
            }),
        );
        assert_eq!(root.0.as_slice(), bytes(&vector["expected_root"]));
        for pair in pairs {
            let key = KeyHash::of(&bytes(&pair["key"]));
            let path = prove(&store, 0, &key).unwrap();
            assert_eq!(path.verify_inclusion(&root, &key, &bytes(&pair["value"])), Ok(()));
        }
    }
}

#[test]
fn an_empty_tree_has_the_published_root() {
    let (store, root) = Store::of(0, []);
    assert_eq!(root, Root::EMPTY);
    assert_eq!(store.leaves(0), []);
}

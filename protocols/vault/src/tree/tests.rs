//! The tree beside a sorted map.

use alloc::collections::BTreeMap;
use alloc::format;

use proptest::prelude::*;

use super::*;

/// Nodes by number, in memory, as their bytes.
#[derive(Default)]
struct Memory {
    nodes: BTreeMap<u32, Vec<u8>>,
    next: u32,
    released: usize,
    broken: bool,
}

impl Nodes for Memory {
    type Link = u32;

    fn load(&mut self, link: &u32) -> Result<Arc<Node<u32>>, VaultError> {
        if self.broken {
            return Err(VaultError::ReadOnly);
        }
        Ok(Arc::new(Node::decode(&self.nodes[link]).unwrap()))
    }

    fn save(&mut self, node: Node<u32>) -> Result<u32, VaultError> {
        let bytes = node.encode();
        assert!(bytes.len() <= node::SIZE_MAX + VALUE_MAX + KEY_MAX + 64, "{}", bytes.len());
        self.next += 1;
        self.nodes.insert(self.next, bytes);
        Ok(self.next)
    }

    fn release(&mut self, _: &u32) {
        self.released += 1;
    }
}

fn all(tree: &Tree<u32>, memory: &mut Memory, from: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut see = |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    tree.range(memory, from, &mut see).unwrap();
    found
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, u16),
    Remove(u16),
    Save,
    Touch(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..400_u16;
    let step = prop_oneof![
        6 => (key.clone(), any::<u16>()).prop_map(|(key, value)| Step::Insert(key, value)),
        5 => key.clone().prop_map(Step::Remove),
        1 => Just(Step::Save),
        1 => key.prop_map(Step::Touch),
    ];
    prop::collection::vec(step, 0..600)
}

/// Long enough that a tree of a few hundred has four levels.
fn key(number: u16) -> Vec<u8> {
    format!("{number:0900}").into_bytes()
}

/// Large enough that a few entries fill a node.
fn value(number: u16) -> Vec<u8> {
    vec![number as u8; usize::from(number % 4000)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_tree_is_a_sorted_map_and_an_old_root_keeps_its_content(steps in steps()) {
        let (mut memory, mut tree, mut map) = (Memory::default(), Tree::new(None), BTreeMap::new());
        let mut old = Vec::new();
        for step in steps {
            match step {
                Step::Insert(number, content) => {
                    let before = tree.insert(&mut memory, &key(number), value(content)).unwrap();
                    prop_assert_eq!(before, map.insert(key(number), value(content)));
                }
                Step::Remove(number) => {
                    let before = tree.remove(&mut memory, &key(number)).unwrap();
                    prop_assert_eq!(before, map.remove(&key(number)));
                }
                Step::Save => {
                    let root = tree.save(&mut memory).unwrap();
                    prop_assert_eq!(root.is_none(), map.is_empty());
                    prop_assert_eq!(tree.fresh(), 0);
                    old.push((root, map.clone()));
                }
                Step::Touch(number) => tree.touch(&mut memory, &key(number), |link| link % 3 == 0).unwrap(),
            }
        }
        let whole: Vec<_> = map.clone().into_iter().collect();
        prop_assert_eq!(all(&tree, &mut memory, b""), whole);
        for number in (0..400).step_by(37) {
            prop_assert_eq!(tree.get(&mut memory, &key(number)).unwrap(), map.get(&key(number)).cloned());
            let rest: Vec<_> = map.range(key(number)..).map(|(key, value)| (key.clone(), value.clone())).collect();
            prop_assert_eq!(all(&tree, &mut memory, &key(number)), rest);
        }
        for (root, map) in old {
            prop_assert_eq!(all(&Tree::new(root), &mut memory, b""), map.into_iter().collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_came_below_a_first_child_s_key_is_found_after_its_node_was_joined() {
    let branch = |key: &[u8], link| Node::Branch(vec![(key.to_vec(), Child::Saved(link))]);
    // The second node has all from "m" on, though its first child's key is "t", since
    // the child before it went.
    let mut joined = branch(b"a", 1);
    joined.append(b"m".to_vec(), branch(b"t", 2));
    let Node::Branch(children) = joined else { panic!("a branch") };
    assert_eq!(node::child_of(&children, b"n"), 1);
    assert_eq!(node::child_of(&children, b"l"), 0);
}

#[test]
fn what_grows_at_its_end_fills_its_nodes() {
    let (mut memory, mut tree) = (Memory::default(), Tree::new(None));
    for number in 0..20_000_u32 {
        tree.insert(&mut memory, &number.to_be_bytes(), vec![0; 16]).unwrap();
    }
    tree.save(&mut memory).unwrap();
    let bytes: usize = memory.nodes.values().map(Vec::len).sum();
    assert!(memory.nodes.len() * node::SIZE_MAX * 4 / 5 < bytes * 3 / 2, "{} {bytes}", memory.nodes.len());
    assert!(memory.nodes.len() < 30, "{}", memory.nodes.len());
}

#[test]
fn a_node_that_cannot_be_read_fails_what_needs_it_and_changes_nothing() {
    let (mut memory, mut tree) = (Memory::default(), Tree::new(None));
    for number in 0..300 {
        tree.insert(&mut memory, &key(number), value(1000)).unwrap();
    }
    let root = tree.save(&mut memory).unwrap();
    memory.broken = true;
    assert_eq!(tree.get(&mut memory, &key(7)), Err(VaultError::ReadOnly));
    assert_eq!(tree.insert(&mut memory, &key(7), value(1)), Err(VaultError::ReadOnly));
    assert_eq!(tree.remove(&mut memory, &key(7)), Err(VaultError::ReadOnly));
    memory.broken = false;
    assert_eq!(tree.save(&mut memory).unwrap(), root);
    assert_eq!(all(&tree, &mut memory, b"").len(), 300);
}

#[test]
fn what_is_too_large_for_a_node_is_refused() {
    let (mut memory, mut tree) = (Memory::default(), Tree::new(None));
    let too_large = |size_max| Err(VaultError::TooLarge { size_max });
    assert_eq!(tree.insert(&mut memory, &[0; KEY_MAX + 1], Vec::new()), too_large(KEY_MAX));
    assert_eq!(tree.insert(&mut memory, &[0; 1], vec![0; VALUE_MAX + 1]), too_large(VALUE_MAX));
    for number in 0..100 {
        tree.insert(&mut memory, &[number; KEY_MAX], vec![number; VALUE_MAX]).unwrap();
    }
    tree.save(&mut memory).unwrap();
    assert_eq!(all(&tree, &mut memory, b"").len(), 100);
}

#[test]
fn a_walk_comes_past_every_node_and_entry_once_and_not_below_what_is_known() {
    let (mut memory, mut tree) = (Memory::default(), Tree::new(None));
    for number in 0..300 {
        tree.insert(&mut memory, &key(number), value(1000)).unwrap();
    }
    let root = tree.save(&mut memory).unwrap().unwrap();
    let (mut links, mut entries) = (Vec::new(), 0);
    let mut enter = |_: &mut Memory, link: &u32| {
        links.push(*link);
        Ok(true)
    };
    let mut see = |_: &mut Memory, _: &[u8], _: &[u8]| {
        entries += 1;
        Ok(())
    };
    walk(&mut memory, &root, &mut enter, &mut see).unwrap();
    assert_eq!(entries, 300);
    links.sort_unstable();
    assert!(links.iter().eq(memory.nodes.keys()), "each once");
    let mut known = |_: &mut Memory, _: &u32| Ok(false);
    walk(&mut memory, &root, &mut known, &mut |_, _, _| Err(VaultError::ReadOnly)).unwrap();
}

#[test]
fn bytes_that_are_no_node_are_refused() {
    for bytes in [
        &[][..],
        &[0x80],
        &[0x81, 0x02],
        &[0x81, 0x01],
        &[0x9f, 0x00, 0xff],
        &[0x83, 0x00, 0x41, 0x01],
        // Keys that descend, and bytes behind the end.
        &[0x85, 0x00, 0x41, 0x02, 0x40, 0x41, 0x01, 0x40],
        &[0x81, 0x00, 0x00],
        &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00],
    ] {
        assert!(Node::<u32>::decode(bytes).is_err(), "{bytes:?}");
    }
    assert!(Node::<u32>::decode(&[0x81, 0x00]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn exactly_what_two_trees_differ_in_is_shown(
        before in prop::collection::btree_map(0..300_u16, any::<u16>(), 0..200),
        changes in prop::collection::btree_map(0..300_u16, any::<Option<u16>>(), 0..40),
    ) {
        let mut memory = Memory::default();
        let mut tree = Tree::new(None);
        for (number, content) in &before {
            tree.insert(&mut memory, &key(*number), value(*content)).unwrap();
        }
        let old = tree.save(&mut memory).unwrap();
        let mut after = before.clone();
        for (number, content) in &changes {
            match content {
                Some(content) => {
                    tree.insert(&mut memory, &key(*number), value(*content)).unwrap();
                    after.insert(*number, *content);
                }
                None => {
                    tree.remove(&mut memory, &key(*number)).unwrap();
                    after.remove(number);
                }
            }
        }
        let new = tree.save(&mut memory).unwrap();
        for (old, new, before, after) in [(old, new, &before, &after), (new, old, &after, &before)] {
            let mut found = BTreeMap::new();
            let mut see = |key: &[u8], was: Option<&[u8]>, is: Option<&[u8]>| {
                found.insert(key.to_vec(), (was.map(<[u8]>::to_vec), is.map(<[u8]>::to_vec)));
                Ok(())
            };
            differences(&mut memory, old.as_ref(), new.as_ref(), &mut see).unwrap();
            let of = |map: &BTreeMap<u16, u16>, number: &u16| map.get(number).map(|content| value(*content));
            let expected: BTreeMap<_, _> = (0..300)
                .map(|number| (key(number), (of(before, &number), of(after, &number))))
                .filter(|(_, (was, is))| was != is)
                .collect();
            prop_assert!(found == expected);
        }
    }
}

#[test]
fn a_difference_costs_what_differs() {
    let mut memory = Memory::default();
    let mut tree = Tree::new(None);
    for number in 0..20_000_u32 {
        tree.insert(&mut memory, &number.to_be_bytes(), vec![7; 100]).unwrap();
    }
    let old = tree.save(&mut memory).unwrap();
    tree.insert(&mut memory, &[0, 0, 39, 16, 1], vec![1; 9000 - 1000]).unwrap();
    tree.remove(&mut memory, &7_u32.to_be_bytes()).unwrap();
    let new = tree.save(&mut memory).unwrap();
    let mut counted = Counted { memory, loads: 0 };
    let mut count = 0;
    let mut see = |_: &[u8], _: Option<&[u8]>, _: Option<&[u8]>| {
        count += 1;
        Ok(())
    };
    differences(&mut counted, old.as_ref(), new.as_ref(), &mut see).unwrap();
    assert_eq!(count, 2);
    assert!(counted.loads < 40, "{} nodes of about 100", counted.loads);
}

struct Counted {
    memory: Memory,
    loads: usize,
}

impl Nodes for Counted {
    type Link = u32;

    fn load(&mut self, link: &u32) -> Result<Arc<Node<u32>>, VaultError> {
        self.loads += 1;
        self.memory.load(link)
    }

    fn save(&mut self, node: Node<u32>) -> Result<u32, VaultError> {
        self.memory.save(node)
    }

    fn release(&mut self, link: &u32) {
        self.memory.release(link);
    }
}

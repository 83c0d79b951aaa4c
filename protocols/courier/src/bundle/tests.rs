//! Tests: bundles in both forms, beside an independent implementation, divided and put together.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use allod_wire::Instant;
use proptest::prelude::*;

use super::*;
use crate::ratchet::OVERHEAD;

mod liars;

fn terms() -> impl Strategy<Value = Terms> {
    (1_u32.., any::<u16>(), 0_u8..12, 0_u8..3, any::<u8>(), any::<bool>()).prop_map(
        |(created, sequence, lifetime, priority, copies, custody)| Terms {
            created: Seconds(created),
            sequence,
            lifetime: Lifetime::from_code(lifetime).unwrap(),
            priority: Priority::from_code(priority).unwrap(),
            copies,
            custody,
        },
    )
}

fn bundle() -> impl Strategy<Value = Bundle> {
    (prop::collection::vec(any::<u8>(), 8..600), terms())
        .prop_map(|(message, terms)| Bundle::new(&message, terms).unwrap())
}

fn some() -> Bundle {
    let created = Seconds::at(Instant(1_800_000_000_000));
    let (lifetime, priority) = (Lifetime::MESSAGE, Priority::Normal);
    let terms = Terms { created, sequence: 7, lifetime, priority, copies: 4, custody: true };
    Bundle::new(&[[9; 8].as_slice(), &[5; 1500]].concat(), terms).unwrap()
}

proptest! {
    #[test]
    fn both_forms_give_the_same_bundle(bundle in bundle(), size_max in 1_usize..700) {
        let all = fragments(bundle.clone(), size_max).unwrap();
        let ids: BTreeSet<_> = all.iter().map(Bundle::id).collect();
        prop_assert_eq!(ids.len(), all.len());
        let mut reassembly = Reassembly::new(&all[0]);
        for fragment in &all {
            prop_assert!(fragment.payload.len() <= size_max);
            prop_assert_eq!(fragment.source(), bundle.source());
            let compact = Bundle::from_compact(&fragment.to_compact());
            prop_assert_eq!(compact.as_ref(), Ok(fragment));
            let full = Bundle::from_full(&fragment.to_full());
            prop_assert_eq!(full.as_ref(), Ok(fragment));
            reassembly.add(fragment).unwrap();
        }
        prop_assert_eq!(reassembly.whole().collect::<Vec<_>>(), [bundle]);
    }

    #[test]
    fn an_independent_implementation_reads_what_is_made_here(bundle in bundle(), size_max in 1_usize..700) {
        for fragment in fragments(bundle, size_max).unwrap() {
            let read = bp7::Bundle::try_from(fragment.to_full()).unwrap();
            let tag = fragment.tag.0.iter().fold("allod-".to_string(), |name, byte| format!("{name}{byte:02x}"));
            prop_assert_eq!(read.primary.destination.node(), Some(tag));
            prop_assert_eq!(read.payload().unwrap(), &fragment.payload);
            prop_assert_eq!(read.primary.lifetime.as_secs(), fragment.terms.lifetime.seconds());
            prop_assert_eq!(read.primary.has_fragmentation(), !fragment.is_whole());
            if !fragment.is_whole() {
                prop_assert_eq!(read.primary.fragmentation_offset, u64::from(fragment.part.offset));
                prop_assert_eq!(read.primary.total_data_length, u64::from(fragment.part.total));
            }
            // And what it makes of it is the same here.
            let mut again = read;
            let bytes = again.to_cbor();
            prop_assert_eq!(Bundle::from_full(&bytes).unwrap(), fragment);
        }
    }

    #[test]
    fn fragments_come_together_in_any_order_and_from_any_way(
        first in 1_usize..300,
        second in 1_usize..300,
        order in any::<[u8; 16]>(),
    ) {
        let bundle = some();
        let mut all = fragments(bundle.clone(), first).unwrap();
        // Another way has narrower links, and divides what it gets once more.
        all.extend(fragments(bundle.clone(), second).unwrap().into_iter().flat_map(|part| fragments(part, 40).unwrap()));
        let mut at = 0;
        let mut reassembly = Reassembly::new(&all[usize::from(order[0]) % all.len()]);
        while !all.is_empty() {
            let next = all.swap_remove(usize::from(order[at % 16]).wrapping_mul(at + 1) % all.len());
            let next = Bundle { terms: Terms { copies: order[0], ..next.terms }, ..next };
            let before = reassembly.missing();
            reassembly.add(&next).unwrap();
            prop_assert!(before - reassembly.missing() <= next.payload.len());
            at += 1;
        }
        let whole: Vec<_> = reassembly.whole().map(|whole| whole.message()).collect();
        prop_assert_eq!(whole, [bundle.message()]);
    }

    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Bundle::from_compact(&bytes);
        let _ = Bundle::from_full(&bytes);
    }

    #[test]
    fn a_changed_bundle_is_refused_or_another_one(at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let bundle = some();
        for form in [bundle.to_full(), bundle.to_compact()] {
            let mut changed = form.clone();
            changed[at.index(form.len())] ^= 1_u8 << bit;
            for read in [Bundle::from_full(&changed), Bundle::from_compact(&changed)].into_iter().flatten() {
                prop_assert!(read.to_full() == changed || read.to_compact() == changed);
            }
        }
    }

    #[test]
    fn what_is_padded_comes_back(plain in prop::collection::vec(any::<u8>(), 0..3000)) {
        let padded = pad(&plain, OVERHEAD);
        prop_assert_eq!(unpad(&padded), Some(&plain[..]));
        prop_assert!(padded.len() + OVERHEAD <= (PACKET - compact::HEADER + 8).max((plain.len() + 1 + OVERHEAD) * 3 / 2));
    }
}

#[test]
fn a_text_of_140_bytes_is_one_packet_of_a_lora_class_link() {
    let padded = pad(&[1; 140], OVERHEAD);
    let message = vec![0; padded.len() + OVERHEAD];
    let bundle = Bundle { terms: some().terms, ..Bundle::new(&message, some().terms).unwrap() };
    assert_eq!(bundle.to_compact().len(), PACKET);
    // And so is every shorter one, and some longer.
    assert_eq!(pad(&[], OVERHEAD).len(), padded.len());
    assert_eq!(pad(&[1; 162], OVERHEAD).len(), padded.len());
    assert!(pad(&[1; 163], OVERHEAD).len() > padded.len());
}

#[test]
fn sizes_of_messages_are_few() {
    let sizes: BTreeSet<_> = (0..60_000).map(|size| pad(&vec![0; size], OVERHEAD).len()).collect();
    assert_eq!(sizes.len(), 18);
    // Whatever sealing adds, the sealed sizes are the same few.
    let sealed = |overhead: usize| move |size| pad(&vec![0; size], overhead).len() + overhead;
    let [two, all]: [BTreeSet<usize>; 2] =
        [OVERHEAD, 88].map(|overhead| (0..4000).map(sealed(overhead)).collect());
    assert_eq!(two, all);
    let large: BTreeSet<_> =
        (0..200).map(|size| pad(&vec![0; 1_000_000 + size * 300], OVERHEAD).len()).collect();
    assert!(large.len() < 5);
}

#[test]
fn lifetimes_are_steps_and_end_when_they_say() {
    let day = 86_400;
    assert_eq!(Lifetime::at_least(1).seconds(), 600);
    assert_eq!(Lifetime::at_least(day + 1).seconds(), 3 * day);
    assert_eq!(Lifetime::at_least(u64::MAX).seconds(), 365 * day);
    let terms = some().terms;
    assert_eq!(terms.expires().0, 1_800_000_000_000 + Lifetime::MESSAGE.seconds() * 1000);
}

#[test]
fn a_bundle_that_contradicts_itself_is_refused() {
    let bundle = some();
    let other = Bundle { tag: Tag([1; 8]), ..bundle.clone() };
    // Another source than the rest of it gives.
    let mut read = bp7::Bundle::try_from(bundle.to_full()).unwrap();
    read.primary.source = bp7::Bundle::try_from(other.to_full()).unwrap().primary.source;
    assert_eq!(Bundle::from_full(&read.to_cbor()), Err(BundleError::Inconsistent));
    // For an endpoint that is none of ours.
    read.primary.destination = bp7::EndpointID::try_from("dtn://somebody/").unwrap();
    assert_eq!(Bundle::from_full(&read.to_cbor()), Err(BundleError::Foreign));
    // A fragment that goes beyond the whole.
    let part = Part { offset: 1400, total: 1500 };
    let beyond = Bundle { part, payload: vec![1; 101], ..bundle.clone() };
    assert_eq!(Bundle::from_compact(&beyond.to_compact()), Err(BundleError::Inconsistent));
    assert_eq!(Bundle::from_full(&beyond.to_full()), Err(BundleError::Inconsistent));
    // One without bytes.
    let empty = Bundle { part, payload: vec![], ..bundle.clone() };
    assert_eq!(Bundle::from_compact(&empty.to_compact()), Err(BundleError::Inconsistent));
    // One of the second 0, found by fuzzing: RFC 9171 has no such time.
    let first = Terms { created: Seconds(0), ..bundle.terms };
    let of_second_0 = Bundle { terms: first, ..bundle.clone() };
    assert_eq!(Bundle::from_compact(&of_second_0.to_compact()), Err(BundleError::Inconsistent));
    assert_eq!(Bundle::new(&[0; 9], first), Err(BundleError::Inconsistent));
    // Fragments of two bundles.
    let fragment = fragments(bundle, 100).unwrap().remove(0);
    assert_eq!(Reassembly::new(&fragment).add(&other), Err(BundleError::Inconsistent));
}

#[test]
fn a_bundle_that_another_program_made_is_a_normal_one() {
    let bundle = some();
    let read = bp7::Bundle::try_from(bundle.to_full()).unwrap();
    let made = bp7::bundle::Bundle::new(
        read.primary.clone(),
        vec![bp7::canonical::new_payload_block(
            bp7::flags::BlockControlFlags::empty(),
            bundle.payload.clone(),
        )],
    )
    .to_cbor();
    let terms = Terms { copies: 1, custody: false, ..bundle.terms };
    assert_eq!(Bundle::from_full(&made).unwrap(), Bundle { terms, ..bundle });
}

#[test]
fn too_many_fragments_are_none() {
    let large = Bundle::new(&vec![0; PAYLOAD_MAX + 8], some().terms).unwrap();
    assert!(fragments(large.clone(), 0).is_none());
    assert!(fragments(large.clone(), PAYLOAD_MAX / FRAGMENTS_MAX - 1).is_none());
    assert_eq!(fragments(large.clone(), PAYLOAD_MAX / FRAGMENTS_MAX).unwrap().len(), FRAGMENTS_MAX);
    assert_eq!(Bundle::new(&vec![0; PAYLOAD_MAX + 9], some().terms), Err(BundleError::TooLarge));
}

//! What is on disk has a limit.

use std::num::NonZeroU64;

use commonware_runtime::Storage as _;

use super::world::{World, fixed, ledgers, simulate};
use crate::chain::ordering::Ordering as _;

/// Files of a partition.
async fn files(world: &World, partition: &str) -> usize {
    world.context.scan(partition).await.map_or(0, |names| names.len())
}

#[test]
fn what_is_kept_on_disk_has_a_limit() {
    simulate(1, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), 100).await;
        world.tuning.heights_kept = 32;
        world.section = NonZeroU64::new(8).unwrap();
        world.start_all(0..4).await;
        let mut most = [0; 4];
        for height in (50..450).step_by(50) {
            world.height(120, &[0, 1, 2, 3], height).await;
            let partitions = ["blocks-keys", "blocks-values", "certificates-keys", "certificates-values"];
            for (most, partition) in most.iter_mut().zip(partitions) {
                *most = files(&world, &format!("node-0-{partition}")).await.max(*most);
            }
            // The journal of the epoch, and of the one before at most.
            let epoch = height / 100;
            for over in 0..epoch.saturating_sub(1) {
                assert_eq!(files(&world, &format!("node-0-votes-{over}")).await, 0, "at {height}");
            }
        }
        // 32 heights are 4 files; then there are the 64 heights between two
        // prunings, and a file at either end.
        assert!(most.iter().all(|files| (4..=14).contains(files)), "{most:?}");
        let node = world.nodes[0].handle();
        assert!(node.block(390).await.is_some());
        assert!(node.block(300).await.is_none());
        assert!(node.certificate(300).await.is_none());
        assert!(node.block(world.nodes[0].ledger.height() + 50).await.is_none());
    });
}

#[test]
fn certificates_of_all_that_is_kept_are_of_the_epochs_committee() {
    simulate(2, |context| async move {
        let mut world = World::new(context, ledgers(4, &fixed(4)), 10).await;
        world.start_all(0..4).await;
        world.height(120, &[0, 1, 2, 3], 125).await;
        let mut with = 0;
        for height in 1..=120 {
            let Some(certificate) = world.nodes[1].handle().certificate(height).await else {
                assert_ne!(height % 10, 9, "the last height of an epoch has one");
                continue;
            };
            with += 1;
            assert!(certificate.votes.len() >= 3);
            assert_eq!(certificate.block, world.nodes[1].ledger.state().entries[&height].digest);
            let bytes = certificate.encode();
            assert_eq!(
                allod_wire::decode::<crate::chain::ordering::Certificate>(&bytes),
                Ok(certificate.clone())
            );
            let signed = certificate.statement().signed_bytes(&world.parameters.network);
            for vote in &certificate.votes {
                vote.key.verify(&signed, &vote.signature).unwrap();
            }
        }
        assert!(with > 100, "{with} of 120 heights have certificates");
    });
}

//! Orders that somebody gives a running network from another terminal.

use std::path::Path;
use std::time::Duration;

use allod_node::network::{self, Description, Order, Schedule, Step};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::{local, script};
use crate::cli::Testnet;
use crate::failure::Failure;
use crate::screen::Screen;

/// The orders that the command line gives, with their times from now; nothing
/// where it gives none.
pub(super) fn orders(args: &Testnet, folder: &Path) -> Result<Option<Vec<Step>>, Failure> {
    if let Some(text) = &args.order {
        let known = Description::read(folder)?.map_or(0, |network| network.guardians.len());
        let guardians = if known == 0 { usize::from(u8::MAX) } else { known };
        let schedule = Schedule::of_order(text, guardians, script::any_seed()).map_err(script::failure)?;
        return Ok(Some(schedule.steps));
    }
    let guardian = usize::from;
    let order = None
        .or(args.kill.map(|i| Order::Kill { guardian: guardian(i) }))
        .or(args.pause.map(|i| Order::Pause { guardian: guardian(i) }))
        .or(args.resume.map(|i| Order::Resume { guardian: guardian(i) }))
        .or(args.start.map(|i| Order::Start { guardian: guardian(i) }))
        .or(args.lie.map(|i| Order::Lie { guardian: guardian(i), how: args.how.clone() }));
    Ok(order.map(|order| vec![Step { at_ms: 0, line: 1, undoes: false, order }]))
}

/// Gives the orders when their time comes, and says what came of each.
pub(super) async fn give(folder: &Path, steps: &[Step], screen: &Screen) -> Result<(), Failure> {
    let began = Instant::now();
    for step in steps {
        sleep_until(began + Duration::from_millis(step.at_ms)).await;
        let statuses = network::order(folder, &step.order).await.map_err(local::failure)?;
        for status in &statuses {
            screen.result(&json!(status), &local::line(status, screen));
        }
        if statuses.is_empty() {
            let order = step.order.to_string();
            screen.result(&json!({ "order": order, "result": "done" }), &format!("done: {order}"));
        }
    }
    Ok(())
}

//! Orders that somebody gives a running network from another terminal.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use allod_node::network::{self, Description, NetworkError, Order, Schedule, Script, Step};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::{local, script};
use crate::cli::Testnet;
use crate::failure::Failure;
use crate::screen::Screen;

/// What the command line orders.
pub(super) struct Orders {
    /// The orders, with their times from now.
    steps: Vec<Step>,
    /// Whether they are for all whom they fit, and for nobody else.
    fitting: bool,
}

/// The orders that the command line gives; nothing where it gives none.
pub(super) fn orders(args: &Testnet, folder: &Path) -> Result<Option<Orders>, Failure> {
    if let Some(text) = &args.order {
        let known = Description::read(folder)?.map_or(0, |network| network.guardians.len());
        let guardians = if known == 0 { usize::from(u8::MAX) } else { known };
        let schedule = Schedule::of_order(text, guardians, script::any_seed()).map_err(script::failure)?;
        return Ok(Some(Orders { steps: schedule.steps, fitting: Script::is_for_all(text) }));
    }
    let guardian = usize::from;
    let order = None
        .or(args.kill.map(|i| Order::Kill { guardian: guardian(i) }))
        .or(args.pause.map(|i| Order::Pause { guardian: guardian(i) }))
        .or(args.resume.map(|i| Order::Resume { guardian: guardian(i) }))
        .or(args.start.map(|i| Order::Start { guardian: guardian(i) }))
        .or(args.lie.map(|i| Order::Lie { guardian: guardian(i), how: args.how.clone() }));
    let step = |order| Step { at_ms: 0, line: 1, undoes: false, order };
    Ok(order.map(|order| Orders { steps: vec![step(order)], fitting: false }))
}

/// Gives the orders when their time comes, and says what came of each. Of those that
/// are for whom they fit, at least one has to fit somebody.
pub(super) async fn give(folder: &Path, orders: &Orders, screen: &Screen) -> Result<(), Failure> {
    let began = Instant::now();
    // Whom the order did not fit, and so nothing is to be undone.
    let mut unfit = BTreeSet::new();
    let (mut fitted, mut refused) = (false, None);
    for step in &orders.steps {
        if step.undoes && step.order.addressee().is_some_and(|guardian| unfit.contains(&guardian)) {
            continue;
        }
        if step.undoes && !fitted {
            break;
        }
        sleep_until(began + Duration::from_millis(step.at_ms)).await;
        let statuses = match (network::order(folder, &step.order).await, step.order.addressee()) {
            (Err(why @ NetworkError::Refused(_)), Some(guardian)) if orders.fitting && !step.undoes => {
                unfit.insert(guardian);
                refused = Some(why);
                continue;
            }
            (answer, _) => answer.map_err(local::failure)?,
        };
        fitted = true;
        for status in &statuses {
            screen.result(&json!(status), &local::line(status, screen));
        }
        if statuses.is_empty() {
            let order = step.order.to_string();
            screen.result(&json!({ "order": order, "result": "done" }), &format!("done: {order}"));
        }
    }
    match refused.filter(|_| !fitted) {
        Some(why) => Err(local::failure(why)),
        None => Ok(()),
    }
}

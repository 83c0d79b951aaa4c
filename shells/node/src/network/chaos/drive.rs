//! Giving a schedule's orders when their time comes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::super::{Order, Orders, Origin};
use super::{Schedule, Step};

/// How long after the end an order may still be under way.
const LAST_ORDERS: Duration = Duration::from_secs(60);

/// A schedule that is being carried out. What comes of its orders is told by
/// [`Network::news`](super::super::Network::news).
#[derive(Debug)]
pub struct Drive {
    orders: Orders,
    began: Instant,
    coming: VecDeque<Step>,
    end: Option<Instant>,
    under_way: JoinSet<()>,
    ended: bool,
}

/// What a drive did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It gave an order.
    Given(Order),
    /// The script's end has come, and every order was answered.
    Ended,
}

impl Drive {
    /// Begins now.
    pub fn new(schedule: &Schedule, orders: Orders) -> Self {
        let began = Instant::now();
        Self {
            orders,
            began,
            coming: schedule.steps.iter().cloned().collect(),
            end: schedule.end_ms.map(|end| began + Duration::from_millis(end)),
            under_way: JoinSet::new(),
            ended: false,
        }
    }

    /// When it began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The orders that come, the next first.
    pub fn coming(&self) -> impl Iterator<Item = &Step> {
        self.coming.iter()
    }

    /// Waits until something is to be done, and does it. Nothing is lost when the
    /// future is dropped. After the end, or where the script has none after its
    /// last order, it waits for ever.
    pub async fn next(&mut self) -> Progress {
        loop {
            let next = self.coming.front().map(|step| self.began + Duration::from_millis(step.at_ms));
            match (next, self.end) {
                (Some(at), _) => {
                    sleep_until(at).await;
                    let Some(step) = self.coming.pop_front() else { continue };
                    let Step { at_ms, line, undoes, order } = step;
                    let origin = Origin::Script { line, planned_ms: at_ms, undoes };
                    let answer = self.orders.give(order.clone(), origin);
                    self.under_way.spawn(async move { _ = answer.await });
                    return Progress::Given(order);
                }
                (None, Some(end)) if !self.ended => {
                    sleep_until(end).await;
                    let all = async { while self.under_way.join_next().await.is_some() {} };
                    let _ = tokio::time::timeout_at(end + LAST_ORDERS, all).await;
                    self.ended = true;
                    return Progress::Ended;
                }
                _ => std::future::pending().await,
            }
        }
    }
}

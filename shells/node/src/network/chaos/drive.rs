//! Giving a schedule's orders when their time comes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::super::{Order, Orders, Origin};
use super::{Schedule, Step};

/// How long after the end an order may still be under way.
const LAST_ORDERS: Duration = Duration::from_secs(60);

/// A schedule that is being carried out, by a task of its own: who watches it
/// slowly makes it no slower. What comes of its orders is told by
/// [`Network::news`](super::super::Network::news). It stops when it is dropped.
#[derive(Debug)]
pub struct Drive {
    began: Instant,
    coming: VecDeque<Step>,
    progress: mpsc::UnboundedReceiver<Progress>,
    /// Aborted on drop.
    _driving: JoinSet<()>,
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
    /// Begins now, on the current runtime.
    pub fn start(schedule: &Schedule, orders: Orders) -> Self {
        let began = Instant::now();
        let (tell, progress) = mpsc::unbounded_channel();
        let steps = schedule.steps.clone();
        let coming = steps.iter().cloned().collect();
        let end = schedule.end_ms.map(|end| began + Duration::from_millis(end));
        let mut driving = JoinSet::new();
        driving.spawn(drive(began, steps, end, orders, tell));
        Self { began, coming, progress, _driving: driving }
    }

    /// When it began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The orders that come, the next first.
    pub fn coming(&self) -> impl Iterator<Item = &Step> {
        self.coming.iter()
    }

    /// Waits until it has done something. Nothing is lost when the future is
    /// dropped. After the end, or where the script has none after its last
    /// order, this waits for ever.
    pub async fn next(&mut self) -> Progress {
        let Some(progress) = self.progress.recv().await else { return std::future::pending().await };
        if matches!(progress, Progress::Given(_)) {
            self.coming.pop_front();
        }
        progress
    }
}

async fn drive(
    began: Instant,
    steps: Vec<Step>,
    end: Option<Instant>,
    orders: Orders,
    tell: mpsc::UnboundedSender<Progress>,
) {
    let mut under_way = JoinSet::new();
    for Step { at_ms, line, undoes, order } in steps {
        sleep_until(began + Duration::from_millis(at_ms)).await;
        let origin = Origin::Script { line, planned_ms: at_ms, undoes };
        let answer = orders.give(order.clone(), origin);
        under_way.spawn(async move { _ = answer.await });
        // Whoever stopped watching needs no news.
        let _ = tell.send(Progress::Given(order));
    }
    if let Some(end) = end {
        sleep_until(end).await;
        let all = async { while under_way.join_next().await.is_some() {} };
        let _ = tokio::time::timeout_at(end + LAST_ORDERS, all).await;
        let _ = tell.send(Progress::Ended);
    } else {
        while under_way.join_next().await.is_some() {}
    }
}

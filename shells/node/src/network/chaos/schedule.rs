//! A script made into orders with their times, for so many guardians: what is
//! repeated is written out, chance has chosen, and orders that would make no
//! sense when their time comes are refused beforehand.

use std::collections::BTreeMap;
use std::fmt;

use super::super::Order;
use super::ScriptError;
use super::model::{Model, Slot};
use super::script::{Script, When};
use super::time::Ms;

/// Orders that a schedule may have.
const STEPS_MAX: usize = 10_000;

/// All orders of a script, in the order of their times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What chance was drawn from.
    pub seed: u64,
    /// How many guardians it is for.
    pub guardians: usize,
    /// The orders.
    pub steps: Vec<Step>,
    /// When it ends, in milliseconds from the start; never by itself where the
    /// script does not say.
    pub end_ms: Option<u64>,
}

/// One order of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// The script's line that it comes from.
    pub line: usize,
    /// Whether it undoes what that line did before.
    pub undoes: bool,
    /// The order.
    pub order: Order,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8}  {}", Ms(self.at_ms).to_string(), self.order)
    }
}

/// What comes at a time. At the same time, what undoes comes first.
enum Due {
    Undo {
        line: usize,
        slot: Slot,
        tag: usize,
        order: Order,
    },
    /// A place among the script's lines.
    Line(usize),
}

impl Script {
    /// Writes the script out. The same script, seed and number of guardians give
    /// the same schedule.
    ///
    /// # Errors
    /// [`ScriptError`], where an order cannot make sense when its time comes,
    /// such as to kill what is dead by then.
    pub fn schedule(&self, guardians: usize, seed: u64) -> Result<Schedule, ScriptError> {
        self.write_out(Model::new(guardians, seed), guardians, seed)
    }

    fn write_out(&self, mut model: Model, guardians: usize, seed: u64) -> Result<Schedule, ScriptError> {
        let end_ms = self.end.map(|(_, end)| end);
        let before_end = |at: u64| end_ms.is_none_or(|end| at < end);
        // By time, undoing first, then as the lines stand.
        let mut due: BTreeMap<(u64, bool, usize, usize), Due> = BTreeMap::new();
        for (place, line) in self.lines.iter().enumerate() {
            match line.when {
                When::At(at) => _ = due.insert((at, true, line.number, 0), Due::Line(place)),
                When::Every { period, from, until } => {
                    let until = until.or(end_ms).unwrap_or(from);
                    let mut at = from;
                    while at < until && before_end(at) {
                        if due.len() > STEPS_MAX {
                            return Err(too_many(line.number));
                        }
                        due.insert((at, true, line.number, 0), Due::Line(place));
                        at += period;
                    }
                }
            }
        }
        let mut steps = Vec::new();
        while let Some(((at_ms, ..), next)) = due.pop_first() {
            match next {
                Due::Undo { line, slot, tag, order } => {
                    let senseless = |why| ScriptError::Senseless { line, why };
                    if model.undo(slot, tag, &order, line).map_err(|why| senseless(at(at_ms, &why)))? {
                        steps.push(Step { at_ms, line, undoes: true, order });
                    }
                }
                Due::Line(place) => {
                    let Some(line) = self.lines.get(place) else { continue };
                    let number = line.number;
                    let senseless = |why| ScriptError::Senseless { line: number, why };
                    let done = model.act(&line.action, number).map_err(|why| senseless(at(at_ms, &why)))?;
                    for done in done {
                        if let (Some(lasting), Some((slot, undo))) = (line.undo_after, done.undo) {
                            let ends = at_ms + lasting;
                            if before_end(ends) {
                                let order = undo;
                                let undo = Due::Undo { line: number, slot, tag: done.tag, order };
                                due.insert((ends, false, number, done.tag), undo);
                            }
                        }
                        steps.push(Step { at_ms, line: number, undoes: false, order: done.order });
                    }
                    if steps.len() > STEPS_MAX {
                        return Err(too_many(number));
                    }
                }
            }
        }
        Ok(Schedule { seed, guardians, steps, end_ms })
    }
}

impl Schedule {
    /// What one order comes to, as it stands behind `at TIME` in a script, for
    /// guardians of which it is not known how they are.
    ///
    /// # Errors
    /// See [`ScriptError`].
    pub fn of_order(text: &str, guardians: usize, seed: u64) -> Result<Self, ScriptError> {
        Script::of_order(text)?.write_out(Model::blind(guardians, seed), guardians, seed)
    }

    /// Whether it needs connections that can be delayed and kept apart.
    pub fn needs_links(&self) -> bool {
        self.steps.iter().any(|step| step.order.addressee().is_none())
    }
}

fn at(at_ms: u64, why: &str) -> String {
    format!("at {} {why}", Ms(at_ms))
}

fn too_many(line: usize) -> ScriptError {
    ScriptError::Senseless { line, why: format!("that makes more than {STEPS_MAX} orders") }
}

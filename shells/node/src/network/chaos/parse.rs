//! Reading a script: one order a line, and errors that name the line and say
//! what was expected there.

use super::super::How;
use super::script::{Action, Deed, Item, Line, Script, When, Whom};
use super::time::{self, Ms};

/// What is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// A line that cannot be read.
    #[error("line {line}: expected {expected}, found {found}")]
    Expected {
        /// The line, counted from 1.
        line: usize,
        /// What could have stood there.
        expected: String,
        /// What stood there.
        found: String,
    },
    /// A line that can be read and makes no sense.
    #[error("line {line}: {why}")]
    Senseless {
        /// The line, counted from 1.
        line: usize,
        /// Why.
        why: String,
    },
}

const ORDERS: &str = "an order: kill, start, pause, resume, lie, skew, partition, heal, delay or cut";
const TIME: &str = "a time such as `5s`, `1.5s`, `200ms`, `2m`, `1h` or `3d`";

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// See [`ScriptError`]. The first line that is wrong is named.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        let mut seed_line = None;
        for (place, line) in text.lines().enumerate() {
            let mut words = Words::new(place + 1, line);
            let Some(first) = words.next() else { continue };
            match first {
                "seed" => {
                    if let Some(before) = seed_line {
                        return Err(words.senseless(format!("line {before} gives the seed already")));
                    }
                    let seed =
                        words.parsed("a number from 0 to 18446744073709551615", |word| word.parse().ok())?;
                    (script.seed, seed_line) = (Some(seed), Some(words.line));
                }
                "at" => {
                    let at = words.time()?;
                    if words.take("end") {
                        if let Some((before, _)) = script.end {
                            return Err(words.senseless(format!("line {before} ends the script already")));
                        }
                        script.end = Some((words.line, at));
                    } else {
                        script.lines.push(words.order(When::At(at))?);
                    }
                }
                "every" => {
                    let when = words.every()?;
                    script.lines.push(words.order(when)?);
                }
                other => return Err(words.expected("`at`, `every` or `seed`", Some(other))),
            }
            words.end()?;
        }
        script.look_at_times()?;
        Ok(script)
    }

    /// Reads one order, as it stands behind `at TIME`, as a script that gives it
    /// at once.
    pub(super) fn of_order(text: &str) -> Result<Self, ScriptError> {
        let mut words = Words::new(1, text);
        let line = words.order(When::At(0))?;
        words.end()?;
        Ok(Self { lines: vec![line], ..Self::default() })
    }

    fn look_at_times(&self) -> Result<(), ScriptError> {
        for line in &self.lines {
            let senseless = |why| Err(ScriptError::Senseless { line: line.number, why });
            match (line.when, self.end) {
                (When::At(at), Some((last, end))) if at > end => {
                    return senseless(format!("{} is after the end at {} in line {last}", Ms(at), Ms(end)));
                }
                (When::Every { until: None, .. }, None) => {
                    return senseless(
                        "nothing ends this; say `until TIME` behind the first time, or add a line `at TIME end`"
                            .into(),
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What is left of a line.
struct Words<'a> {
    line: usize,
    words: std::vec::IntoIter<&'a str>,
}

impl<'a> Words<'a> {
    fn new(line: usize, text: &'a str) -> Self {
        let text = text.split('#').next().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().flat_map(split).collect();
        Self { line, words: words.into_iter() }
    }

    fn next(&mut self) -> Option<&'a str> {
        self.words.next()
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.as_slice().first().copied()
    }

    /// Takes the next word if it is this one.
    fn take(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(word);
        if there {
            self.next();
        }
        there
    }

    fn expected(&self, expected: &str, found: Option<&str>) -> ScriptError {
        let found = found.map_or_else(|| "the end of the line".into(), |word| format!("`{word}`"));
        ScriptError::Expected { line: self.line, expected: expected.into(), found }
    }

    fn senseless(&self, why: String) -> ScriptError {
        ScriptError::Senseless { line: self.line, why }
    }

    fn parsed<T>(&mut self, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ScriptError> {
        let word = self.next();
        word.and_then(read).ok_or_else(|| self.expected(expected, word))
    }

    fn time(&mut self) -> Result<u64, ScriptError> {
        self.parsed(TIME, time::parse)
    }

    fn end(&mut self) -> Result<(), ScriptError> {
        match self.next() {
            None => Ok(()),
            extra => Err(self.expected("the end of the line", extra)),
        }
    }

    /// What stands behind `every`.
    fn every(&mut self) -> Result<When, ScriptError> {
        let period = self.time()?;
        if period == 0 {
            return Err(self.senseless("every 0s would be without end".into()));
        }
        let from = if self.take("from") { self.time()? } else { period };
        let until = if self.take("until") { Some(self.time()?) } else { None };
        if let Some(until) = until
            && until <= from
        {
            return Err(self.senseless(format!("from {} until {} is never", Ms(from), Ms(until))));
        }
        Ok(When::Every { period, from, until })
    }

    /// An order, with how long it lasts.
    fn order(&mut self, when: When) -> Result<Line, ScriptError> {
        let verb = self.next();
        let action = match verb {
            Some("kill") => Action::Guardian(Deed::Kill, self.guardians()?),
            Some("start") => Action::Guardian(Deed::Start, self.guardians()?),
            Some("pause") => Action::Guardian(Deed::Pause, self.guardians()?),
            Some("resume") => Action::Guardian(Deed::Resume, self.guardians()?),
            Some("cut") => Action::Guardian(Deed::Cut, self.guardians()?),
            Some("lie") => {
                let whom = self.guardians()?;
                let kinds = format!("a way to lie: {}", How::ALL.map(How::name).join(", "));
                Action::Guardian(Deed::Lie(self.parsed(&kinds, |word| word.parse().ok())?), whom)
            }
            Some("skew") => {
                let whom = self.guardians()?;
                let skew = self.parsed("how much, such as `+90s`, `-5m` or `0s`", skew)?;
                Action::Guardian(Deed::Skew(skew), whom)
            }
            Some("partition") => self.partition()?,
            Some("heal") => Action::Heal,
            Some("delay") => self.delay()?,
            other => return Err(self.expected(ORDERS, other)),
        };
        let lasts =
            !matches!(action, Action::Heal | Action::Guardian(Deed::Start | Deed::Resume | Deed::Cut, _));
        let undo_after = match self.peek() {
            Some("for") if lasts => {
                self.next();
                let lasting = self.time()?;
                if lasting == 0 {
                    return Err(self.senseless("for 0s it would not be".into()));
                }
                Some(lasting)
            }
            Some(extra) if lasts => return Err(self.expected("`for` or the end of the line", Some(extra))),
            _ => None,
        };
        Ok(Line { number: self.line, when, action, undo_after })
    }

    fn guardians(&mut self) -> Result<Whom, ScriptError> {
        self.whom("a guardian's number, `random` or `all`", |item| {
            matches!(item, Item::Guardian(_) | Item::Random | Item::All)
        })
    }

    fn partition(&mut self) -> Result<Action, ScriptError> {
        let expected = "a guardian's number, `outside`, `rest` or `random`";
        let mut groups = Vec::new();
        loop {
            groups.push(self.whom(expected, |item| *item != Item::All)?);
            if !self.take("|") {
                break;
            }
        }
        if groups.len() < 2 {
            let found = self.peek();
            return Err(self.expected("`,`, or `|` and another group", found));
        }
        let items: Vec<&Item> = groups.iter().flat_map(|group| &group.0).collect();
        if let Some(twice) = items.iter().enumerate().find_map(|(place, item)| {
            (**item != Item::Random && items[..place].contains(item)).then_some(item)
        }) {
            let name = match twice {
                Item::Guardian(number) => format!("guardian {number}"),
                Item::Rest => "`rest`".into(),
                _ => "`outside`".into(),
            };
            return Err(self.senseless(format!("{name} stands in the groups twice")));
        }
        Ok(Action::Partition(groups))
    }

    fn delay(&mut self) -> Result<Action, ScriptError> {
        let anybody = |item: &Item| *item != Item::Rest;
        let expected = "a guardian's number, `random`, `all`, or `outside` on one side of `->`";
        let from = self.whom(expected, anybody)?;
        let to = if self.take("->") { Some(self.whom(expected, anybody)?) } else { None };
        if to.is_none() && from.0.contains(&Item::Outside) {
            let found = self.peek();
            return Err(self.expected("`->` and who is sent something", found));
        }
        let delay_ms = match to {
            Some(_) => self.time()?,
            None => self.parsed(&format!("`,`, `->` or {TIME}"), time::parse)?,
        };
        let jitter_ms = if self.take("jitter") { self.time()? } else { 0 };
        if jitter_ms > delay_ms {
            return Err(self.senseless(format!(
                "a jitter of {} on {} would be before it was sent",
                Ms(jitter_ms),
                Ms(delay_ms)
            )));
        }
        Ok(match to {
            None => Action::Delay { whom: from, delay_ms, jitter_ms },
            Some(to) => Action::DelayLinks { from, to, delay_ms, jitter_ms },
        })
    }

    fn whom(&mut self, expected: &str, may: impl Fn(&Item) -> bool) -> Result<Whom, ScriptError> {
        let mut items = Vec::new();
        loop {
            items.push(self.parsed(expected, |word| item(word).filter(&may))?);
            if !self.take(",") {
                return Ok(Whom(items));
            }
        }
    }
}

/// Splits a word at the signs that stand for themselves: `1,2|3` are five.
fn split(word: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = word;
    while let Some((at, sign)) =
        ["->", ",", "|"].into_iter().filter_map(|sign| Some((rest.find(sign)?, sign))).min()
    {
        let (before, behind) = rest.split_at(at);
        words.extend((!before.is_empty()).then_some(before));
        let (sign, behind) = behind.split_at(sign.len());
        words.push(sign);
        rest = behind;
    }
    words.extend((!rest.is_empty()).then_some(rest));
    words
}

fn item(word: &str) -> Option<Item> {
    match word {
        "random" => Some(Item::Random),
        "all" => Some(Item::All),
        "outside" => Some(Item::Outside),
        "rest" => Some(Item::Rest),
        number => number.parse::<u8>().ok().filter(|n| *n > 0).map(|n| Item::Guardian(n.into())),
    }
}

/// A skew: a time with a sign, or none at all.
fn skew(word: &str) -> Option<i64> {
    let ms = |word| time::parse(word).and_then(|ms| i64::try_from(ms).ok());
    match (word.strip_prefix('+'), word.strip_prefix('-')) {
        (Some(ahead), _) => ms(ahead),
        (_, Some(behind)) => ms(behind).map(|ms| -ms),
        _ => ms(word).filter(|ms| *ms == 0),
    }
}

//! `allod status`: the identity at a glance.

use allod_node::person::{Home, PersonError};
use serde_json::json;

use super::{guardians, hold, ledger, load};
use crate::failure::Failure;
use crate::progress::Waiting;
use crate::screen::Screen;

pub(super) async fn run(home: &Home, screen: &Screen) -> Result<(), Failure> {
    let _lock = hold(home, screen)?;
    let mut person = load(home)?;
    let waiting = Waiting::new(screen);
    waiting.say("asking the guardians");
    let sure = person.refresh(home).await;
    let checks = person.check().await;
    let anchored = ledger::waiting::look(home, &person, screen).await;
    waiting.end();
    if !sure? {
        screen.warn("too few guardians answered to know what your other devices changed");
    }
    if let Some(warning) = ledger::waiting::warning(&person, anchored.as_ref()) {
        screen.warn(&warning);
    }
    let state = person.log.state();
    let (did, devices) = (state.did().to_string(), state.devices().len());

    let (guarded, text, rows) = match checks {
        Ok(checks) => {
            let configuration = person.guarded.as_ref().map(|guarded| &guarded.configuration);
            let threshold = configuration.map_or(1, |configuration| usize::from(configuration.threshold()));
            let good = checks.iter().filter(|found| found.check.holds()).count();
            let summary =
                format!("{good} of {} guardians hold their part; {threshold} are needed", checks.len());
            let keeper = if person.kit.is_none() { "\nlooked after by another of your devices" } else { "" };
            let text = format!("guarded    {summary}{keeper}\n{}", guardians::to_text(&checks, screen));
            (good >= threshold, text, guardians::to_json(&checks))
        }
        Err(PersonError::NotGuarded) => (false, "guarded    by nobody yet".to_owned(), json!([])),
        Err(other) => return Err(other.into()),
    };
    let (waits, rows_of_waiting) = ledger::waiting::shown(&person, anchored.as_ref());
    let text = format!("{text}{waits}");
    screen.result(
        &json!({ "waiting": rows_of_waiting, "did": did, "devices": devices, "guarded": guarded, "guardians": rows, "home": home.path() }),
        &format!("identity   {did}\ndevices    {devices}\nhome       {}\n{text}", home.path().display()),
    );
    Ok(())
}

//! `allod status`: the identity at a glance.

use allod_node::person::{Check, Home, PersonError};
use serde_json::json;

use super::{guardians, load};
use crate::failure::Failure;
use crate::progress::Waiting;
use crate::screen::Screen;

pub(super) async fn run(home: &Home, screen: &Screen) -> Result<(), Failure> {
    let person = load(home)?;
    let state = person.log.state();
    let waiting = Waiting::new(screen);
    waiting.say("asking the guardians");
    let checks = person.check().await;
    waiting.end();
    let (did, devices) = (state.did().to_string(), state.devices().len());

    let (guarded, text, rows) = match checks {
        Ok(checks) => {
            let threshold = person.kit.as_ref().map_or(0, |kit| kit.configuration().threshold());
            let good = checks.iter().filter(|found| found.check == Check::Good).count();
            let text = format!(
                "guarded    {good} of {} guardians hold their part; {threshold} are needed\n{}",
                checks.len(),
                guardians::to_text(&checks, screen)
            );
            (good >= usize::from(threshold), text, guardians::to_json(&checks))
        }
        Err(PersonError::NoKit) => (
            false,
            "guarded    by a registration that another device made and looks after".to_owned(),
            json!(null),
        ),
        Err(other) => return Err(other.into()),
    };
    screen.result(
        &json!({ "did": did, "devices": devices, "guarded": guarded, "guardians": rows, "home": home.path() }),
        &format!("identity   {did}\ndevices    {devices}\nhome       {}\n{text}", home.path().display()),
    );
    Ok(())
}

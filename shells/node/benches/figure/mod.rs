//! One figure, as a line for people or as a line of JSON.

/// What was measured.
pub(crate) struct Figure<'a> {
    /// What it is called.
    pub(crate) name: &'a str,
    /// The figure.
    pub(crate) value: f64,
    /// What it counts.
    pub(crate) unit: &'a str,
    /// What it should be.
    pub(crate) aim: Option<&'a str>,
    /// The peer's figure, measured in the same run.
    pub(crate) peer: Option<f64>,
}

impl Figure<'_> {
    /// Prints it.
    pub(crate) fn print(&self, json: bool) {
        let Self { name, value, unit, aim, peer } = *self;
        let ratio = peer.map(|peer| round(value / peer));
        if json {
            let line = serde_json::json!({
                "name": name,
                "value": round(value),
                "unit": unit,
                "aim": aim,
                "peer": peer.map(round),
                "ratio": ratio,
            });
            println!("{line}");
        } else {
            let aim = aim.map(|aim| format!(", aim {aim}")).unwrap_or_default();
            let peer = peer
                .zip(ratio)
                .map(|(peer, ratio)| format!(", {ratio} times the peer's {}", round(peer)))
                .unwrap_or_default();
            println!("{name}: {} {unit}{peer}{aim}", round(value));
        }
    }
}

/// To four digits: no more can be measured, and with fewer an aim that is just missed would
/// look met.
fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

/// The value below which this part (in hundredths) of all lies.
#[allow(dead_code, reason = "not every program prints percentiles")]
pub(crate) fn percentile(values: &mut [f64], hundredths: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * hundredths / 100).min(values.len() - 1)]
}

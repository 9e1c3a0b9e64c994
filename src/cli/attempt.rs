//! `saphan try`: what one repair or one step does to values, a JSON line each.

use super::map::load_assets;
use super::terminal::say;
use crate::mapping::attempt;
use anyhow::anyhow;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan try --kind citizen_id -- 1-9999-00000-01-3\n  saphan try --kind date -- '20 มี.ค. 2555' 29/02/2560\n  saphan try --step 'date: d/m/be' -- 20/03/2555"
)]
pub struct Arguments {
    /// A kind of value, as citizen_id, date, grade, name (an unknown one lists them all)
    #[arg(long, conflicts_with = "step", required_unless_present = "step")]
    kind: Option<String>,
    /// A step as in a mapping, as learner_id or 'date: d/m/be'
    #[arg(long)]
    step: Option<String>,
    /// Values, after --
    #[arg(last = true, required = true, value_name = "VALUE", allow_hyphen_values = true)]
    values: Vec<String>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let assets = load_assets()?;
    let day = jiff::Zoned::now().date();
    for value in &arguments.values {
        let result = match (&arguments.kind, &arguments.step) {
            (Some(kind), _) => attempt::kind(kind, value, &assets.library)
                .ok_or_else(|| anyhow!("there is no kind {kind}; there are: {}", attempt::KINDS.join(", ")))?,
            (None, Some(step)) => {
                attempt::step(step, value, &assets.library, day).map_err(|fault| anyhow!("{fault}"))?
            }
            (None, None) => unreachable_without_kind()?,
        };
        say!("{}", serde_json::to_string(&result)?);
    }
    Ok(ExitCode::SUCCESS)
}

fn unreachable_without_kind<T>() -> anyhow::Result<T> {
    Err(anyhow!("say --kind or --step"))
}

//! The commands of `saphan`, one file each: they parse, call a use case, and show what came of it.
//!
//! Owns arguments, exit codes and what people see in a terminal. Holds no business rule. Data goes to
//! standard output, everything for people to standard error; quiet when piped; `NO_COLOR` is honoured.
//! Exit codes: 0 all well, 2 some rows refused (or a check that found a difference), 1 could not run, a wrong argument included.
#![expect(clippy::print_stderr, reason = "a command line speaks to people on standard error")]

mod agreement;
mod arguments;
mod attempt;
mod check;
mod client;
mod count;
mod demo;
mod doctor;
mod fault;
mod gateway;
mod journal;
mod keys;
mod map;
mod migrate;
mod openapi;
mod progress;
mod publish;
mod retention;
mod serve;
mod service_report;
mod subject;
mod subject_requests;
mod submit;
mod summary;
mod terminal;
mod user;
mod verify;

use crate::domain::text::Lang;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Exit code of a run in which some rows were refused.
pub const EXIT_REFUSED: u8 = 2;

#[derive(Debug, Parser)]
#[command(name = "saphan", version, about = "Saphan: the data-exchange gateway of the Ministry of Education", long_about = None)]
#[command(after_help = "Start with `saphan demo`. Every command has its own --help with an example.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Language of messages for people: th or en (default: from LANG, else en)
    #[arg(long, global = true, value_name = "LANG", env = "SAPHAN_LANG", value_parser = ["th", "en"], ignore_case = true)]
    lang: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the whole line on the samples, then keeps serving
    Demo(demo::Arguments),
    /// Serves the gateway
    Serve(serve::Arguments),
    /// Checks configuration, standards, code lists, mappings and their examples; prints all faults
    Check(check::Arguments),
    /// Maps one file to canonical records, without a store
    Map(map::Arguments),
    /// Shows what one repair or step does to values
    Try(attempt::Arguments),
    /// Submits one file into the store or to a running gateway
    Submit(submit::Arguments),
    /// Runs the count-day audit
    Count(count::Arguments),
    /// Builds the open data through the publish gate
    Publish(publish::Arguments),
    /// Clients that may use the API
    Client(client::Arguments),
    /// People who may sign in
    User(user::Arguments),
    /// What was agreed on with agencies
    Agreement(agreement::Arguments),
    /// What is answered to a person about their own data
    Subject(subject::Arguments),
    /// What is erased by rule, and the signed report of it
    Retention(retention::Arguments),
    /// The journal: checks it from end to end, signs where it is, gives it out
    Journal(journal::Arguments),
    /// The keys: lists them, lets new ones follow while everything runs, forgets those that nothing needs
    Keys(keys::Arguments),
    /// Looks whether the place is in order: store, keys, room, TLS, clock
    Doctor(doctor::Arguments),
    /// Brings the tables of the store up to date
    Migrate(migrate::Arguments),
    /// Prints the OpenAPI document
    Openapi(openapi::Arguments),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if cfg!(feature = "bench-without-journal") {
        eprintln!(
            "saphan: this program was built without its journal, to be measured against; build it without features"
        );
        return ExitCode::FAILURE;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) => {
            // Help and version are no errors. clap's own code for a wrong argument is 2, which says "some rows refused" here.
            let is_error = asked.use_stderr();
            let lang = terminal::lang(arguments::lang_asked(std::env::args_os().skip(1).map(lossy)).as_deref());
            match arguments::said_in_thai(&asked).filter(|_| lang == Lang::Th) {
                Some(text) => eprint!("{text}"),
                None => {
                    let _ = asked.print();
                }
            }
            return if is_error { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let lang = terminal::lang(cli.lang.as_deref());
    let are_settings_loaded = !matches!(cli.command, Command::Map(_) | Command::Try(_) | Command::Openapi(_));
    for (name, meant) in crate::config::unknown_variables(are_settings_loaded) {
        eprintln!("{}", terminal::unknown_variable(&name, meant.as_deref(), lang));
    }
    let outcome = match cli.command {
        Command::Demo(arguments) => demo::run(&arguments, lang),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Map(arguments) => map::run(&arguments, lang),
        Command::Try(arguments) => attempt::run(&arguments),
        Command::Submit(arguments) => submit::run(&arguments, lang),
        Command::Count(arguments) => count::run(&arguments, lang),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Client(arguments) => client::run(&arguments),
        Command::User(arguments) => user::run(&arguments, lang),
        Command::Agreement(arguments) => agreement::run(&arguments, lang),
        Command::Subject(arguments) => subject::run(&arguments, lang),
        Command::Retention(arguments) => retention::run(&arguments, lang),
        Command::Journal(arguments) => journal::run(&arguments, lang),
        Command::Keys(arguments) => keys::run(&arguments, lang),
        Command::Doctor(arguments) => doctor::run(&arguments, lang),
        Command::Migrate(arguments) => migrate::run(&arguments, lang),
        Command::Openapi(arguments) => openapi::run(&arguments),
    };
    match outcome {
        Ok(code) => code,
        // Whoever stopped reading knows; but what was cut off may not pass for whole.
        Err(error) if fault::is_reader_gone(&error) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("saphan: {}", fault::said(&error, lang));
            ExitCode::FAILURE
        }
    }
}

/// An argument as text; what is not UTF-8 names no language.
fn lossy(argument: std::ffi::OsString) -> String {
    argument.into_string().unwrap_or_default()
}

/// Settings from the environment, or every fault of them.
fn settings() -> anyhow::Result<crate::config::Settings> {
    settings_from(None)
}

fn settings_from(file: Option<&std::path::Path>) -> anyhow::Result<crate::config::Settings> {
    crate::config::Settings::load(file).map_err(|faults| {
        let list: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the configuration has faults:\n  {}", list.join("\n  "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn without_example(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        let has_example = command.get_after_help().is_some_and(|text| text.to_string().contains("Example"));
        if !command.has_subcommands() && !has_example {
            found.push(path.clone());
        }
        command.get_subcommands().for_each(|one| without_example(one, &path, found));
    }

    #[test]
    fn the_help_of_every_command_has_an_example() {
        let mut found = Vec::new();
        without_example(&Cli::command(), "", &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}

//! The real binary in a home of its own, and the generator of agencies' files.

use crate::Engine;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command printed and how it ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// `saphan` with `SAPHAN_HOME` under `folder`.
pub struct Saphan {
    home: PathBuf,
    database: Option<String>,
}

impl Saphan {
    pub fn new(folder: &Path) -> Self {
        Saphan::on(super::super::ENGINE, folder)
    }

    pub fn on(engine: Engine, folder: &Path) -> Self {
        let home = folder.join("var");
        Saphan { database: super::database::address(engine, &home), home }
    }

    /// Over the home of a gateway that runs.
    pub fn over(home: &Path) -> Self {
        Saphan { database: super::database::address(super::super::ENGINE, home), home: home.to_owned() }
    }

    /// The same store from a home of its own.
    pub fn in_another_home(&self, home: &Path) -> Self {
        let file = || format!("sqlite:{}", self.home.join("saphan.db").display());
        Saphan { database: Some(self.database.clone().unwrap_or_else(file)), home: home.to_owned() }
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saphan"));
        command
            .args(arguments)
            .env("SAPHAN_HOME", &self.home)
            .env("LANG", "C.UTF-8")
            .env_remove("SAPHAN_DATABASE_URL")
            .envs(self.database.iter().map(|address| ("SAPHAN_DATABASE_URL", address)))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// One round of agencies' files with their truth, by the generator that ships with the samples.
pub fn generate(folder: &Path, seed: u32, learners: u32, round: &str, dirty: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies/generate.py");
    let status = Command::new("python3")
        .arg(script)
        .args([
            "--seed",
            &seed.to_string(),
            "--learners",
            &learners.to_string(),
            "--round",
            round,
            "--dirty",
            dirty,
            "--out",
        ])
        .arg(folder)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

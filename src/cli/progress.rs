//! A progress bar when a person watches; nothing when output is piped.

use super::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Instant;

/// Progress of one file by its bytes, with rows and rate.
pub struct Progress {
    bar: ProgressBar,
    rows: u64,
    begun: Instant,
}

impl Progress {
    pub fn new(bytes: u64) -> Self {
        let bar = ProgressBar::new(bytes.max(1));
        if terminal::watched() {
            let style = ProgressStyle::with_template("  {bar:20} {percent:>3} % {msg} · {eta} left")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("█▉ ");
            bar.set_style(style);
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Progress { bar, rows: 0, begun: Instant::now() }
    }

    pub fn advance(&mut self, rows: u64, position: u64) {
        self.rows += rows;
        self.bar.set_position(position);
        self.bar.set_message(format!(
            "{} rows · {} rows/s",
            terminal::thousands(self.rows),
            terminal::thousands(self.rate())
        ));
    }

    /// Rows a second so far.
    pub fn rate(&self) -> u64 {
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        (self.rows as f64 / seconds) as u64
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

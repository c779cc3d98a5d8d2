//! A runner that answers from a script.

use std::{
    collections::VecDeque,
    io::{self, Read},
    sync::Mutex,
};

use super::{Cause, Cmd, CmdError, Output, Runner};

/// Answers from a script, and insists on the exact command lines in order.
#[derive(Debug, Default)]
pub struct ScriptedRunner(Mutex<VecDeque<(String, Output)>>);

impl ScriptedRunner {
    /// The next command must be shown as `cmd`, and writes `stdout`.
    #[must_use]
    pub fn expect(self, cmd: &str, stdout: &str) -> ScriptedRunner {
        self.answer(
            cmd,
            Output {
                stdout: stdout.into(),
                ..Output::default()
            },
        )
    }

    /// The next command must be shown as `cmd`, and ends like this.
    #[must_use]
    pub fn answer(self, cmd: &str, output: Output) -> ScriptedRunner {
        self.script().push_back((cmd.to_owned(), output));
        self
    }

    /// How many commands of the script were not run yet.
    pub fn left(&self) -> usize {
        self.script().len()
    }

    fn script(&self) -> std::sync::MutexGuard<'_, VecDeque<(String, Output)>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl ScriptedRunner {
    fn play(&self, line: &str, cmd: &Cmd) -> Result<Output, CmdError> {
        let next = self.script().pop_front();
        let (expected, output) = next.unwrap_or_else(|| panic!("nothing expected, got: {line}"));
        assert_eq!(line, expected);
        if cmd.accept.takes(output.status) {
            return Ok(output);
        }
        let cause = Cause::Exit {
            status: output.status,
            stdout: output.text(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        Err(CmdError {
            cmd: Box::new(cmd.clone()),
            cause,
        })
    }
}

impl Runner for ScriptedRunner {
    fn run_while(&self, cmd: &Cmd, _: &dyn Fn() -> bool) -> Result<Output, CmdError> {
        self.play(&cmd.to_string(), cmd)
    }

    /// One line of the script: `from | to`.
    fn pipe(
        &self,
        from: &Cmd,
        to: &Cmd,
        _: &dyn Fn() -> bool,
        _: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        self.play(&format!("{from} | {to}"), to)
    }

    /// One line of the script: `… | to`. What there is to read is read.
    fn feed(
        &self,
        mut from: Box<dyn Read + Send>,
        to: &Cmd,
        _: &dyn Fn() -> bool,
        passed: &dyn Fn(u64),
    ) -> Result<Output, CmdError> {
        passed(io::copy(&mut from, &mut io::sink()).unwrap_or_default());
        self.play(&format!("… | {to}"), to)
    }
}

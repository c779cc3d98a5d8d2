//! The unit by which systemd runs the service, systemd.service(5).

use askama::Template;
use moxnas_core::folder::FolderPath;

use super::RenderError;

#[derive(Template)]
#[template(path = "moxnas.service")]
struct View {
    program: String,
    settings: Option<String>,
}

/// Where the unit belongs.
pub const UNIT_PATH: &str = "/etc/systemd/system/moxnas.service";

/// The unit of the service: which program it is, and its settings file if it is not the usual one.
///
/// # Errors
///
/// A path that a unit cannot say.
pub fn unit(program: &FolderPath, settings: Option<&FolderPath>) -> Result<String, RenderError> {
    let view = View {
        program: command(program.as_str()),
        settings: settings.map(|it| command(it.as_str())),
    };
    let text = view.render();
    text.map_err(|cause| RenderError {
        path: UNIT_PATH.to_owned(),
        cause,
    })
}

/// As a unit says it: a percent sign begins a specifier, see systemd.unit(5).
pub(super) fn specifiers(path: &str) -> String {
    path.replace('%', "%%")
}

/// Likewise, between quotes.
pub(super) fn quoted(path: &str) -> String {
    specifiers(path).replace('\\', "\\\\").replace('"', "\\\"")
}

/// Likewise, in a command, where a dollar sign begins a variable.
fn command(path: &str) -> String {
    quoted(path).replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_systemd_is_escaped() -> Result<(), Box<dyn std::error::Error>> {
        let text = unit(
            &"/opt/a \"b\"/100%/$HOME/moxnas".parse()?,
            Some(&"/etc/nas.toml".parse()?),
        )?;
        let line = text.lines().find(|it| it.starts_with("ExecStart="));
        let said = r#"ExecStart="/opt/a \"b\"/100%%/$$HOME/moxnas" serve --config "/etc/nas.toml""#;
        assert_eq!(line, Some(said));
        Ok(())
    }
}

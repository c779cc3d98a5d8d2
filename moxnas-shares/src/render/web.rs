//! nginx in front of the interface.

use askama::Template;

use super::{ConfigSet, Places, RenderError, Service, add};
use crate::model::{Intent, WebSettings};

#[derive(Template)]
#[template(path = "nginx.conf")]
struct View<'a> {
    web: &'a WebSettings,
}

pub(super) fn render(
    intent: &Intent,
    places: &Places,
    files: &mut ConfigSet,
) -> Result<(), RenderError> {
    match &intent.settings.web {
        Some(web) => add(
            files,
            (&places.nginx, 0o644, Service::Web),
            1,
            &View { web },
        ),
        None => Ok(()),
    }
}

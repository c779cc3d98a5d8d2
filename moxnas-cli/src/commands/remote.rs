//! Other machines that take replicas, and being one.

use std::{io, process::ExitCode};

use moxnas_pool::{model::PoolName, real::SystemPools, remote::serve};
use poem::http::Method;

use super::show;
use crate::{
    cli::TargetVerb,
    failure::Failure,
    print::Printer,
    transport::{Ask, Transport, segment},
};

const TARGETS: &str = "/api/storage/targets";

/// Where sshd(8) says what was asked for.
const ASKED: &str = "SSH_ORIGINAL_COMMAND";

pub(super) async fn target(
    transport: &Transport,
    verb: TargetVerb,
    printer: &Printer,
) -> Result<(), Failure> {
    let at = |target: &str| format!("{TARGETS}/{}", segment(target));
    let ask = match verb {
        TargetVerb::List => Ask::get(TARGETS),
        TargetVerb::Show { target } => Ask::get(at(&target)),
        TargetVerb::Add(body) => Ask::with_body(Method::POST, TARGETS, &body),
        TargetVerb::Check { target } => Ask::bare(Method::POST, format!("{}/check", at(&target))),
        TargetVerb::Remove { target } => {
            transport
                .raw(&Ask::bare(Method::DELETE, at(&target)))
                .await?;
            return Ok(());
        }
    };
    show(&transport.raw(&ask).await?, printer)
}

/// Do what another machine asks for. The answer is a line of JSON, whatever comes of it.
pub(crate) fn serve(pools: &[PoolName], printer: &Printer) -> ExitCode {
    let asked = std::env::var(ASKED).unwrap_or_default();
    let machine = SystemPools::system();
    let answer = serve::answer(&machine, pools, &asked, Box::new(io::stdin()));
    printer.line(answer.render().trim_end());
    u8::try_from(answer.status()).map_or(ExitCode::FAILURE, ExitCode::from)
}

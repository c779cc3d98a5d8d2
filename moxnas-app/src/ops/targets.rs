//! The machines that replicas may be sent to.

use std::{collections::BTreeSet, sync::Arc};

use moxnas_pool::{
    model::PoolName,
    remote::{Address, Facts, Target, TargetName, UserName},
};

use crate::{
    actor::{Actor, Role},
    answers::Question,
    app::App,
    error::Error,
    operation::{Effect, Operation, Query},
    targets::{Known, TargetError},
};

/// List the machines that replicas may be sent to.
#[derive(Clone, Copy, Debug)]
pub struct TargetList;

/// Show one of them.
#[derive(Clone, Debug)]
pub struct TargetGet {
    /// Its name.
    pub target: String,
}

/// Let replicas be sent to a machine. It has to be told by its host key.
#[derive(Clone, Debug)]
pub struct TargetAdd {
    /// What it is to be called.
    pub name: TargetName,
    /// Where it is.
    pub address: Address,
    /// As whom one logs in there.
    pub user: UserName,
    /// Into which pools.
    pub pools: BTreeSet<PoolName>,
    /// The fingerprint of its host key, which somebody has compared; `None`: say which it has.
    pub host_key: Option<String>,
}

/// Ask a machine whether it takes replicas.
#[derive(Clone, Debug)]
pub struct TargetCheck {
    /// Its name.
    pub target: String,
}

/// Send no more replicas to a machine. What is there stays there.
#[derive(Clone, Debug)]
pub struct TargetRemove {
    /// Its name.
    pub target: String,
}

/// A machine that replicas may be sent to.
#[derive(Clone, Debug)]
pub struct TargetView {
    /// The machine.
    pub target: Target,
    /// The line that lets this machine in there.
    pub authorized_line: String,
}

/// A machine that was asked.
#[derive(Clone, Debug)]
pub struct TargetChecked {
    /// The machine.
    pub target: Target,
    /// What it says of its pools.
    pub pools: Vec<Arc<Facts>>,
}

operation!(
    TargetList,
    "target_list",
    Some(Role::Viewer),
    Vec<TargetView>
);
operation!(
    TargetGet,
    "target_get",
    Some(Role::Viewer),
    TargetView,
    target
);
operation!(TargetAdd, "target_add", Some(Role::Admin), TargetView, name);
operation!(
    TargetCheck,
    "target_check",
    Some(Role::Operator),
    TargetChecked,
    target
);
operation!(TargetRemove, "target_remove", Some(Role::Admin), (), target);

fn view(known: &Known, target: &Target) -> TargetView {
    TargetView {
        authorized_line: target.authorized_line(&known.public_key),
        target: target.clone(),
    }
}

/// The target of this name.
pub(crate) fn found<'a>(known: &'a Known, name: &str) -> Result<&'a Target, Error> {
    known.find(name).ok_or_else(|| Error::NotFound {
        what: "target",
        name: name.to_owned(),
    })
}

impl Query for TargetList {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<Vec<TargetView>, Error> {
        let known = app.targets.known();
        Ok(known.all.iter().map(|it| view(&known, it)).collect())
    }
}

impl Query for TargetGet {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<TargetView, Error> {
        let known = app.targets.known();
        Ok(view(&known, found(&known, &self.target)?))
    }
}

impl Query for TargetAdd {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<TargetView, Error> {
        app.check_right()?;
        let TargetAdd {
            name,
            address,
            user,
            pools,
            host_key,
        } = self;
        if pools.is_empty() {
            return Err(TargetError::NoPool.into());
        }
        let taken = || TargetError::NameTaken(name.to_string());
        if app.targets.known().find(name.as_str()).is_some() {
            return Err(taken().into());
        }
        let at = address.clone();
        let keys = app
            .with_machine(move |it| it.targets.host_keys(&at))
            .await??;
        let Some(confirmed) = host_key else {
            return Err(TargetError::KeyNotConfirmed { address, keys }.into());
        };
        let Some(host_key) = keys
            .iter()
            .find(|it| it.fingerprint() == confirmed)
            .cloned()
        else {
            return Err(TargetError::OtherKey {
                address,
                confirmed,
                keys,
            }
            .into());
        };
        let public_key = app.with_machine(|it| it.targets.public_key()).await??;
        let target = Target {
            name: name.clone(),
            address,
            user,
            pools,
            host_key,
        };
        let known = app.change_targets(|it| {
            if it.find(name.as_str()).is_some() {
                return Err(taken());
            }
            it.public_key = public_key;
            it.all.push(target.clone());
            Ok(())
        })?;
        Ok(view(&known, &target))
    }
}

impl Query for TargetCheck {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<TargetChecked, Error> {
        let target = found(&app.targets.known(), &self.target)?.clone();
        let mut pools = Vec::new();
        for pool in &target.pools {
            let question = Question::Target(Box::new(target.clone()), pool.clone());
            let seen = app.ask(question).await?;
            pools.push(Arc::clone(seen.there(&target.name, pool)?));
        }
        Ok(TargetChecked { target, pools })
    }
}

impl Query for TargetRemove {
    const EFFECT: Effect = Effect::Write;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<(), Error> {
        app.check_right()?;
        found(&app.targets.known(), &self.target)?;
        app.change_targets(|it| {
            it.all.retain(|it| it.name.as_str() != self.target);
            Ok(())
        })?;
        Ok(())
    }
}

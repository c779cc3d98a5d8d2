//! Plans of users and groups of the machine.

use std::sync::Arc;

use moxnas_app::{
    Actor, App, Operation,
    ops::accounts::{
        AccountAdopt, AccountCreate, AccountDelete, AccountPasswd, AccountSambaAdd,
        AccountSambaRemove, AccountSet, GroupAdopt, GroupCreate, GroupDelete, GroupMembers,
    },
};

use super::{Wish, done, wire};
use crate::{
    problem::Answer,
    wire::accounts::{
        AccountNewPassword, ChangeAccount, ChangeMembers, CreateAccount, CreateGroup,
    },
};

/// The plan of one of these operations.
pub(super) async fn plan(
    app: &Arc<App>,
    actor: &Actor,
    operation: &str,
    wish: Wish,
) -> Answer<wire::Plan> {
    let mut it = wish;
    match operation {
        AccountCreate::NAME => {
            let change = it.body::<CreateAccount>()?.wish()?;
            done(app, actor, it, change).await
        }
        AccountSet::NAME => {
            let user = it.path("user")?;
            let change = it.body::<ChangeAccount>()?.of(user)?;
            done(app, actor, it, change).await
        }
        AccountPasswd::NAME => {
            let user = it.path("user")?;
            let change = it.body::<AccountNewPassword>()?.of(user);
            done(app, actor, it, change).await
        }
        AccountSambaAdd::NAME => {
            let user = it.path("user")?;
            let change = it.body::<AccountNewPassword>()?.add_to_samba(user);
            done(app, actor, it, change).await
        }
        AccountSambaRemove::NAME => {
            let user = it.path("user")?;
            done(app, actor, it, AccountSambaRemove { user }).await
        }
        AccountDelete::NAME => {
            let user = it.path("user")?;
            done(app, actor, it, AccountDelete { user }).await
        }
        AccountAdopt::NAME => {
            let user = it.path("user")?;
            done(app, actor, it, AccountAdopt { user }).await
        }
        GroupCreate::NAME => {
            let change = it.body::<CreateGroup>()?.wish()?;
            done(app, actor, it, change).await
        }
        GroupMembers::NAME => {
            let group = it.path("group")?;
            let change = it.body::<ChangeMembers>()?.of(group);
            done(app, actor, it, change).await
        }
        GroupDelete::NAME => {
            let group = it.path("group")?;
            done(app, actor, it, GroupDelete { group }).await
        }
        _ => {
            let group = it.path("group")?;
            done(app, actor, it, GroupAdopt { group }).await
        }
    }
}

/// The operations that can be planned here.
pub(super) const OPERATIONS: [&str; 11] = [
    AccountAdopt::NAME,
    AccountCreate::NAME,
    AccountDelete::NAME,
    AccountPasswd::NAME,
    AccountSambaAdd::NAME,
    AccountSambaRemove::NAME,
    AccountSet::NAME,
    GroupAdopt::NAME,
    GroupCreate::NAME,
    GroupDelete::NAME,
    GroupMembers::NAME,
];

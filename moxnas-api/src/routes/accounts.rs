//! Users and groups of the machine.

use moxnas_app::ops::accounts::{
    AccountAdopt, AccountDelete, AccountGet, AccountList, AccountSambaRemove, GroupAdopt,
    GroupDelete, GroupList, GroupMembers, group,
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use super::{Page, Tag, arrays::Done, look, shares::segment, terms};
use crate::{
    Shared,
    caller::Caller,
    input::Input,
    problem::Answer,
    wire::accounts::{self as wire, people},
};

/// Users of the machine.
pub(crate) struct Accounts;

/// Groups of the machine.
pub(crate) struct Groups;

/// A new user.
#[derive(ApiResponse)]
pub(crate) enum CreatedAccount {
    /// The user is there, everywhere
    #[oai(status = 201)]
    Created(
        Json<wire::Account>,
        /// Where it is
        #[oai(header = "Location")]
        String,
    ),
}

/// A new group.
#[derive(ApiResponse)]
pub(crate) enum CreatedGroup {
    /// The group is there
    #[oai(status = 201)]
    Created(
        Json<wire::Group>,
        /// Where it is
        #[oai(header = "Location")]
        String,
    ),
}

#[OpenApi(prefix_path = "/accounts/users", tag = "Tag::Accounts")]
impl Accounts {
    /// List the users of the machine
    #[oai(path = "/", method = "get", operation_id = "account_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
        /// Also those that belong to the system and not to a person
        system: Query<Option<bool>>,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::AccountPage>> {
        let wanted = Page::new(limit.0, cursor.0)?;
        let view = app.call_after(look(fresh.0), &caller.actor, AccountList);
        let view = view.await?;
        let (people, as_of) = people(&view);
        let all = people.users.iter();
        let some = all.filter(|it| system.0 == Some(true) || !it.is_of_system());
        let (items, next) = wanted.cut(some.collect(), |it| it.name.to_string());
        Ok(Json(wire::AccountPage {
            items: items.into_iter().map(wire::Account::from).collect(),
            next,
            errors: people.errors.clone(),
            as_of,
        }))
    }

    /// Make a user of the machine
    ///
    /// In the system and, if wished, in Samba: the user is disabled until everything is done, and the
    /// same request goes on where one was cut short. The number was nobody's before and is never given
    /// again.
    #[oai(path = "/", method = "post", operation_id = "account_create")]
    async fn create(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::CreateAccount>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<CreatedAccount> {
        let wish = body.0.wish()?;
        let user = wish.user.clone();
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        let made = shown(&app, &caller, user).await?;
        let location = format!("/api/accounts/users/{}", segment(&made.name));
        Ok(CreatedAccount::Created(Json(made), location))
    }

    /// Show a user of the machine
    #[oai(path = "/:user", method = "get", operation_id = "account_get")]
    async fn get(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the user
        user: Path<String>,
    ) -> Answer<Json<wire::Account>> {
        shown(&app, &caller, user.0).await.map(Json)
    }

    /// Change what is known of a user, and whether it is let in
    #[oai(path = "/:user", method = "patch", operation_id = "account_set")]
    async fn set(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the user
        user: Path<String>,
        body: Input<wire::ChangeAccount>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Account>> {
        let wish = body.0.of(user.0.clone())?;
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        shown(&app, &caller, user.0).await.map(Json)
    }

    /// Delete a user of the machine
    ///
    /// Files stay, and belong to a number that is never given again.
    #[oai(path = "/:user", method = "delete", operation_id = "account_delete")]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the user
        user: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let wish = AccountDelete { user: user.0 };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }

    /// Set the password of a user, in the system and in Samba at once
    #[oai(
        path = "/:user/password",
        method = "put",
        operation_id = "account_passwd"
    )]
    async fn passwd(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the user
        user: Path<String>,
        body: Input<wire::AccountNewPassword>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let wish = body.0.of(user.0);
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }

    /// Have Samba know a user
    ///
    /// Samba cannot know the password of the system, so it is set anew for both.
    #[oai(
        path = "/:user/samba",
        method = "put",
        operation_id = "account_samba_add"
    )]
    async fn add_to_samba(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the user
        user: Path<String>,
        body: Input<wire::AccountNewPassword>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let wish = body.0.add_to_samba(user.0);
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }

    /// Have Samba forget a user
    #[oai(
        path = "/:user/samba",
        method = "delete",
        operation_id = "account_samba_remove"
    )]
    async fn remove_from_samba(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the user
        user: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let wish = AccountSambaRemove { user: user.0 };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }

    /// Take a user over who was made by somebody else
    #[oai(path = "/:user/adopt", method = "post", operation_id = "account_adopt")]
    async fn adopt(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the user
        user: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Account>> {
        let wish = AccountAdopt {
            user: user.0.clone(),
        };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        shown(&app, &caller, user.0).await.map(Json)
    }
}

async fn shown(app: &Shared, caller: &Caller, user: String) -> Answer<wire::Account> {
    let view = app.call(&caller.actor, AccountGet { user }).await?;
    Ok(view.into())
}

#[OpenApi(prefix_path = "/accounts/groups", tag = "Tag::Accounts")]
impl Groups {
    /// List the groups of the machine
    #[oai(path = "/", method = "get", operation_id = "group_list")]
    async fn list(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// How many at most, 1 to 1000; 100 if left out
        limit: Query<Option<usize>>,
        /// `next` of the page before
        cursor: Query<Option<String>>,
        /// Also those that belong to the system
        system: Query<Option<bool>>,
        /// Look at the machine first
        fresh: Query<Option<bool>>,
    ) -> Answer<Json<wire::GroupPage>> {
        let wanted = Page::new(limit.0, cursor.0)?;
        let view = app.call_after(look(fresh.0), &caller.actor, GroupList);
        let view = view.await?;
        let (people, as_of) = people(&view);
        let all = people.groups.iter();
        let some = all.filter(|it| system.0 == Some(true) || !it.is_of_system());
        let (items, next) = wanted.cut(some.collect(), |it| it.name.to_string());
        let items = items.into_iter().map(wire::Group::from).collect();
        Ok(Json(wire::GroupPage { items, next, as_of }))
    }

    /// Make a group of the machine
    #[oai(path = "/", method = "post", operation_id = "group_create")]
    async fn create(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        body: Input<wire::CreateGroup>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<CreatedGroup> {
        let wish = body.0.wish()?;
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        let made = shown_group(&app, &caller, &body.0.name).await?;
        let location = format!("/api/accounts/groups/{}", segment(&made.name));
        Ok(CreatedGroup::Created(Json(made), location))
    }

    /// Put users into a group, and take others out
    #[oai(
        path = "/:group/members",
        method = "post",
        operation_id = "group_members"
    )]
    async fn members(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the group
        group: Path<String>,
        body: Input<wire::ChangeMembers>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Group>> {
        let wish: GroupMembers = body.0.of(group.0.clone());
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        shown_group(&app, &caller, &group.0).await.map(Json)
    }

    /// Delete a group of the machine
    ///
    /// Files stay, and belong to a number that is never given again.
    #[oai(path = "/:group", method = "delete", operation_id = "group_delete")]
    async fn delete(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the group
        group: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Done> {
        let wish = GroupDelete { group: group.0 };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        Ok(Done::Done)
    }

    /// Take a group over that was made by somebody else
    #[oai(path = "/:group/adopt", method = "post", operation_id = "group_adopt")]
    async fn adopt(
        &self,
        app: Data<&Shared>,
        caller: Caller,
        /// Name of the group
        group: Path<String>,
        /// Fingerprint of the plan that you agree with
        #[oai(name = "X-Confirm-Plan")]
        confirm: Header<Option<String>>,
    ) -> Answer<Json<wire::Group>> {
        let wish = GroupAdopt {
            group: group.0.clone(),
        };
        let terms = terms(confirm.0, None)?;
        app.change(&caller.actor, wish, terms).await?;
        shown_group(&app, &caller, &group.0).await.map(Json)
    }
}

async fn shown_group(app: &Shared, caller: &Caller, name: &str) -> Answer<wire::Group> {
    let view = app.call(&caller.actor, GroupList).await?;
    Ok(group(people(&view).0, name)?.into())
}

//! A simulated machine with users.

use std::sync::Arc;

use moxnas_core::{
    plan::Plan,
    sim::{Fault, SimMachine},
};
use moxnas_shares::accounts::{
    AccountBackend, Change, Refusal, Secret, Step,
    backend::execute,
    model::{Account, Accounts, Standing},
    plan::{CreateUser, Database, plan},
    sim::SimAccounts,
};

pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const OTHER: &str = "battery staple";

/// By ssh-keygen of OpenSSH 9.2p1.
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK/bv8krnPyTKbXyULm6hwQps4IHOWxy7ylY6moQAMLU me@laptop";

pub(crate) struct World {
    pub(crate) machine: Arc<SimMachine>,
    pub(crate) accounts: SimAccounts,
}

impl World {
    pub(crate) fn new() -> World {
        let machine = SimMachine::new(7);
        World {
            accounts: SimAccounts::new(Arc::clone(&machine)),
            machine,
        }
    }

    /// With a group `family`, and in it `alice`, whom Samba knows.
    pub(crate) fn with_alice() -> World {
        let world = World::new();
        world.run(&create_group("family"));
        world.run(&alice());
        world
    }

    pub(crate) fn seen(&self) -> Accounts {
        self.accounts.observe().unwrap()
    }

    pub(crate) fn user(&self, name: &str) -> Account {
        self.seen().user(name).unwrap().clone()
    }

    pub(crate) fn standing(&self, name: &str) -> Standing {
        self.user(name).standing()
    }

    pub(crate) fn plan(&self, change: &Change) -> Result<Plan<Step>, Refusal> {
        plan(&self.seen(), change)
    }

    pub(crate) fn run(&self, change: &Change) {
        let plan = self.plan(change).unwrap();
        execute(&self.accounts, &plan.steps).unwrap();
    }

    pub(crate) fn refused(&self, change: &Change) -> &'static str {
        let refusal = self.plan(change).unwrap_err();
        assert!(refusal.hint().is_some(), "{refusal}");
        refusal.code()
    }

    pub(crate) fn fail(&self, matching: &str) {
        let matching = matching.to_owned();
        self.machine.inject(Fault::StepFails { matching });
    }

    /// What a user is let in with, by the system and by Samba.
    pub(crate) fn opens(&self, user: &str, password: &str) -> (bool, bool) {
        let by = |it| self.accounts.lets_in(it, user, password);
        (by(Database::SYSTEM), by(Database::Samba))
    }
}

pub(crate) fn wish(name: &str) -> CreateUser {
    CreateUser::new(name.parse().unwrap())
}

pub(crate) fn create(wish: CreateUser) -> Change {
    Change::CreateUser(wish)
}

pub(crate) fn alice() -> Change {
    create(CreateUser {
        full_name: "Alice Example".parse().unwrap(),
        groups: vec!["family".to_owned()],
        password: Some(Secret::new(PASSWORD)),
        samba: true,
        ..wish("alice")
    })
}

pub(crate) fn create_group(name: &str) -> Change {
    Change::CreateGroup {
        name: name.parse().unwrap(),
        gid: None,
    }
}

/// A change that needs a name only.
pub(crate) fn of(name: &str, change: fn(String) -> Change) -> Change {
    change(name.to_owned())
}

pub(crate) fn enable(user: String) -> Change {
    Change::EnableUser { user }
}

pub(crate) fn disable(user: String) -> Change {
    Change::DisableUser { user }
}

pub(crate) fn delete(user: String) -> Change {
    Change::DeleteUser { user }
}

pub(crate) fn adopt(user: String) -> Change {
    Change::AdoptUser { user }
}

pub(crate) fn delete_group(group: String) -> Change {
    Change::DeleteGroup { group }
}

pub(crate) fn adopt_group(group: String) -> Change {
    Change::AdoptGroup { group }
}

pub(crate) fn force_change(user: String) -> Change {
    Change::ForceChange { user }
}

pub(crate) fn leave_samba(user: String) -> Change {
    Change::RemoveFromSamba { user }
}

pub(crate) fn set_password(user: &str, password: &str) -> Change {
    Change::SetPassword {
        user: user.to_owned(),
        password: Secret::new(password),
        must_change: false,
    }
}

pub(crate) fn add_to_samba(user: &str) -> Change {
    Change::AddToSamba {
        user: user.to_owned(),
        password: Secret::new(OTHER),
    }
}

pub(crate) fn expire(user: &str, on: Option<&str>) -> Change {
    Change::ExpireUser {
        user: user.to_owned(),
        on: on.map(|it| it.parse().unwrap()),
    }
}

pub(crate) fn members(
    group: &str,
    users: &[&str],
    change: fn(String, Vec<String>) -> Change,
) -> Change {
    let users = users.iter().map(|it| (*it).to_owned());
    change(group.to_owned(), users.collect())
}

pub(crate) fn add(group: String, users: Vec<String>) -> Change {
    Change::AddMembers { group, users }
}

pub(crate) fn remove(group: String, users: Vec<String>) -> Change {
    Change::RemoveMembers { group, users }
}

/// Somebody else makes users and groups by hand.
pub(crate) fn by_hand(world: &World, files: &[(&str, &str)]) {
    let mut state = world.machine.state();
    for (path, lines) in files {
        let text = state.files.get_mut(*path).unwrap();
        text.push_str(lines);
    }
}

//! Every command that MoxNAS can run on behalf of accounts.
//!
//! Passwords go through standard input, which nothing shows: arguments are in `/proc` for all to
//! read.

use moxnas_core::cmd::{Cmd, Tool};

use crate::{
    accounts::{
        Day, Secret,
        plan::{Database, Step},
    },
    model::UserName,
};

const USERADD: Tool = Tool::new("useradd").of("passwd");
const USERMOD: Tool = Tool::new("usermod").of("passwd");
const USERDEL: Tool = Tool::new("userdel").of("passwd");
const GROUPADD: Tool = Tool::new("groupadd").of("passwd");
const GROUPDEL: Tool = Tool::new("groupdel").of("passwd");
const GPASSWD: Tool = Tool::new("gpasswd").of("passwd");
const CHPASSWD: Tool = Tool::new("chpasswd").of("passwd");
const CHAGE: Tool = Tool::new("chage").of("passwd");
const SMBPASSWD: Tool = Tool::new("smbpasswd").of("samba-common-bin");
const PDBEDIT: Tool = Tool::new("pdbedit").of("samba-common-bin");
const NET: Tool = Tool::new("net").of("samba-common-bin");

/// The commands of a step, in their order; none for what is only written down. What has to be done
/// when one of [`Step::SetPassword`] fails is [`put_back`].
#[must_use]
pub fn argv(step: &Step) -> Vec<Cmd> {
    vec![match step {
        Step::NoteUser { .. } | Step::NoteGroup { .. } | Step::SetKeys { .. } => return Vec::new(),
        Step::CreateGroup { group, gid } => {
            let cmd = Cmd::new(GROUPADD).arg("--gid").arg(gid.to_string());
            cmd.args(["--", group.as_str()])
        }
        Step::DeleteGroup { group } => Cmd::new(GROUPDEL).args(["--", group.as_str()]),
        Step::CreateUser {
            user,
            uid,
            gid,
            full_name,
            home,
            shell,
        } => Cmd::new(USERADD)
            .arg("--uid")
            .arg(uid.to_string())
            .arg("--gid")
            .arg(gid.to_string())
            .args(["--no-user-group", "--no-create-home"])
            // No numbers for containers: they are given again when the user is gone.
            .args(["--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0"])
            .args(["--comment", full_name.as_str(), "--home-dir", home])
            .args(["--shell", shell])
            .args(["--expiredate", &Day::DISABLED.number().to_string()])
            .args(["--", user.as_str()]),
        Step::ChangeUser {
            user,
            full_name,
            home,
            shell,
        } => {
            let mut cmd = Cmd::new(USERMOD);
            if let Some(it) = full_name {
                cmd = cmd.args(["--comment", it.as_str()]);
            }
            for (option, it) in [("--home", home), ("--shell", shell)] {
                if let Some(it) = it {
                    cmd = cmd.args([option, it]);
                }
            }
            cmd.args(["--", user.as_str()])
        }
        Step::DeleteUser { user } => Cmd::new(USERDEL).args(["--", user.as_str()]),
        Step::AddMember { group, user } => {
            Cmd::new(GPASSWD).args(["--add", user.as_str(), "--", group.as_str()])
        }
        Step::RemoveMember { group, user } => {
            Cmd::new(GPASSWD).args(["--delete", user.as_str(), "--", group.as_str()])
        }
        Step::AddToSamba { user } => {
            let add = Cmd::new(SMBPASSWD).args(["-a", "-d", user.as_str()]);
            return vec![add, disable_in_samba(user)];
        }
        Step::RemoveFromSamba { user } => {
            Cmd::new(PDBEDIT).args(["--delete".to_owned(), format!("--user={user}")])
        }
        Step::SetPassword {
            user,
            password,
            samba,
        } => {
            let in_samba = samba.then(|| set_in_samba(user, password));
            let in_system = set_in_system(user, password);
            return [in_system].into_iter().chain(in_samba).collect();
        }
        Step::Enable {
            user,
            database: Database::System { unlock },
            expires,
        } => {
            let cmd = Cmd::new(USERMOD);
            // Where none is locked, usermod(8) says that there is none.
            let cmd = match unlock {
                true => cmd.arg("--unlock"),
                false => cmd,
            };
            cmd.args(["--expiredate", &shadow_day(*expires)])
                .args(["--", user.as_str()])
        }
        Step::Enable {
            user,
            database: Database::Samba,
            expires,
        } => kickoff(user, *expires).arg("--account-control=[]"),
        Step::Disable {
            user,
            database: Database::System { .. },
        } => Cmd::new(USERMOD)
            .args(["--lock", "--expiredate", &shadow_day(Some(Day::DISABLED))])
            .args(["--", user.as_str()]),
        Step::Disable {
            user,
            database: Database::Samba,
        } => disable_in_samba(user),
        Step::Expire {
            user,
            database: Database::System { .. },
            on,
        } => Cmd::new(USERMOD)
            .args(["--expiredate", &shadow_day(*on)])
            .args(["--", user.as_str()]),
        Step::Expire {
            user,
            database: Database::Samba,
            on,
        } => kickoff(user, *on),
        Step::ForceChange {
            user,
            database: Database::System { .. },
        } => changed_on(user, 0),
        Step::ForceChange {
            user,
            database: Database::Samba,
        } => Cmd::new(NET).args(["sam", "set", "pwdmustchangenow", user.as_str(), "yes"]),
    }]
}

/// Ask Samba whom it knows. Of its two forms the other one has hashes in it.
#[must_use]
pub fn look() -> Cmd {
    Cmd::new(PDBEDIT).args(["--list", "--verbose"])
}

/// Set the password of the system, by way of PAM. It takes a lock away.
#[must_use]
pub fn set_in_system(user: &UserName, password: &Secret) -> Cmd {
    Cmd::new(CHPASSWD).stdin(format!("{user}:{}\n", password.reveal()))
}

/// Set the password of Samba. It enables the entry.
#[must_use]
pub fn set_in_samba(user: &UserName, password: &Secret) -> Cmd {
    let text = password.reveal();
    Cmd::new(SMBPASSWD)
        .args(["-s", user.as_str()])
        .stdin(format!("{text}\n{text}\n"))
}

/// Lock the password of the system.
#[must_use]
pub fn lock(user: &UserName) -> Cmd {
    Cmd::new(USERMOD).args(["--lock", "--", user.as_str()])
}

/// Have the system go by what was in `/etc/shadow` before.
#[must_use]
pub fn put_back(user: &UserName, field: &Secret, changed: i64) -> [Cmd; 2] {
    let text = format!("{user}:{}\n", field.reveal());
    let back = Cmd::new(CHPASSWD).arg("--encrypted").stdin(text);
    [back, changed_on(user, changed)]
}

/// Disable an entry of Samba.
#[must_use]
pub fn disable_in_samba(user: &UserName) -> Cmd {
    kickoff(user, Some(Day::DISABLED)).arg("--account-control=[D]")
}

fn kickoff(user: &UserName, day: Option<Day>) -> Cmd {
    let at = day.map_or("never".to_owned(), |it| it.seconds().to_string());
    Cmd::new(PDBEDIT)
        .arg("--modify")
        .arg(format!("--user={user}"))
        .arg(format!("--kickoff-time={at}"))
}

fn changed_on(user: &UserName, day: i64) -> Cmd {
    let cmd = Cmd::new(CHAGE).arg("--lastday").arg(day.to_string());
    cmd.args(["--", user.as_str()])
}

/// As a number: a date would be taken for one of the local time zone. Nothing is never.
fn shadow_day(day: Option<Day>) -> String {
    day.map(|it| it.number().to_string()).unwrap_or_default()
}

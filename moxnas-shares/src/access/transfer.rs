//! What vsftpd(8) and sshd(8) make of a user, as their files are rendered: who is named by a share
//! sees it mounted in a folder of their own, read-only if nobody lets them write to it.

use super::{
    Facts, Ids, Protocol, Question, Remedy, Rule, Who,
    answer::Chain,
    explain::{Session, Sight, offered},
};
use crate::{
    accounts::model::{Password, Standing},
    model::{Intent, Share, Transfer, TransferUser, UserName},
};

pub(super) fn session(
    question: &Question,
    share: &Share,
    facts: &Facts,
    chain: &mut Chain,
) -> Option<Session> {
    let by = question.by;
    let transfer = offered(share, by, of(share, by), chain)?;
    let Who::User(name) = &question.who else {
        chain.deny(Rule::Account, "nobody is let in without a name", None);
        return None;
    };
    account(by, name, facts, chain);
    let is_named = transfer.users.iter().any(|it| it.user == *name);
    let user = || Remedy::AddTransferUser(share.name.clone(), by, name.clone(), false);
    match is_named {
        true => chain.allow(Rule::ValidUsers, format!("{name} is named")),
        false => chain.deny(Rule::ValidUsers, format!("{name} is not named"), user()),
    }
    writes(question, share, name, &facts.intent, chain);
    let Some(ids) = Ids::of(&facts.accounts, name) else {
        chain.unknown(Rule::AsWhom, format!("the numbers of {name} are not known"));
        return None;
    };
    chain.allow(Rule::AsWhom, format!("{ids}, in a folder of their own"));
    Some(Session {
        ids,
        is_nameless: false,
        sight: Sight::FromTheShare,
    })
}

fn of(share: &Share, by: Protocol) -> Option<&Transfer> {
    match by {
        Protocol::Ftp => share.ftp.as_ref(),
        _ => share.sftp.as_ref(),
    }
}

/// A key is as good as a password for sshd, and nothing for vsftpd.
fn account(by: Protocol, name: &UserName, facts: &Facts, chain: &mut Chain) {
    let Some(user) = facts.accounts.user(name.as_str()) else {
        chain.unknown(Rule::Account, "it is no user of the machine's own files");
        return;
    };
    let needs_password = by == Protocol::Ftp && user.password != Password::Set;
    let remedy = || Remedy::EnableAccount(user.name.clone());
    match user.system_standing() {
        Standing::Enabled if user.uid == 0 => {
            chain.deny(Rule::Account, "root does not log in here", None);
        }
        Standing::Enabled if needs_password => {
            chain.deny(Rule::Account, "the account has no password", remedy());
        }
        Standing::Enabled => chain.allow(Rule::Account, "the account is enabled"),
        standing => chain.deny(
            Rule::Account,
            format!("the account is {standing}"),
            remedy(),
        ),
    }
}

/// One mount serves both protocols, so whoever may write by one of them can by the other; vsftpd
/// itself says of a user whether they may write at all.
fn writes(question: &Question, share: &Share, name: &UserName, intent: &Intent, chain: &mut Chain) {
    if !question.wish.changes() {
        chain.skip(Rule::ReadOnly, "nothing is to be changed");
        return;
    }
    let writes = |it: &Transfer| {
        let is_it = |it: &TransferUser| it.user == *name && it.write;
        it.users.iter().any(is_it)
    };
    let by_any = share.enabled && [&share.ftp, &share.sftp].into_iter().flatten().any(writes);
    let by_ftp = question.by != Protocol::Ftp || intent.ftp().any(|(_, it)| writes(it));
    let remedy = || Remedy::AddTransferUser(share.name.clone(), question.by, name.clone(), true);
    match (by_any, by_ftp) {
        (true, true) => chain.allow(
            Rule::ReadOnly,
            "it is mounted for them such that they may write",
        ),
        (false, _) => chain.deny(Rule::ReadOnly, "it is mounted read-only for them", remedy()),
        (true, false) => chain.deny(Rule::ReadOnly, "vsftpd lets them write nowhere", remedy()),
    }
}

//! Shares as NFS offers them.

use clap::Args;
use moxnas_app::{
    Seen,
    ops::shares::{FaceCreate, FaceReplace, FaceSet, OfNfs, ShareView},
};
use moxnas_shares::{
    model::{self, Access, ClientOptions, Nfs, NfsRule},
    render::Service,
};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::{Common, ShareStanding, change_whole, one, unless_empty};
use crate::problem::Answer;

/// One page of shares of NFS
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct NfsSharePage {
    /// The shares, by name
    pub items: Vec<NfsShare>,
    /// Where the next page begins; left out on the last one
    pub next: Option<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// A folder that NFS offers
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct NfsShare {
    /// What it is known by; the same as `name`
    pub id: String,
    /// What it is known by
    pub name: String,
    /// The folder, which is what clients mount
    pub path: String,
    /// What it is for
    pub description: String,
    /// Whether it is offered at present
    pub enabled: bool,
    /// The pool that it is in; left out: in none that is mounted
    pub storage_pool: Option<String>,
    /// Whether it is served as it is meant; left out while it is not offered
    pub standing: Option<ShareStanding>,
    /// To which machines, each in its own way
    pub clients: Vec<NfsClient>,
    /// How the kernel tells this export from others: `root`, a number, or a UUID; left out: by the
    /// filesystem that it is on
    pub fsid: Option<String>,
    /// When it was made
    pub created_at: OffsetDateTime,
    /// When it was made otherwise last
    pub updated_at: OffsetDateTime,
}

/// Who is taken for nobody
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Squash {
    /// Root of the clients
    Root,
    /// Everybody
    All,
    /// Nobody, so that root of each client may do everything
    None,
}

/// How a client says who its users are
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Security {
    /// By number, unproved
    Sys,
    /// Kerberos proves who it is
    Krb5,
    /// And that nothing was changed on the way
    Krb5i,
    /// And nobody can read it on the way
    Krb5p,
}

/// Machines that may mount an export, and what they may do
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NfsClient {
    /// An address, a network as 192.168.1.0/24, a name, a pattern as *.example.org, a group of machines as
    /// @office, or * for anybody
    #[oai(validator(min_length = 1, max_length = 255))]
    pub client: String,
    /// Whether they may write
    #[oai(default)]
    pub write: bool,
    /// Who is taken for nobody; left out: root
    pub squash: Option<Squash>,
    /// The number of nobody; left out: 65534
    pub anonuid: Option<u32>,
    /// The number of the group of nobody; left out: 65534
    pub anongid: Option<u32>,
    /// How they say who their users are, the best first; nothing named: by number
    #[oai(default, validator(max_items = 4))]
    pub sec: Vec<Security>,
    /// Whether it is looked up at each access that a file is below the export
    #[oai(default)]
    pub subtree_check: bool,
    /// Answer before a write is on the disk: a crash loses data that were said to be written
    #[oai(default)]
    pub asynchronous: bool,
    /// Take requests from ports that any user of the client can have
    #[oai(default)]
    pub insecure_ports: bool,
    /// Show what is mounted below the export too
    #[oai(default)]
    pub crossmnt: bool,
}

/// Offer a folder by NFS
#[derive(Clone, Debug, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct CreateNfsShare {
    /// What it is to be known by
    #[oai(validator(max_length = 80))]
    pub name: String,
    /// The folder; may be left out for a share that another protocol offers already
    #[arg(long, value_name = "PATH")]
    #[oai(validator(max_length = 1024))]
    pub path: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    #[oai(validator(max_length = 255))]
    pub description: Option<String>,
    /// Whether it is offered at once
    #[arg(long, value_name = "true|false")]
    pub enabled: Option<bool>,
    /// To which machines: an address, a network, a name, a pattern, @GROUP or *; behind it `=rw` and other
    /// words of exports(5), such as 192.168.1.0/24=rw,all_squash
    #[arg(long = "client", value_name = "CLIENT[=OPTIONS]", value_parser = client, required = true)]
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub clients: Vec<NfsClient>,
    /// How the kernel is to tell this export from others: `root`, a number, or a UUID
    #[arg(long, value_name = "FSID")]
    #[oai(validator(max_length = 36))]
    pub fsid: Option<String>,
}

/// What is to be different about a share of NFS; what is left out stays as it is
#[derive(Clone, Debug, Default, PartialEq, Object, Args)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct ChangeNfsShare {
    /// The folder
    #[arg(long, value_name = "PATH")]
    #[oai(validator(max_length = 1024))]
    pub path: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    #[oai(validator(max_length = 255))]
    pub description: Option<String>,
    /// Whether it is offered at present
    #[arg(long, value_name = "true|false")]
    pub enabled: Option<bool>,
    /// To which machines, in place of all that are named: an address, a network, a name, a pattern, @GROUP
    /// or *; behind it `=rw` and other words of exports(5)
    #[arg(long = "client", value_name = "CLIENT[=OPTIONS]", value_parser = client)]
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub clients: Option<Vec<NfsClient>>,
    /// How the kernel is to tell this export from others: `root`, a number, or a UUID; empty: by the
    /// filesystem that it is on
    #[arg(long, value_name = "FSID")]
    #[oai(validator(max_length = 36))]
    pub fsid: Option<String>,
}

/// A client as the command line names it, in the words of exports(5).
fn client(text: &str) -> Result<NfsClient, String> {
    let (name, words) = text.split_once('=').unwrap_or((text, ""));
    let mut client = NfsClient {
        client: name.to_owned(),
        write: false,
        squash: None,
        anonuid: None,
        anongid: None,
        sec: Vec::new(),
        subtree_check: false,
        asynchronous: false,
        insecure_ports: false,
        crossmnt: false,
    };
    for word in words.split(',').filter(|it| !it.is_empty()) {
        let unknown = || format!("{word:?} is no option that MoxNAS takes");
        let number = |it: &str| it.parse().map_err(|_| unknown());
        match word {
            "rw" => client.write = true,
            "ro" => client.write = false,
            "root_squash" => client.squash = Some(Squash::Root),
            "all_squash" => client.squash = Some(Squash::All),
            "no_root_squash" => client.squash = Some(Squash::None),
            "subtree_check" => client.subtree_check = true,
            "no_subtree_check" => client.subtree_check = false,
            "async" => client.asynchronous = true,
            "sync" => client.asynchronous = false,
            "insecure" => client.insecure_ports = true,
            "secure" => client.insecure_ports = false,
            "crossmnt" => client.crossmnt = true,
            _ => match word.split_once('=') {
                Some(("anonuid", it)) => client.anonuid = Some(number(it)?),
                Some(("anongid", it)) => client.anongid = Some(number(it)?),
                Some(("sec", all)) => {
                    for it in all.split(':') {
                        client.sec.push(match it {
                            "sys" => Security::Sys,
                            "krb5" => Security::Krb5,
                            "krb5i" => Security::Krb5i,
                            "krb5p" => Security::Krb5p,
                            _ => return Err(unknown()),
                        });
                    }
                }
                _ => return Err(unknown()),
            },
        }
    }
    Ok(client)
}

fn rules(clients: &[NfsClient]) -> Answer<Vec<NfsRule>> {
    clients.iter().map(rule).collect()
}

fn rule(it: &NfsClient) -> Answer<NfsRule> {
    let NfsClient {
        client,
        write,
        squash,
        anonuid,
        anongid,
        sec,
        subtree_check,
        asynchronous,
        insecure_ports,
        crossmnt,
    } = it;
    Ok(NfsRule {
        client: one("clients", client)?,
        options: ClientOptions {
            access: match write {
                true => Access::ReadWrite,
                false => Access::ReadOnly,
            },
            squash: match squash {
                None | Some(Squash::Root) => model::Squash::Root,
                Some(Squash::All) => model::Squash::All,
                Some(Squash::None) => model::Squash::None,
            },
            anonuid: *anonuid,
            anongid: *anongid,
            sec: sec
                .iter()
                .map(|it| match it {
                    Security::Sys => model::Security::Sys,
                    Security::Krb5 => model::Security::Krb5,
                    Security::Krb5i => model::Security::Krb5i,
                    Security::Krb5p => model::Security::Krb5p,
                })
                .collect(),
            subtree_check: *subtree_check,
            asynchronous: *asynchronous,
            insecure_ports: *insecure_ports,
            crossmnt: *crossmnt,
        },
    })
}

impl From<&NfsRule> for NfsClient {
    fn from(it: &NfsRule) -> NfsClient {
        let ClientOptions {
            access,
            squash,
            anonuid,
            anongid,
            sec,
            subtree_check,
            asynchronous,
            insecure_ports,
            crossmnt,
        } = &it.options;
        NfsClient {
            client: it.client.to_string(),
            write: *access == Access::ReadWrite,
            squash: Some(match squash {
                model::Squash::Root => Squash::Root,
                model::Squash::All => Squash::All,
                model::Squash::None => Squash::None,
            }),
            anonuid: *anonuid,
            anongid: *anongid,
            sec: sec
                .iter()
                .map(|it| match it {
                    model::Security::Sys => Security::Sys,
                    model::Security::Krb5 => Security::Krb5,
                    model::Security::Krb5i => Security::Krb5i,
                    model::Security::Krb5p => Security::Krb5p,
                })
                .collect(),
            subtree_check: *subtree_check,
            asynchronous: *asynchronous,
            insecure_ports: *insecure_ports,
            crossmnt: *crossmnt,
        }
    }
}

impl CreateNfsShare {
    /// The operation.
    pub fn wish(&self) -> Answer<FaceCreate<OfNfs>> {
        let said = |field: &str, text: &Option<String>| -> Answer<Option<_>> {
            text.as_ref().map(|it| one(field, it)).transpose()
        };
        Ok(FaceCreate {
            name: one("name", &self.name)?,
            path: self.path.as_ref().map(|it| one("path", it)).transpose()?,
            description: said("description", &self.description)?,
            enabled: self.enabled,
            face: Nfs {
                clients: rules(&self.clients)?,
                fsid: unless_empty("fsid", self.fsid.as_deref().unwrap_or_default())?,
            },
        })
    }
}

impl ChangeNfsShare {
    fn put_to(&self, face: &mut Nfs) -> Answer<()> {
        if let Some(clients) = &self.clients {
            face.clients = rules(clients)?;
        }
        if let Some(fsid) = &self.fsid {
            face.fsid = unless_empty("fsid", fsid)?;
        }
        Ok(())
    }

    /// The operation that changes what is said.
    pub fn wish(&self, view: ShareView) -> Answer<FaceSet<OfNfs>> {
        let mut now = view.share.clone();
        change_whole(
            &mut now,
            self.path.as_ref(),
            self.description.as_ref(),
            self.enabled,
        )?;
        if let Some(face) = &mut now.nfs {
            self.put_to(face)?;
        }
        Ok(FaceSet::new(view.share, now))
    }

    /// The operation that leaves nothing of what was before.
    pub fn replace(&self, share: String) -> Answer<FaceReplace<OfNfs>> {
        let mut face = Nfs::default();
        self.put_to(&mut face)?;
        let description = self.description.as_deref().unwrap_or_default();
        Ok(FaceReplace {
            share,
            path: self.path.as_ref().map(|it| one("path", it)).transpose()?,
            description: one("description", description)?,
            enabled: self.enabled.unwrap_or(true),
            face,
        })
    }
}

impl NfsShare {
    /// As it is shown; `None`: NFS does not offer it.
    #[must_use]
    pub fn of(share: &model::Share, seen: &Seen) -> Option<NfsShare> {
        let Nfs { clients, fsid } = share.nfs.as_ref()?;
        let common = Common::of(share, seen, Some(Service::Nfs));
        Some(NfsShare {
            id: share.name.to_string(),
            name: share.name.to_string(),
            path: share.path.to_string(),
            description: share.description.to_string(),
            enabled: share.enabled,
            storage_pool: common.storage_pool,
            standing: common.standing,
            clients: clients.iter().map(NfsClient::from).collect(),
            fsid: fsid.as_ref().map(ToString::to_string),
            created_at: common.created_at,
            updated_at: common.updated_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_said_in_the_words_of_exports() {
        let said = client("192.168.1.0/24=rw,all_squash,anonuid=1000,sec=krb5:sys").unwrap();
        assert_eq!(said.client, "192.168.1.0/24");
        assert!(said.write);
        assert_eq!((said.squash, said.anonuid), (Some(Squash::All), Some(1000)));
        assert_eq!(said.sec, [Security::Krb5, Security::Sys]);
        let plain = client("fd00::1").unwrap();
        assert_eq!((plain.client.as_str(), plain.write), ("fd00::1", false));
        for bad in ["x=rw,wdelay", "x=anonuid=-1", "x=sec=none"] {
            assert!(client(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_can_be_sent_again() {
        let said = client("*.example.org=rw,no_root_squash,async,insecure,crossmnt,subtree_check");
        let said = said.unwrap();
        assert_eq!(NfsClient::from(&rule(&said).unwrap()), said);
    }
}

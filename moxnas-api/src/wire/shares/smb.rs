//! Shares as SMB offers them.

use std::num::NonZeroU16;

use clap::Args;
use moxnas_app::{
    Seen,
    ops::shares::{FaceCreate, FaceReplace, FaceSet, OfSmb, ShareView, previous_versions},
};
use moxnas_core::units::{BadBytes, Bytes};
use moxnas_shares::{
    model::{self, Recycle, Smb, TimeMachine},
    render::Service,
};
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::{Common, ShareStanding, change_whole, each, one, unless_empty};
use crate::problem::Answer;

/// One page of shares of SMB
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SmbSharePage {
    /// The shares, by name
    pub items: Vec<SmbShare>,
    /// Where the next page begins; left out on the last one
    pub next: Option<String>,
    /// When the machine was looked at
    pub as_of: OffsetDateTime,
}

/// Whether what is sent is encrypted
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
pub enum Encryption {
    /// As the settings of SMB say; of those: if the client asks for it
    Default,
    /// If the client can
    Desired,
    /// Always: a client that cannot is refused
    Required,
    /// Never
    Off,
}

/// What a share is for, which says most of how it should be offered
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
pub enum SharePreset {
    /// Files that people work on together: deleted ones are kept, changes are written down
    Documents,
    /// Films, music and pictures that many read and few write
    Media,
    /// Backups of Macs
    TimeMachine,
    /// Images of virtual machines
    VmImages,
}

/// A folder that SMB offers
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SmbShare {
    /// What it is known by; the same as `name`
    pub id: String,
    /// What clients see it as
    pub name: String,
    /// The folder
    pub path: String,
    /// What it is for, as clients show it
    pub description: String,
    /// Whether it is offered at present
    pub enabled: bool,
    /// The pool that it is in; left out: in none that is mounted
    pub storage_pool: Option<String>,
    /// Whether it is served as it is meant; left out while it is not offered
    pub standing: Option<ShareStanding>,
    /// Nobody may write but those in `write_list`
    pub read_only: bool,
    /// Whoever does not log in gets in as the guest account
    pub guest_ok: bool,
    /// Whether it is in the list that clients show
    pub browseable: bool,
    /// Who may connect, groups with `@` before them; nobody named: everybody with an account
    pub valid_users: Vec<String>,
    /// Who may not connect, whatever else is said
    pub invalid_users: Vec<String>,
    /// Who may only read, although others may write
    pub read_list: Vec<String>,
    /// Who may write, although others may only read
    pub write_list: Vec<String>,
    /// From where alone it can be reached; nothing named: from anywhere
    pub hosts_allow: Vec<String>,
    /// From where it cannot be reached
    pub hosts_deny: Vec<String>,
    /// Which permissions a new file can have at most; left out: as Samba says
    pub create_mask: Option<String>,
    /// Which permissions a new folder can have at most; left out: as Samba says
    pub directory_mask: Option<String>,
    /// As whom everybody reads and writes, once let in
    pub force_user: Option<String>,
    /// Of which group everybody is, once let in
    pub force_group: Option<String>,
    /// Whether what is sent is encrypted
    pub encryption: Encryption,
    /// Whether deleted files go to `.recycle/USER` instead of away
    pub recycle_bin: bool,
    /// Above this size deleted files go away at once; left out: none does
    pub recycle_max_bytes: Option<u64>,
    /// Whether it is written down who opened, made, renamed and deleted what
    pub audit: bool,
    /// Whether clients show snapshots as previous versions
    pub previous_versions: bool,
    /// Whether Macs write names and streams in their own way
    pub apple: bool,
    /// Whether it is a place for backups of Macs
    pub time_machine: bool,
    /// How large all backups of Macs together may become; left out: as large as there is room
    pub time_machine_max_bytes: Option<u64>,
    /// How many may be connected at a time; left out: as many as come
    pub max_connections: Option<u16>,
    /// When it was made
    pub created_at: OffsetDateTime,
    /// When it was made otherwise last
    pub updated_at: OffsetDateTime,
}

/// A type that says how SMB is to offer a share, and possibly more.
macro_rules! smb_options {
    ($(#[$meta:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Object, Args)]
        #[oai(deny_unknown_fields, skip_serializing_if_is_none)]
        pub struct $name {
            $($own)*
            /// What it is for, as clients show it
            #[arg(long, value_name = "TEXT")]
            #[oai(validator(max_length = 255))]
            pub description: Option<String>,
            /// Whether it is offered at present
            #[arg(long, value_name = "true|false")]
            pub enabled: Option<bool>,
            /// What it is for, which says most of the rest
            #[arg(long, value_enum)]
            pub preset: Option<SharePreset>,
            /// Nobody may write but those in the write list
            #[arg(long, value_name = "true|false")]
            pub read_only: Option<bool>,
            /// Whoever does not log in gets in as the guest account
            #[arg(long, value_name = "true|false")]
            pub guest_ok: Option<bool>,
            /// Whether it is in the list that clients show
            #[arg(long, value_name = "true|false")]
            pub browseable: Option<bool>,
            /// Who may connect, groups with `@` before them; an empty list: everybody with an account
            #[arg(long, value_name = "WHO", value_delimiter = ',')]
            #[oai(validator(max_items = 1000))]
            pub valid_users: Option<Vec<String>>,
            /// Who may not connect, whatever else is said
            #[arg(long, value_name = "WHO", value_delimiter = ',')]
            #[oai(validator(max_items = 1000))]
            pub invalid_users: Option<Vec<String>>,
            /// Who may only read, although others may write
            #[arg(long, value_name = "WHO", value_delimiter = ',')]
            #[oai(validator(max_items = 1000))]
            pub read_list: Option<Vec<String>>,
            /// Who may write, although others may only read
            #[arg(long, value_name = "WHO", value_delimiter = ',')]
            #[oai(validator(max_items = 1000))]
            pub write_list: Option<Vec<String>>,
            /// From where alone it can be reached: addresses, networks, names, or `.domain`; an empty list:
            /// from anywhere
            #[arg(long, value_name = "HOST", value_delimiter = ',')]
            #[oai(validator(max_items = 1000))]
            pub hosts_allow: Option<Vec<String>>,
            /// From where it cannot be reached; what is also allowed can
            #[arg(long, value_name = "HOST", value_delimiter = ',')]
            #[oai(validator(max_items = 1000))]
            pub hosts_deny: Option<Vec<String>>,
            /// Which permissions a new file can have at most, as chmod(1) takes them in digits; empty: as
            /// Samba says
            #[arg(long, value_name = "MODE")]
            #[oai(validator(pattern = "^([0-7]{3,4})?$"))]
            pub create_mask: Option<String>,
            /// Which permissions a new folder can have at most; empty: as Samba says
            #[arg(long, value_name = "MODE")]
            #[oai(validator(pattern = "^([0-7]{3,4})?$"))]
            pub directory_mask: Option<String>,
            /// As whom everybody reads and writes, once let in; empty: as themselves
            #[arg(long, value_name = "USER")]
            #[oai(validator(max_length = 128))]
            pub force_user: Option<String>,
            /// Of which group everybody is, once let in; empty: of their own
            #[arg(long, value_name = "GROUP")]
            #[oai(validator(max_length = 128))]
            pub force_group: Option<String>,
            /// Whether what is sent is encrypted
            #[arg(long, value_enum)]
            pub encryption: Option<Encryption>,
            /// Whether deleted files go to `.recycle/USER` instead of away
            #[arg(long, value_name = "true|false")]
            pub recycle_bin: Option<bool>,
            /// Above this size deleted files go away at once; 0: none does
            #[arg(long = "recycle-max", value_name = "SIZE", value_parser = size)]
            pub recycle_max_bytes: Option<u64>,
            /// Whether it is written down who opened, made, renamed and deleted what
            #[arg(long, value_name = "true|false")]
            pub audit: Option<bool>,
            /// Whether clients show snapshots of its dataset as previous versions
            #[arg(long, value_name = "true|false")]
            pub previous_versions: Option<bool>,
            /// Whether Macs write names and streams in their own way
            #[arg(long, value_name = "true|false")]
            pub apple: Option<bool>,
            /// Whether it is a place for backups of Macs
            #[arg(long, value_name = "true|false")]
            pub time_machine: Option<bool>,
            /// How large all backups of Macs together may become; 0: as large as there is room
            #[arg(long = "time-machine-max", value_name = "SIZE", value_parser = size)]
            pub time_machine_max_bytes: Option<u64>,
            /// How many may be connected at a time; 0: as many as come
            #[arg(long, value_name = "COUNT")]
            pub max_connections: Option<u16>,
        }

        impl $name {
            /// Put what is said to how a share is offered; it is this folder.
            fn put_to(&self, face: &mut Smb, path: &str, seen: &Seen) -> Answer<()> {
                if let Some(preset) = self.preset {
                    let versions = face.previous_versions.take();
                    *face = Smb {
                        previous_versions: versions,
                        valid_users: std::mem::take(&mut face.valid_users),
                        invalid_users: std::mem::take(&mut face.invalid_users),
                        read_list: std::mem::take(&mut face.read_list),
                        write_list: std::mem::take(&mut face.write_list),
                        hosts_allow: std::mem::take(&mut face.hosts_allow),
                        hosts_deny: std::mem::take(&mut face.hosts_deny),
                        ..model::Preset::from(preset).smb()
                    };
                }
                for (said, field) in [
                    (self.read_only, &mut face.read_only),
                    (self.guest_ok, &mut face.guest),
                    (self.browseable, &mut face.browseable),
                    (self.audit, &mut face.audit),
                    (self.apple, &mut face.apple),
                ] {
                    *field = said.unwrap_or(*field);
                }
                for (name, said, field) in [
                    ("valid_users", &self.valid_users, &mut face.valid_users),
                    ("invalid_users", &self.invalid_users, &mut face.invalid_users),
                    ("read_list", &self.read_list, &mut face.read_list),
                    ("write_list", &self.write_list, &mut face.write_list),
                ] {
                    if let Some(said) = said {
                        *field = each(name, said)?;
                    }
                }
                for (name, said, field) in [
                    ("hosts_allow", &self.hosts_allow, &mut face.hosts_allow),
                    ("hosts_deny", &self.hosts_deny, &mut face.hosts_deny),
                ] {
                    if let Some(said) = said {
                        *field = each(name, said)?;
                    }
                }
                for (name, said, field) in [
                    ("create_mask", &self.create_mask, &mut face.create_mask),
                    ("directory_mask", &self.directory_mask, &mut face.directory_mask),
                ] {
                    if let Some(said) = said {
                        *field = unless_empty(name, said)?;
                    }
                }
                if let Some(said) = &self.force_user {
                    face.force_user = unless_empty("force_user", said)?;
                }
                if let Some(said) = &self.force_group {
                    face.force_group = unless_empty("force_group", said)?;
                }
                if let Some(said) = self.encryption {
                    face.encryption = said.into();
                }
                match self.recycle_bin {
                    Some(false) => face.recycle = None,
                    Some(true) => _ = face.recycle.get_or_insert_with(Recycle::default),
                    None => (),
                }
                if let Some(said) = self.recycle_max_bytes {
                    let recycle = face.recycle.get_or_insert_with(Recycle::default);
                    recycle.max_size = (said > 0).then_some(Bytes(said));
                }
                match self.previous_versions {
                    Some(false) => face.previous_versions = None,
                    Some(true) => face.previous_versions = Some(previous_versions(seen, path)?),
                    None => (),
                }
                match self.time_machine {
                    Some(false) => face.time_machine = None,
                    Some(true) => {
                        face.time_machine.get_or_insert_with(TimeMachine::default);
                        face.apple = self.apple.unwrap_or(true);
                    }
                    None => (),
                }
                if let Some(said) = self.time_machine_max_bytes {
                    let backups = face.time_machine.get_or_insert_with(TimeMachine::default);
                    backups.max_size = (said > 0).then_some(Bytes(said));
                }
                if let Some(said) = self.max_connections {
                    face.max_connections = NonZeroU16::new(said);
                }
                Ok(())
            }
        }
    };
}

smb_options! {
    /// Offer a folder by SMB
    CreateSmbShare {
        /// What clients are to see it as: no `/ \ [ ] : | < > + = ; , * ? "` and no `%`, 80 characters at most
        #[oai(validator(max_length = 80))]
        pub name: String,
        /// The folder; may be left out for a share that another protocol offers already
        #[arg(long, value_name = "PATH")]
        #[oai(validator(max_length = 1024))]
        pub path: Option<String>,
    }
}

smb_options! {
    /// What is to be different about a share of SMB; what is left out stays as it is
    ChangeSmbShare {
        /// The folder
        #[arg(long, value_name = "PATH")]
        #[oai(validator(max_length = 1024))]
        pub path: Option<String>,
    }
}

fn size(text: &str) -> Result<u64, BadBytes> {
    match text {
        "none" | "0" => Ok(0),
        size => size.parse().map(|it: Bytes| it.0),
    }
}

impl CreateSmbShare {
    /// The operation.
    pub fn wish(&self, seen: &Seen) -> Answer<FaceCreate<OfSmb>> {
        let mut face = Smb::default();
        let known = seen.sharing.offered.intent.find(&self.name);
        let known = known.map(|it| it.path.to_string());
        let path = self.path.clone().or(known).unwrap_or_default();
        self.put_to(&mut face, &path, seen)?;
        Ok(FaceCreate {
            name: one("name", &self.name)?,
            path: self.path.as_ref().map(|it| one("path", it)).transpose()?,
            description: self
                .description
                .as_ref()
                .map(|it| one("description", it))
                .transpose()?,
            enabled: self.enabled,
            face,
        })
    }
}

impl ChangeSmbShare {
    /// The operation that changes what is said.
    pub fn wish(&self, view: ShareView) -> Answer<FaceSet<OfSmb>> {
        let mut now = view.share.clone();
        change_whole(
            &mut now,
            self.path.as_ref(),
            self.description.as_ref(),
            self.enabled,
        )?;
        let path = now.path.to_string();
        if let Some(face) = &mut now.smb {
            self.put_to(face, &path, &view.seen)?;
        }
        Ok(FaceSet::new(view.share, now))
    }

    /// The operation that leaves nothing of what was before.
    pub fn replace(&self, share: String, seen: &Seen) -> Answer<FaceReplace<OfSmb>> {
        let mut face = Smb::default();
        let known = seen.sharing.offered.intent.find(&share);
        let known = known.map(|it| it.path.to_string());
        let path = self.path.clone().or(known).unwrap_or_default();
        self.put_to(&mut face, &path, seen)?;
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

impl From<SharePreset> for model::Preset {
    fn from(it: SharePreset) -> model::Preset {
        match it {
            SharePreset::Documents => model::Preset::Documents,
            SharePreset::Media => model::Preset::Media,
            SharePreset::TimeMachine => model::Preset::TimeMachine,
            SharePreset::VmImages => model::Preset::VmImages,
        }
    }
}

impl From<Encryption> for model::Encryption {
    fn from(it: Encryption) -> model::Encryption {
        match it {
            Encryption::Default => model::Encryption::Default,
            Encryption::Desired => model::Encryption::Desired,
            Encryption::Required => model::Encryption::Required,
            Encryption::Off => model::Encryption::Off,
        }
    }
}

impl From<model::Encryption> for Encryption {
    fn from(it: model::Encryption) -> Encryption {
        match it {
            model::Encryption::Default => Encryption::Default,
            model::Encryption::Desired => Encryption::Desired,
            model::Encryption::Required => Encryption::Required,
            model::Encryption::Off => Encryption::Off,
        }
    }
}

fn texts<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

impl SmbShare {
    /// As it is shown; `None`: SMB does not offer it.
    #[must_use]
    pub fn of(share: &model::Share, seen: &Seen) -> Option<SmbShare> {
        let Smb {
            read_only,
            guest,
            browseable,
            valid_users,
            invalid_users,
            read_list,
            write_list,
            hosts_allow,
            hosts_deny,
            create_mask,
            directory_mask,
            force_user,
            force_group,
            encryption,
            recycle,
            audit,
            previous_versions,
            apple,
            time_machine,
            max_connections,
        } = share.smb.as_ref()?;
        let common = Common::of(share, seen, Some(Service::Samba));
        Some(SmbShare {
            id: share.name.to_string(),
            name: share.name.to_string(),
            path: share.path.to_string(),
            description: share.description.to_string(),
            enabled: share.enabled,
            storage_pool: common.storage_pool,
            standing: common.standing,
            read_only: *read_only,
            guest_ok: *guest,
            browseable: *browseable,
            valid_users: texts(valid_users),
            invalid_users: texts(invalid_users),
            read_list: texts(read_list),
            write_list: texts(write_list),
            hosts_allow: texts(hosts_allow),
            hosts_deny: texts(hosts_deny),
            create_mask: create_mask.map(|it| it.to_string()),
            directory_mask: directory_mask.map(|it| it.to_string()),
            force_user: force_user.as_ref().map(ToString::to_string),
            force_group: force_group.as_ref().map(ToString::to_string),
            encryption: (*encryption).into(),
            recycle_bin: recycle.is_some(),
            recycle_max_bytes: recycle.as_ref().and_then(|it| it.max_size).map(|it| it.0),
            audit: *audit,
            previous_versions: previous_versions.is_some(),
            apple: *apple,
            time_machine: time_machine.is_some(),
            time_machine_max_bytes: time_machine
                .as_ref()
                .and_then(|it| it.max_size)
                .map(|it| it.0),
            max_connections: max_connections.map(NonZeroU16::get),
            created_at: common.created_at,
            updated_at: common.updated_at,
        })
    }
}

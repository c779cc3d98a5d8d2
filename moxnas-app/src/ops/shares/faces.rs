//! Shares as one protocol offers them.

use std::{fmt::Debug, marker::PhantomData, sync::Arc};

use moxnas_core::{folder::FolderPath, plan::Plan};
use moxnas_shares::model::{Intent, Line, Nfs, Share, ShareName, Smb, Transfer};

use super::{Edit, ShareView, SharesView, change_by_edit, check_folder, planned};
use crate::{
    actor::{Actor, Role},
    answers::Question,
    app::App,
    error::Error,
    machine::AppStep,
    operation::{Change, Effect, Lane, Operation, Query},
    seen::Seen,
    sharing::ShareError,
};

/// A protocol that offers shares.
pub trait Protocol: Copy + Debug + Send + Sync + 'static {
    /// How it offers a share.
    type Face: Clone + Debug + PartialEq + Send + Sync;
    /// What it is called.
    const WORD: &'static str;
    /// The names of the operations: list, get, create, set, replace, delete.
    const NAMES: [&'static str; 6];

    /// How a share is offered by it; `None`: not at all.
    fn face(share: &Share) -> Option<&Self::Face>;

    /// Offer a share by it, or no more.
    fn put(share: &mut Share, face: Option<Self::Face>);
}

macro_rules! protocol {
    ($type:ident, $face:ty, $field:ident, $word:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug)]
        pub struct $type;

        impl Protocol for $type {
            type Face = $face;
            const WORD: &'static str = $word;
            const NAMES: [&'static str; 6] = [
                concat!(stringify!($field), "_share_list"),
                concat!(stringify!($field), "_share_get"),
                concat!(stringify!($field), "_share_create"),
                concat!(stringify!($field), "_share_set"),
                concat!(stringify!($field), "_share_replace"),
                concat!(stringify!($field), "_share_delete"),
            ];

            fn face(share: &Share) -> Option<&$face> {
                share.$field.as_ref()
            }

            fn put(share: &mut Share, face: Option<$face>) {
                share.$field = face;
            }
        }
    };
}

protocol!(OfSmb, Smb, smb, "SMB", "What SMB offers.");
protocol!(OfNfs, Nfs, nfs, "NFS", "What NFS offers.");
protocol!(OfFtp, Transfer, ftp, "FTP", "What FTP offers.");
protocol!(OfSftp, Transfer, sftp, "SFTP", "What SFTP offers.");

/// List the shares of a protocol.
#[derive(Clone, Copy, Debug)]
pub struct FaceList<P>(pub PhantomData<P>);

/// Show a share of a protocol.
#[derive(Clone, Debug)]
pub struct FaceGet<P> {
    /// Its name.
    pub share: String,
    /// Which protocol.
    pub protocol: PhantomData<P>,
}

/// Offer a folder by a protocol: a new share, or one that others offer already.
#[derive(Clone, Debug)]
pub struct FaceCreate<P: Protocol> {
    /// The name of the share.
    pub name: ShareName,
    /// The folder; may be left out where there is a share of this name.
    pub path: Option<FolderPath>,
    /// What it is for.
    pub description: Option<Line>,
    /// Whether it is offered at once; left out: it is, if the share is new.
    pub enabled: Option<bool>,
    /// How it is offered.
    pub face: P::Face,
}

/// Change how a protocol offers a share. What the whole share is goes for all protocols.
#[derive(Clone, Debug)]
pub struct FaceSet<P> {
    /// The share as the caller knows it.
    pub was: Share,
    /// As it is to be.
    pub now: Share,
    /// Which protocol.
    pub protocol: PhantomData<P>,
}

/// Offer a share by a protocol in another way, whatever it was before.
#[derive(Clone, Debug)]
pub struct FaceReplace<P: Protocol> {
    /// The name of the share.
    pub share: String,
    /// The folder; left out: as before.
    pub path: Option<FolderPath>,
    /// What it is for.
    pub description: Line,
    /// Whether it is offered.
    pub enabled: bool,
    /// How it is offered.
    pub face: P::Face,
}

/// Offer a share no more by a protocol. One that nothing else offers is forgotten; what is in the folder
/// stays.
#[derive(Clone, Debug)]
pub struct FaceDelete<P> {
    /// The name of the share.
    pub share: String,
    /// Which protocol.
    pub protocol: PhantomData<P>,
}

macro_rules! face_operation {
    ($type:ident, $number:literal, $role:ident, $output:ty, |$it:ident| $object:expr) => {
        impl<P: Protocol> Operation for $type<P> {
            const NAME: &'static str = P::NAMES[$number];
            const NEEDS: Option<Role> = Some(Role::$role);
            type Output = $output;

            fn object(&self) -> Option<String> {
                let $it = self;
                $object
            }
        }
    };
}

face_operation!(FaceList, 0, Viewer, SharesView, |_it| None);
face_operation!(FaceGet, 1, Viewer, ShareView, |it| Some(it.share.clone()));
face_operation!(FaceCreate, 2, Admin, (), |it| Some(it.name.to_string()));
face_operation!(FaceSet, 3, Admin, (), |it| Some(it.was.name.to_string()));
face_operation!(FaceReplace, 4, Admin, (), |it| Some(it.share.clone()));
face_operation!(FaceDelete, 5, Admin, (), |it| Some(it.share.clone()));

impl<P: Protocol> Query for FaceList<P> {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<SharesView, Error> {
        Ok(SharesView { seen: app.seen() })
    }
}

impl<P: Protocol> Query for FaceGet<P> {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<ShareView, Error> {
        let seen = app.seen();
        let share = offered::<P>(&seen.sharing.offered.intent, &self.share)?.clone();
        Ok(ShareView { share, seen })
    }
}

/// The share of this name, if it is offered by the protocol.
fn offered<'a, P: Protocol>(intent: &'a Intent, name: &str) -> Result<&'a Share, Error> {
    let found = intent.find(name).filter(|it| P::face(it).is_some());
    found.ok_or_else(|| {
        ShareError::NotFound {
            name: name.to_owned(),
            protocol: P::WORD,
        }
        .into()
    })
}

/// The place of a share among all.
fn place(intent: &Intent, name: &ShareName) -> Option<usize> {
    intent
        .shares
        .iter()
        .position(|it| it.name.folded() == name.folded())
}

/// What is asked where a folder becomes that of a share.
fn asks(seen: &Seen, name: &str, path: Option<&FolderPath>) -> Vec<Question> {
    let known = seen.sharing.offered.intent.find(name).map(|it| &it.path);
    let new = path.filter(|it| known != Some(*it));
    new.map(|it| Question::Folder(it.clone()))
        .into_iter()
        .collect()
}

impl<P: Protocol> Edit for FaceCreate<P> {
    fn folders(&self, seen: &Seen) -> Vec<Question> {
        asks(seen, self.name.as_str(), self.path.as_ref())
    }

    fn edited(&self, seen: &Seen) -> Result<Intent, Error> {
        let mut intent = seen.sharing.offered.intent.clone();
        let Some(place) = place(&intent, &self.name) else {
            let path = self.path.clone().ok_or(ShareError::NoPath)?;
            let mut share = Share::new(self.name.clone(), path);
            share.description = self.description.clone().unwrap_or_default();
            share.enabled = self.enabled.unwrap_or(true);
            P::put(&mut share, Some(self.face.clone()));
            check_folder(seen, &share)?;
            intent.shares.push(share);
            // As the next look has them, or the next change would put files into another order.
            intent.sort();
            return Ok(intent);
        };
        let share = &mut intent.shares[place];
        let name = share.name.clone();
        if P::face(share).is_some() {
            let protocol = P::WORD;
            return Err(ShareError::Taken { name, protocol }.into());
        }
        if self.path.as_ref().is_some_and(|it| *it != share.path) {
            let path = share.path.clone();
            return Err(ShareError::OtherFolder { name, path }.into());
        }
        P::put(share, Some(self.face.clone()));
        if let Some(description) = &self.description {
            share.description = description.clone();
        }
        share.enabled = self.enabled.unwrap_or(share.enabled);
        Ok(intent)
    }
}

impl<P: Protocol> FaceSet<P> {
    /// A share as it is to be, if it still is as the caller knows it.
    #[must_use]
    pub fn new(was: Share, now: Share) -> FaceSet<P> {
        FaceSet {
            was,
            now,
            protocol: PhantomData,
        }
    }

    fn put_in(&self, seen: &Seen, now: &Share) -> Result<Intent, Error> {
        let mut intent = seen.sharing.offered.intent.clone();
        let place = place(&intent, &now.name);
        let place = place.ok_or_else(|| ShareError::Changed(now.name.clone()))?;
        let old = &mut intent.shares[place];
        if *old != self.was && old != now {
            return Err(ShareError::Changed(now.name.clone()).into());
        }
        if old.path != now.path {
            check_folder(seen, now)?;
        }
        *old = now.clone();
        Ok(intent)
    }
}

impl<P: Protocol> Edit for FaceSet<P> {
    fn folders(&self, seen: &Seen) -> Vec<Question> {
        asks(seen, self.now.name.as_str(), Some(&self.now.path))
    }

    fn edited(&self, seen: &Seen) -> Result<Intent, Error> {
        self.put_in(seen, &self.now)
    }
}

impl<P: Protocol> Edit for FaceReplace<P> {
    fn folders(&self, seen: &Seen) -> Vec<Question> {
        asks(seen, &self.share, self.path.as_ref())
    }

    fn edited(&self, seen: &Seen) -> Result<Intent, Error> {
        let mut intent = seen.sharing.offered.intent.clone();
        let old = offered::<P>(&intent, &self.share)?.clone();
        let mut now = old.clone();
        now.path = self.path.clone().unwrap_or(now.path);
        now.description = self.description.clone();
        now.enabled = self.enabled;
        P::put(&mut now, Some(self.face.clone()));
        if now.path != old.path {
            check_folder(seen, &now)?;
        }
        let place = place(&intent, &old.name).expect("it was found");
        intent.shares[place] = now;
        Ok(intent)
    }
}

impl<P: Protocol> Edit for FaceDelete<P> {
    fn edited(&self, seen: &Seen) -> Result<Intent, Error> {
        let mut intent = seen.sharing.offered.intent.clone();
        let name = offered::<P>(&intent, &self.share)?.name.clone();
        for it in &mut intent.shares {
            if it.name == name {
                P::put(it, None);
            }
        }
        intent.shares.retain(|it| it.name != name || is_offered(it));
        Ok(intent)
    }
}

/// Whether any protocol offers it.
fn is_offered(share: &Share) -> bool {
    let Share {
        smb,
        nfs,
        ftp,
        sftp,
        ..
    } = share;
    smb.is_some() || nfs.is_some() || ftp.is_some() || sftp.is_some()
}

change_by_edit!(FaceCreate<P>, <P: Protocol>);
change_by_edit!(FaceSet<P>, <P: Protocol>);
change_by_edit!(FaceReplace<P>, <P: Protocol>);
change_by_edit!(FaceDelete<P>, <P: Protocol>);

//! What holds for all shares of a protocol.

use std::{fmt::Debug, marker::PhantomData, sync::Arc};

use moxnas_core::plan::Plan;
use moxnas_shares::model::{
    DiscoverySettings, FtpSettings, Intent, NfsSettings, Settings, SmbSettings,
};

use super::{Edit, change_by_edit, planned};
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

/// A protocol that has settings.
pub trait SettingsOf: Copy + Debug + Send + Sync + 'static {
    /// The settings.
    type Settings: Clone + Debug + PartialEq + Send + Sync;
    /// The names of the operations: get, set.
    const NAMES: [&'static str; 2];

    /// Those among all.
    fn of(all: &mut Settings) -> &mut Self::Settings;
}

macro_rules! settings {
    ($type:ident, $settings:ty, $field:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug)]
        pub struct $type;

        impl SettingsOf for $type {
            type Settings = $settings;
            const NAMES: [&'static str; 2] = [
                concat!(stringify!($field), "_settings_get"),
                concat!(stringify!($field), "_settings_set"),
            ];

            fn of(all: &mut Settings) -> &mut $settings {
                &mut all.$field
            }
        }
    };
}

settings!(SmbSettingsOf, SmbSettings, smb, "Those of SMB.");
settings!(NfsSettingsOf, NfsSettings, nfs, "Those of NFS.");
settings!(FtpSettingsOf, FtpSettings, ftp, "Those of FTP.");
settings!(
    DiscoverySettingsOf,
    DiscoverySettings,
    discovery,
    "Those of being found by other machines."
);

/// Show what holds for all shares of a protocol.
#[derive(Clone, Copy, Debug)]
pub struct SettingsGet<S>(pub PhantomData<S>);

/// Let something else hold for all shares of a protocol.
#[derive(Clone, Debug)]
pub struct SettingsSet<S: SettingsOf> {
    /// The settings as the caller knows them.
    pub was: S::Settings,
    /// As they are to be.
    pub now: S::Settings,
}

impl<S: SettingsOf> Operation for SettingsGet<S> {
    const NAME: &'static str = S::NAMES[0];
    const NEEDS: Option<Role> = Some(Role::Viewer);
    type Output = S::Settings;
}

impl<S: SettingsOf> Operation for SettingsSet<S> {
    const NAME: &'static str = S::NAMES[1];
    const NEEDS: Option<Role> = Some(Role::Admin);
    type Output = ();
}

impl<S: SettingsOf> Query for SettingsGet<S> {
    const EFFECT: Effect = Effect::Read;
    async fn run(self, app: &Arc<App>, _: &Actor) -> Result<S::Settings, Error> {
        let mut all = app.seen().sharing.offered.intent.settings.clone();
        Ok(S::of(&mut all).clone())
    }
}

impl<S: SettingsOf> Edit for SettingsSet<S> {
    fn edited(&self, seen: &Seen) -> Result<Intent, Error> {
        let mut intent = seen.sharing.offered.intent.clone();
        let settings = S::of(&mut intent.settings);
        if *settings != self.was && *settings != self.now {
            return Err(ShareError::SettingsChanged.into());
        }
        *settings = self.now.clone();
        Ok(intent)
    }
}

change_by_edit!(SettingsSet<S>, <S: SettingsOf>);

//! Logins, and what shows who one is.

use clap::{Args, Subcommand};
use moxnas_api::wire::{api_keys::CreateApiKey, auth::Role, users::CreateUser};

/// Log in to a service, and stay logged in
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Name of the login
    #[arg(default_value = "admin")]
    pub(crate) username: String,
    /// Read the password from the standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// The code of the second factor, or a recovery code; asked for if left out and needed
    #[arg(long, value_name = "CODE")]
    pub(crate) totp: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// List all logins
    List,
    /// Show a login
    Show(UserName),
    /// Make a login
    Create {
        #[command(flatten)]
        body: CreateUser,
        /// Read a password for it from the standard input
        #[arg(long, conflicts_with = "no_password")]
        password_stdin: bool,
        /// Give it no password: nobody can log in with it until `user passwd`
        #[arg(long)]
        no_password: bool,
    },
    /// Give a login another role, or link it to an account of the system
    Change {
        #[command(flatten)]
        user: UserName,
        /// What it may do
        #[arg(long, value_enum)]
        role: Option<Role>,
        /// The account of the system that belongs to it
        #[arg(long, conflicts_with = "no_account")]
        account: Option<String>,
        /// No account of the system belongs to it
        #[arg(long)]
        no_account: bool,
    },
    /// Let a login in no more; its sessions and API keys end at once
    Disable(UserName),
    /// Let a login in again
    Enable(UserName),
    /// Delete a login with all that belongs to it
    Delete(UserName),
    /// The second factors of others, on the machine itself
    #[command(subcommand)]
    Totp(UserTotpVerb),
    /// Give a login another password, on the machine itself
    Passwd {
        /// Name of the login
        #[arg(default_value = "admin")]
        username: String,
        /// Read the password from the standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct UserName {
    /// Name of the login
    pub(crate) username: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserTotpVerb {
    /// Take the second factor of a login away, for somebody who has lost it
    Reset(UserName),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionVerb {
    /// List the sessions that stand
    List {
        /// Those of this login, instead of one's own
        #[arg(long = "user", value_name = "USERNAME")]
        username: Option<String>,
    },
    /// End a session, or all of a login
    Revoke {
        /// Id of the session
        #[arg(required_unless_present = "all")]
        session: Option<String>,
        /// One of this login, instead of one's own
        #[arg(long = "user", value_name = "USERNAME")]
        username: Option<String>,
        /// All of the login
        #[arg(long, requires = "username", conflicts_with = "session")]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// List the keys that work: one's own, or for an admin all
    List,
    /// Make a key; it is shown this once
    Create(CreateApiKey),
    /// End a key
    Delete {
        /// Number of the key
        key: i64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TotpVerb {
    /// Begin: show what an authenticator app needs
    Enrol {
        /// Read the password from the standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Show that the app works; from then on each login takes a code
    Confirm {
        /// The code that the app shows
        code: String,
    },
    /// Use no second factor any more
    Disable {
        /// The code that the app shows, or a recovery code
        code: String,
        /// Read the password from the standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

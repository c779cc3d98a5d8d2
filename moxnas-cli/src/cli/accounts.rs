//! Users and groups of the machine.

use clap::Subcommand;
use moxnas_api::wire::accounts::{ChangeAccount, ChangeMembers, CreateAccount, CreateGroup};

#[derive(Debug, Subcommand)]
pub(crate) enum AccountVerb {
    /// List the users of the machine
    List {
        /// Also those that belong to the system and not to a person
        #[arg(long)]
        system: bool,
    },
    /// Show a user
    Show {
        /// The name
        user: String,
    },
    /// Make a user, in the system and, if wished, in Samba
    Create {
        #[command(flatten)]
        body: Box<CreateAccount>,
        /// Read the password from the standard input
        #[arg(long)]
        password_stdin: bool,
        /// No password: none fits, until one is set
        #[arg(long, conflicts_with = "password_stdin")]
        no_password: bool,
    },
    /// Change what is known of a user, and whether it is let in; what is not said stays
    Set {
        /// The name
        user: String,
        #[command(flatten)]
        body: Box<ChangeAccount>,
    },
    /// Set the password of a user, in the system and in Samba at once
    Passwd {
        /// The name
        user: String,
        /// Read the password from the standard input
        #[arg(long)]
        password_stdin: bool,
        /// Have another one chosen at the next login
        #[arg(long)]
        must_change: bool,
    },
    /// Whether Samba knows a user
    #[command(subcommand)]
    Samba(AccountSambaVerb),
    /// Delete a user; files stay, and the number is never given again
    Delete {
        /// The name
        user: String,
    },
    /// Take a user over who was made by somebody else
    Adopt {
        /// The name
        user: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountSambaVerb {
    /// Have Samba know a user: the password is set anew, for the system too
    Add {
        /// The name
        user: String,
        /// Read the password from the standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Have Samba forget a user
    Remove {
        /// The name
        user: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupVerb {
    /// List the groups of the machine
    List {
        /// Also those that belong to the system
        #[arg(long)]
        system: bool,
    },
    /// Make a group
    Create(CreateGroup),
    /// Put users into a group, and take others out
    Members {
        /// The name
        group: String,
        #[command(flatten)]
        body: ChangeMembers,
    },
    /// Delete a group; files stay, and the number is never given again
    Delete {
        /// The name
        group: String,
    },
    /// Take a group over that was made by somebody else
    Adopt {
        /// The name
        group: String,
    },
}

//! What tests offer.

use moxnas_shares::model::{Intent, Nfs, NfsRule, Share, Smb, Transfer, TransferUser};

pub(crate) fn share(name: &str) -> Share {
    Share::new(
        name.parse().unwrap(),
        format!("/srv/tank/{name}").parse().unwrap(),
    )
}

pub(crate) fn smb(name: &str) -> Share {
    Share {
        smb: Some(Smb::default()),
        ..share(name)
    }
}

/// One share by all protocols, and one more by SMB.
pub(crate) fn everything() -> Intent {
    let rule = NfsRule {
        client: "192.168.1.0/24".parse().unwrap(),
        options: Default::default(),
    };
    let users = Transfer {
        users: vec![TransferUser {
            user: "alice".parse().unwrap(),
            write: true,
        }],
    };
    let photos = Share {
        nfs: Some(Nfs {
            clients: vec![rule],
            fsid: None,
        }),
        ftp: Some(users.clone()),
        sftp: Some(users),
        ..smb("photos")
    };
    Intent {
        shares: vec![photos, smb("films")],
        ..Intent::default()
    }
}

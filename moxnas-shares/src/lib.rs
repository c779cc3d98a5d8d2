//! What a storage server offers to the network: SMB, NFS, FTP and SFTP.
//!
//! An [`Intent`](model::Intent) says what is offered, to whom and how; [`render()`] makes of it the files
//! that smbd, nfsd, vsftpd and sshd read. The same intent gives the same bytes, so that what is on a
//! machine can be held against what is meant.
//!
//! ```
//! use moxnas_shares::{model::{Intent, Share, Smb}, render::{Places, render}};
//!
//! let mut photos = Share::new("photos".parse()?, "/srv/tank/photos".parse()?);
//! photos.smb = Some(Smb { read_only: true, ..Smb::default() });
//! let intent = Intent { shares: vec![photos], ..Intent::default() };
//! let files = render(&intent, &Places::default())?;
//! let samba = files.iter().find(|it| it.path == "/etc/samba/moxnas.conf").unwrap();
//! assert!(samba.text.contains("[photos]\n\tpath = /srv/tank/photos\n\tread only = yes"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it deliberately does not do: it edits no file that belongs to somebody else, keeps no record of
//! its own, and knows nothing of arrays, pools or databases. A share knows a path.

pub mod access;
pub mod accounts;
pub mod adopt;
pub mod backend;
pub(crate) mod escape;
pub mod exports;
pub mod generation;
pub mod import;
pub mod model;
pub mod parsed;
pub mod plan;
pub mod real;
pub mod refusal;
pub mod render;
pub mod services;
pub mod sessions;
pub mod sim;
pub mod smb_conf;
pub mod standing;
pub mod transaction;
pub mod vsftpd_conf;

pub use import::import;
pub use render::render;

//! Templates that are wrong, on a machine that serves: nothing of it is served, nobody is sent away, and every
//! file is what it was.

use std::time::Duration;

use anyhow::{Context as _, Result};
use moxnas_shares::{
    backend::Offer,
    plan::{FileChange, Step},
    render::Service,
};
use moxnas_tests::{
    conformance::shares::{Seen, Told},
    lab::{Lab, wire::Request},
};

use super::{
    ALICE, SAMBA_FILE,
    clients::{Input, Session, smb},
    export_code, is_let_in_everywhere, offer_docs, text_of, with_people,
};
use crate::product::nas::Nas;

/// What a template would have written, and how a change ends that brings it.
struct Wrong {
    service: Service,
    path: &'static str,
    from: &'static str,
    to: &'static str,
    told: &'static str,
}

const ALL: [Wrong; 7] = [
    Wrong {
        service: Service::Samba,
        path: SAMBA_FILE,
        from: "\tread only = ",
        to: "\tread onyl = ",
        told: "smbd does not take it; nothing was changed",
    },
    // testparm takes it, and smbd has read it by the time it is asked.
    Wrong {
        service: Service::Samba,
        path: SAMBA_FILE,
        from: "[docs]",
        to: "[dosc]",
        told: "smbd runs, but does not offer docs; all files are what they were",
    },
    Wrong {
        service: Service::Nfs,
        path: "/etc/exports.d/moxnas.exports",
        from: "root_squash",
        to: "root_squahs",
        told: "nfsd does not take it; nothing was changed",
    },
    Wrong {
        service: Service::Ftp,
        path: "/etc/moxnas/vsftpd.conf",
        from: "write_enable=NO",
        to: "write_enable=ON",
        told: "vsftpd does not take it; nothing was changed",
    },
    Wrong {
        service: Service::Ftp,
        path: "/etc/moxnas/vsftpd.conf",
        from: "rsa_cert_file=/etc/moxnas/tls/ftp.crt",
        to: "rsa_cert_file=/etc/moxnas/tls/pft.crt",
        told: "vsftpd does not take it; nothing was changed",
    },
    Wrong {
        service: Service::Ssh,
        path: "/etc/ssh/sshd_config.d/moxnas.conf",
        from: "ForceCommand",
        to: "ForceComand",
        told: "sshd does not take it; nothing was changed",
    },
    Wrong {
        service: Service::Systemd,
        path: "/etc/systemd/system/vsftpd.service.d/moxnas.conf",
        from: "[Service]",
        to: "[Servcie]",
        told: "systemd does not take it; nothing was changed",
    },
];

/// All that daemons read, and units.
const FILES: &str = "find /etc/samba /etc/exports* /etc/nfs* /etc/moxnas /etc/pam.d /etc/ssh /etc/vsftpd* \
                     /etc/systemd/system -type f -exec sha256sum {} + | sort -k 2";
const PATIENCE: Duration = Duration::from_secs(240);

fn seen(nas: &mut Nas) -> Result<Seen> {
    nas.machine.request(&Request::ObserveShares, PATIENCE)
}

/// Has the product give a daemon what a wrong template makes, by the way that each change goes.
fn attempt(nas: &mut Nas, it: &Wrong) -> Result<Told> {
    let served = seen(nas)?.served;
    let before = served.files.get(it.path).context(it.path)?;
    let after = before.replace(it.from, it.to);
    assert_ne!(*before, after, "{} has {}", it.path, it.from);
    let step = Step {
        service: it.service,
        certificate: None,
        changes: vec![FileChange {
            path: it.path.to_owned(),
            mode: 0o600,
            before: Some(before.clone()),
            after: Some(after),
        }],
        offers: match it.service {
            Service::Samba => vec![Offer::Share("docs".parse()?)],
            _ => Vec::new(),
        },
        generation: served.generations.last().copied().unwrap_or(0) + 1,
    };
    nas.machine
        .request(&Request::ServeShares { step }, PATIENCE)
}

#[test]
fn what_a_wrong_template_makes_is_not_served() -> Result<()> {
    let Some(lab) = Lab::from_env()? else {
        return Ok(());
    };
    let mut nas = with_people(lab)?;
    let nas = &mut nas;
    offer_docs(nas)?;
    export_code(nas)?;
    nas.machine.sh(
        "mkdir -p /mnt/nfs; mount -t nfs -o vers=4.2 127.0.0.1:/srv/tank/code /mnt/nfs
         echo first >/root/first; head -c 1M /dev/urandom >/root/half",
    )?;
    smb(nas, "docs", Some(ALICE), "put /root/first hello")?.success()?;

    // By each protocol somebody is at something.
    let by_smb = Session::smb(nas, "docs", ALICE)?;
    let data = Input::new(nas, "data")?;
    by_smb.say(nas, &format!("put {} long", data.path()))?;
    let half = format!("cat /root/half >{}", data.path());
    nas.machine.sh(&half)?;
    let by_ftp = Session::ftp(nas, ALICE)?;
    by_ftp.say(nas, "PWD")?;
    by_ftp.hears(nas, "257 ")?;
    let by_sftp = Session::sftp(nas, ALICE)?;
    by_sftp.say(nas, "ls")?;
    by_sftp.hears(nas, "docs")?;
    let by_nfs = Input::new(nas, "by-nfs")?;
    let copy = format!("exec cat {} >/mnt/nfs/long", by_nfs.path());
    let copied = nas.machine.spawn(["bash", "-c", &copy])?;
    let half_by_nfs = format!("cat /root/half >{}", by_nfs.path());
    nas.machine.sh(&half_by_nfs)?;

    let before = nas.machine.sh(FILES)?;
    assert!(before.contains(SAMBA_FILE), "{before}");
    for it in &ALL {
        let told = attempt(nas, it)?;
        assert_eq!(told, Err(it.told.to_owned()), "{} in {}", it.to, it.path);
        assert_eq!(nas.machine.sh(FILES)?, before, "after {}", it.to);
        // Whoever says nothing for long is cut off by vsftpd itself.
        by_ftp.say(nas, "NOOP")?;
    }

    // They go on where they were.
    nas.machine.sh(&half)?;
    data.end(nas)?;
    by_smb.hears(nas, "putting file")?;
    by_smb.end(nas)?;
    by_ftp.say(nas, "get docs/hello")?;
    by_ftp.hears(nas, "first")?;
    let heard = by_ftp.end(nas)?;
    assert_eq!(heard.matches("200 ").count(), ALL.len(), "{heard}");
    by_sftp.say(nas, "get docs/hello /root/by-sftp")?;
    by_sftp.say(nas, "pwd")?;
    by_sftp.hears(nas, "working directory: /")?;
    by_sftp.end(nas)?;
    assert_eq!(text_of(nas, "/root/by-sftp")?, "first\n");
    nas.machine.sh(&half_by_nfs)?;
    by_nfs.end(nas)?;
    nas.machine
        .wait_until("the copy ends", |it| Ok(it.status(&copied)?.is_some()))?;
    nas.machine
        .sh("for it in docs code; do cat /root/half /root/half | cmp - /srv/tank/$it/long; done")?;

    // And the machine takes what is right.
    is_let_in_everywhere(nas, ALICE, "first\n")?;
    nas.moxnas(&[
        "--yes",
        "share",
        "smb",
        "create",
        "other",
        "--path",
        "/srv/tank/code",
    ])?;
    smb(nas, "other", Some(ALICE), "ls")?.success().map(drop)
}

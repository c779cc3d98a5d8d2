//! What other machines are told: by avahi for Macs and Linux, by wsdd for Windows.

use std::{fs, process::Command};

use moxnas_core::sim::SimMachine;
use moxnas_shares::{
    backend::ShareBackend,
    model::{Intent, Share, ShareName, Smb, TimeMachine},
    plan::plan,
    render::{Places, Service, render},
    sim::SimShares,
    transaction::serve,
};

use crate::intents::{everything, share, smb};

/// The text of a file, if there is to be one.
fn file(intent: &Intent, path: &str) -> Option<String> {
    let files = render(intent, &Places::default()).unwrap();
    files
        .into_iter()
        .find(|it| it.path == path)
        .map(|it| it.text)
}

fn avahi(intent: &Intent) -> Option<String> {
    file(intent, "/etc/avahi/services/moxnas.service")
}

fn backups(name: &str) -> Share {
    Share {
        smb: Some(Smb {
            apple: true,
            time_machine: Some(TimeMachine { max_size: None }),
            ..Smb::default()
        }),
        ..share(name)
    }
}

fn of(shares: Vec<Share>) -> Intent {
    Intent {
        shares,
        ..Intent::default()
    }
}

#[test]
fn what_is_offered_is_announced() {
    let text = avahi(&of(vec![backups("R&D (2)"), smb("films"), backups("mac")])).unwrap();
    let told = "\
<service-group>
  <name>MOXNAS</name>
  <service>
    <type>_smb._tcp</type>
    <port>445</port>
  </service>
  <service>
    <type>_device-info._tcp</type>
    <port>0</port>
    <txt-record>model=RackMac</txt-record>
  </service>
  <service>
    <type>_adisk._tcp</type>
    <port>9</port>
    <txt-record>sys=adVF=0x100</txt-record>
    <txt-record>dk0=adVN=R&amp;D (2),adVF=0x82</txt-record>
    <txt-record>dk1=adVN=mac,adVF=0x82</txt-record>
  </service>
</service-group>
";
    let (_, group) = text.split_once(" -->\n").unwrap();
    assert_eq!(group, told);

    let text = avahi(&everything()).unwrap();
    assert!(
        text.contains("_nfs._tcp") && text.contains("path=/srv/tank/photos<"),
        "{text}"
    );
    let mut two = everything();
    two.shares[1].nfs = two.shares[0].nfs.clone();
    let text = avahi(&two).unwrap();
    assert!(
        text.contains("_nfs._tcp") && !text.contains("path="),
        "{text}"
    );
}

#[test]
fn windows_is_told_the_names_of_samba() {
    let mut intent = everything();
    intent.settings.smb.netbios_name = "ATTIC".parse().unwrap();
    intent.settings.smb.workgroup = "HOME".parse().unwrap();
    let path = "/etc/systemd/system/wsdd.service.d/moxnas.conf";
    let unit = file(&intent, path).unwrap();
    let line = "Environment=\"WSDD_PARAMS=--workgroup HOME --hostname ATTIC\"";
    assert!(unit.lines().any(|it| it == line), "{unit}");
    assert!(avahi(&intent).unwrap().contains("<name>ATTIC</name>"));
    // Who speaks NFS alone is not looked for by Windows.
    intent.shares.truncate(1);
    intent.shares[0].smb = None;
    assert_eq!(file(&intent, path), None);
    assert!(!avahi(&intent).unwrap().contains("_smb._tcp"));
}

/// Samba would announce the same itself.
#[test]
fn nothing_is_announced_twice_or_against_the_settings() {
    let mut intent = everything();
    let samba = file(&intent, "/etc/samba/moxnas.conf").unwrap();
    assert!(samba.contains("\tmulticast dns register = no\n"), "{samba}");
    assert!(intent.is_announced());
    intent.settings.discovery.enabled = false;
    assert!(!intent.is_announced());
    assert_eq!(avahi(&intent), None);
    assert_eq!(avahi(&Intent::default()), None);
    let of_nobody = Share {
        enabled: false,
        ..smb("films")
    };
    assert_eq!(avahi(&of(vec![of_nobody])), None);
    let text = r#"{"settings": {"discovery": {"enabled": false}}, "shares": []}"#;
    let read: Intent = serde_json::from_str(text).unwrap();
    assert!(!read.settings.discovery.enabled);
}

/// A string of a record has 255 bytes: what does not fit is said, and left out.
#[test]
fn a_name_without_room_is_said() {
    let name: ShareName = "ä".repeat(80).parse().unwrap();
    assert!(name.as_str().len() + 21 <= 255);
    let long: ShareName = "語".repeat(80).parse().unwrap();
    let intent = of(vec![Share {
        name: long.clone(),
        ..backups("mac")
    }]);
    assert!(!avahi(&intent).unwrap().contains(long.as_str()));
    let warnings = moxnas_shares::refusal::warnings(&intent);
    assert!(
        warnings[0].ends_with("too long for Macs to find it for backups"),
        "{warnings:?}"
    );
    let intent = of(vec![Share {
        name,
        ..backups("mac")
    }]);
    assert_eq!(
        moxnas_shares::refusal::warnings(&intent),
        Vec::<String>::new()
    );
}

/// Once nothing is offered the file goes, and avahi is not asked for where it is not installed.
#[test]
fn it_follows_what_is_offered_and_what_is_installed() {
    let places = Places::default();
    let sim = SimShares::new(SimMachine::new(1), places.clone());
    let offer = |intent: &Intent| {
        let plan = plan(&sim.observe(&places).unwrap(), intent, &places).unwrap();
        for step in &plan.steps {
            serve(&sim, &places, step).unwrap();
        }
        plan.warnings
    };
    let is_there = || sim.machine().state().files.contains_key(&places.avahi);
    let warnings = offer(&everything());
    let of_ftp = |it: &[String]| matches!(it, [it] if it.starts_with("the certificate of FTP"));
    assert!(of_ftp(&warnings), "{warnings:?}");
    assert!(is_there());
    let mut off = everything();
    off.settings.discovery.enabled = false;
    offer(&off);
    assert!(!is_there());

    sim.uninstall(Service::Discovery);
    let warning =
        "avahi-daemon is not installed: other machines do not find this one by themselves";
    assert_eq!(offer(&everything()), [warning]);
    assert!(!is_there());
    assert_eq!(offer(&off), Vec::<String>::new());
}

/// What xmllint(1) says of all names that a share can have which XML could misread. Without the
/// type that avahi brings: that it is well formed, which is what avahi needs of it first.
#[test]
fn what_is_announced_is_xml() {
    let intent = of(vec![backups("R&D 'x' {~}"), backups("ä語 (2)")]);
    let text = avahi(&Intent {
        shares: [intent.shares, everything().shares].concat(),
        ..intent
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("moxnas.service");
    fs::write(&path, text.unwrap()).unwrap();
    let dtd = "/usr/share/avahi/avahi-service.dtd";
    #[expect(clippy::disallowed_methods, reason = "it is asked what it says")]
    let mut xmllint = Command::new("/usr/bin/xmllint");
    xmllint.args(["--noout", "--nonet"]);
    if fs::exists(dtd).unwrap() {
        xmllint.args(["--dtdvalid", dtd]);
    }
    match xmllint.arg(&path).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            println!("xmllint: {} {said}", output.status);
            assert!(output.status.success() && said.is_empty(), "{said}");
        }
        Err(err) => println!("skipped: xmllint: {err}"),
    }
    let broken = fs::read_to_string(&path).unwrap();
    assert!(
        broken.contains("adVN=R&amp;D &apos;x&apos; {~}"),
        "{broken}"
    );
}

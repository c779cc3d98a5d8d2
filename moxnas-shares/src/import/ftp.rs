//! vsftpd.conf(5) to the settings of FTP.

use std::collections::BTreeMap;

use moxnas_core::{folder::FolderPath, units::Bytes};

use super::{Imported, Left, Source, Why, rendered};
use crate::{
    model::{FtpSettings, PassivePorts, TlsFiles},
    render::Places,
    vsftpd_conf::{
        self, Setting, Value,
        options::{KNOWN, Known},
    },
};

/// What makes no difference while nothing is encrypted.
const OF_TLS: [&str; 12] = [
    "force_local_logins_ssl",
    "force_local_data_ssl",
    "ssl_sslv2",
    "ssl_sslv3",
    "ssl_tlsv1",
    "ssl_tlsv11",
    "ssl_tlsv12",
    "ssl_tlsv13",
    "require_ssl_reuse",
    "ssl_ciphers",
    "rsa_cert_file",
    "rsa_private_key_file",
];

/// What is said, and in which file: the last holds.
type Said<'a> = BTreeMap<String, (&'a str, Setting)>;

pub(super) fn import(sources: &[Source<'_>], places: &Places, imported: &mut Imported) {
    let Some(first) = sources.first() else {
        return;
    };
    let mut said = Said::new();
    for source in sources {
        let parsed = vsftpd_conf::parse(source.text);
        imported.unread(source.path, parsed.errors);
        for it in parsed.items {
            said.insert(it.name.clone(), (source.path, it));
        }
    }
    imported.intent.settings.ftp = settings(&said);
    let ours = match rendered(&imported.intent, places, &places.vsftpd) {
        Some(text) => vsftpd_conf::parse(&text).items,
        None => return,
    };
    let ours: Said<'_> = ours
        .into_iter()
        .map(|it| (it.name.clone(), ("", it)))
        .collect();
    let is_plain = [&said, &ours].iter().all(|it| !is_yes(it, "ssl_enable"));
    let compared = KNOWN
        .iter()
        .filter(|it| !(is_plain && OF_TLS.contains(&it.name)));
    let left = compared.filter_map(|it| difference(it, &said, &ours, first.path));
    imported.left.extend(left);
}

fn holds(known: &Known, said: &Said<'_>) -> Value {
    match said.get(known.name) {
        Some((_, setting)) => setting.value.clone(),
        None => {
            let line = format!("{}={}", known.name, known.default);
            let default = vsftpd_conf::parse(&line).items.pop();
            default.map_or(Value::Text(String::new()), |it| it.value)
        }
    }
}

fn difference(known: &Known, said: &Said<'_>, ours: &Said<'_>, file: &str) -> Option<Left> {
    let (theirs, written) = (holds(known, said), holds(known, ours));
    if theirs == written {
        return None;
    }
    let setting = said.get(known.name);
    let why = match (setting, ours.contains_key(known.name)) {
        (None, _) => Why::Unsaid(written.to_string()),
        (Some(_), true) => Why::Otherwise(written.to_string()),
        (Some(_), false) => Why::NoSetting,
    };
    Some(Left {
        file: setting.map_or(file, |(file, _)| file).to_owned(),
        line: setting.map(|(_, it)| it.line),
        section: None,
        option: Some(known.name.to_owned()),
        value: setting.map_or_else(|| theirs.to_string(), |(_, it)| it.written.clone()),
        why,
    })
}

/// What the model has of it. What it cannot say stays as it is by default, and is found out
/// afterwards.
fn settings(said: &Said<'_>) -> FtpSettings {
    let usual = FtpSettings::default();
    let value = |name: &str| {
        KNOWN
            .iter()
            .find(|it| it.name == name)
            .map(|it| holds(it, said))
    };
    let number = |name| match value(name) {
        Some(Value::Number(it)) => Some(it),
        _ => None,
    };
    let text = |name| match value(name) {
        Some(Value::Text(it)) if !it.is_empty() => Some(it),
        _ => None,
    };
    let port = |name| number(name).and_then(|it| u16::try_from(it).ok());
    let file = |name| text(name).and_then(|it| it.parse::<FolderPath>().ok());
    let certificate = file("rsa_cert_file").filter(|_| said.contains_key("rsa_cert_file"));
    let key = file("rsa_private_key_file").or(certificate.clone());
    FtpSettings {
        port: port("listen_port").unwrap_or(usual.port),
        passive_ports: PassivePorts {
            from: port("pasv_min_port").unwrap_or(usual.passive_ports.from),
            to: port("pasv_max_port").unwrap_or(usual.passive_ports.to),
        },
        passive_address: text("pasv_address").and_then(|it| it.parse().ok()),
        tls: TlsFiles {
            certificate: certificate.unwrap_or(usual.tls.certificate),
            key: key.unwrap_or(usual.tls.key),
        },
        plaintext: !is_yes(said, "ssl_enable"),
        banner: text("ftpd_banner")
            .and_then(|it| it.parse().ok())
            .unwrap_or_default(),
        max_clients: number("max_clients").unwrap_or(usual.max_clients),
        max_per_address: number("max_per_ip").unwrap_or(usual.max_per_address),
        idle_s: number("idle_session_timeout").unwrap_or(usual.idle_s),
        max_rate: number("local_max_rate")
            .filter(|it| *it > 0)
            .map(|it| Bytes(it.into())),
        max_rate_of: BTreeMap::new(),
    }
}

fn is_yes(said: &Said<'_>, name: &str) -> bool {
    said.get(name)
        .is_some_and(|(_, it)| it.value == Value::Flag(true))
}

//! What holds for all intents, and for all texts.

use moxnas_core::units::Bytes;
use moxnas_shares::{
    exports,
    import::{Format, Source, import},
    model::Intent,
    refusal::refusals,
    render::{ConfigFile, Places, render},
    smb_conf, vsftpd_conf,
};
use proptest::prelude::*;

use crate::wishes;

/// The files of an intent that can be taken over again.
fn sources<'a>(files: &'a [ConfigFile], places: &Places) -> Vec<Source<'a>> {
    let format = |path: &str| match path {
        it if it == places.samba => Some(Format::SmbConf),
        it if it == places.exports => Some(Format::Exports),
        it if it == places.vsftpd => Some(Format::VsftpdConf),
        _ => None,
    };
    let source = |it: &'a ConfigFile| {
        Some(Source {
            path: &it.path,
            format: format(&it.path)?,
            text: &it.text,
        })
    };
    files.iter().filter_map(source).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// What MoxNAS wrote it takes over whole, and writes again.
    #[test]
    fn what_is_rendered_is_taken_over(intent in wishes::intent()) {
        let places = Places::default();
        let files = render(&intent, &places).unwrap();
        let imported = import(&sources(&files, &places), &places);
        prop_assert_eq!(imported.left, []);
        prop_assert_eq!(&imported.intent, &intent);
        prop_assert_eq!(render(&imported.intent, &places).unwrap(), files);
    }

    /// What is not refused can be written, whatever a folder is called.
    #[test]
    fn what_is_not_refused_is_rendered(
        mut intent in wishes::intent(),
        path in "(/[a-c\\\\ %\"#0-9é]{1,8}){1,3}",
    ) {
        if let (Some(share), Ok(path)) = (intent.shares.first_mut(), path.parse()) {
            share.path = path;
        }
        let is_written = render(&intent, &Places::default()).is_ok();
        prop_assert!(is_written || !refusals(&intent).is_empty(), "{}", path);
    }

    /// All of it is understood.
    #[test]
    fn what_is_rendered_is_read(intent in wishes::intent()) {
        let places = Places::default();
        let files = render(&intent, &places).unwrap();
        for it in sources(&files, &places) {
            let errors = match it.format {
                Format::SmbConf => smb_conf::parse(it.text).errors,
                Format::Exports => exports::parse(it.text).errors,
                Format::VsftpdConf => vsftpd_conf::parse(it.text).errors,
            };
            prop_assert_eq!(errors, [], "{}", it.text);
        }
    }

    /// Whatever a text is, it is read, and what is taken over of it can be written and taken over
    /// again without anything left that was not there the first time.
    #[test]
    fn no_text_is_too_strange(text in wishes::scraps()) {
        let places = Places::default();
        for format in [Format::SmbConf, Format::Exports, Format::VsftpdConf] {
            let source = Source { path: "/x", format, text: &text };
            let Intent { settings, shares } = import(&[source], &places).intent;
            let intent = Intent { settings, shares };
            let files = render(&intent, &places).unwrap();
            let again = import(&sources(&files, &places), &places);
            prop_assert_eq!(render(&again.intent, &places).unwrap(), files);
        }
    }
}

/// vsftpd has 32 bits for a rate, and would take what is left of more: nothing at all of 4 GiB.
#[test]
fn a_rate_is_one_that_vsftpd_has_room_for() {
    let mut intent = Intent::default();
    for (most, written) in [(None, 0), (Some(5000), 5000), (Some(1 << 32), u32::MAX)] {
        intent.settings.ftp.max_rate = most.map(Bytes);
        let files = render(&intent, &Places::default()).unwrap();
        let conf = files
            .iter()
            .find(|it| it.path == Places::default().vsftpd)
            .unwrap();
        let parsed = vsftpd_conf::parse(&conf.text).items;
        let rate = parsed
            .into_iter()
            .find(|it| it.name == "local_max_rate")
            .unwrap();
        assert_eq!(rate.value, vsftpd_conf::Value::Number(written));
    }
}

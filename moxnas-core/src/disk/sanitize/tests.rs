//! The bytes, as the standards have them.

use proptest::prelude::*;

use super::*;

fn hex(language: Language, method: SanitizeMethod) -> String {
    sanitize_command(language, method).hex()
}

#[test]
fn ata_is_told_by_pass_through_with_its_keys() {
    let told = |method| hex(Language::Ata, method);
    // The key of each way stands in the LBA: "Cryp", "BkEr", "OW" and the pattern.
    assert_eq!(
        told(SanitizeMethod::Crypto),
        "85 07 20 00 11 00 00 43 70 00 79 00 72 40 b4 00"
    );
    assert_eq!(
        told(SanitizeMethod::Block),
        "85 07 20 00 12 00 00 42 72 00 45 00 6b 40 b4 00"
    );
    assert_eq!(
        told(SanitizeMethod::Overwrite),
        "85 07 20 00 14 00 01 00 00 57 00 4f 00 40 b4 00"
    );
    assert_eq!(
        ata_status().hex(),
        "85 07 20 00 00 00 00 00 00 00 00 00 00 40 b4 00"
    );
    assert_eq!(
        ata_identify().hex(),
        "85 08 0e 00 00 00 01 00 00 00 00 00 00 40 ec 00"
    );
}

#[test]
fn nvme_is_told_by_an_admin_command() {
    let zeros = |count: usize| vec!["00"; count].join(" ");
    let told = |method, dword: &str| {
        let head = format!("84 {} {dword} {}", zeros(39), zeros(20));
        assert_eq!(hex(Language::Nvme, method), head);
    };
    told(SanitizeMethod::Crypto, "04 00 00 00");
    told(SanitizeMethod::Block, "02 00 00 00");
    told(SanitizeMethod::Overwrite, "13 00 00 00");
    let log = nvme_status();
    assert_eq!(
        log.hex(),
        format!(
            "02 00 00 00 ff ff ff ff {} 81 00 7f 00 {}",
            zeros(32),
            zeros(20)
        )
    );
    assert_eq!(log.data_in, 512);
    let identify = nvme_identify();
    assert_eq!(
        identify.hex(),
        format!("06 {} 01 00 00 00 {}", zeros(39), zeros(20))
    );
    assert_eq!(identify.data_in, 4096);
}

#[test]
fn scsi_is_told_by_sanitize_and_answers_at_once() {
    let told = |method| hex(Language::Scsi, method);
    assert_eq!(
        told(SanitizeMethod::Crypto),
        "48 83 00 00 00 00 00 00 00 00"
    );
    assert_eq!(told(SanitizeMethod::Block), "48 82 00 00 00 00 00 00 00 00");
    assert_eq!(
        told(SanitizeMethod::Overwrite),
        "48 81 00 00 00 00 00 00 08 00 | 01 00 00 04 00 00 00 00"
    );
    assert_eq!(
        scsi_supports(SanitizeMethod::Block).hex(),
        "a3 0c 03 48 00 02 00 00 00 14 00 00"
    );
    assert_eq!(scsi_status().hex(), "03 00 00 00 fc 00");
}

#[test]
fn what_a_disk_can_is_read_from_its_identity() {
    let all = BTreeSet::from(SanitizeMethod::ALL);
    let mut identify = vec![0; 512];
    assert_eq!(ata_methods(&identify), BTreeSet::new());
    // All ways, and not the feature set.
    identify[119] = 0xe0;
    assert_eq!(ata_methods(&identify), BTreeSet::new());
    identify[119] = 0xf0;
    assert_eq!(ata_methods(&identify), all);
    identify[119] = 0x30;
    assert_eq!(
        ata_methods(&identify),
        BTreeSet::from([SanitizeMethod::Crypto])
    );
    let mut controller = vec![0; 4096];
    assert_eq!(nvme_methods(&controller), BTreeSet::new());
    controller[328] = 0b110;
    assert_eq!(
        nvme_methods(&controller),
        BTreeSet::from([SanitizeMethod::Block, SanitizeMethod::Overwrite])
    );
    assert!(scsi_is_supported(&[0, 3, 0, 10]));
    assert!(!scsi_is_supported(&[0, 1, 0, 0]));
    assert!(!scsi_is_supported(&[]));
}

#[test]
fn ata_tells_how_far_it_is_in_its_registers() {
    let sense = |error: u8, count1: u8, lba: [u8; 2], status: u8| {
        let mut sense = vec![
            0x72, 1, 0, 0x1d, 0, 0, 0, 14, 0x09, 12, 1, error, count1, 0, 0,
        ];
        sense.extend([lba[0], 0, lba[1], 0, 0, 0, status]);
        sense
    };
    let state = |count1, lba| ata_state(&sense(0, count1, lba, 0x50));
    assert_eq!(state(0x00, [0, 0]), Some(SanitizeState::Idle));
    assert_eq!(state(0x80, [0, 0]), Some(SanitizeState::Done));
    assert_eq!(state(0x20, [0, 0]), Some(SanitizeState::Frozen));
    let done = Some(0x1234);
    assert_eq!(
        state(0x40, [0x34, 0x12]),
        Some(SanitizeState::Running { done })
    );
    assert_eq!(
        ata_state(&sense(4, 0, [0, 0], 0x51)),
        Some(SanitizeState::Failed)
    );
    assert_eq!(ata_state(&[0x70; 32]), None);
}

#[test]
fn nvme_tells_in_its_log_page() {
    let mut log = vec![0; 512];
    assert_eq!(nvme_state(&log), Some(SanitizeState::Idle));
    log[..4].copy_from_slice(&[0x00, 0x80, 0x02, 0x01]);
    let done = Some(0x8000);
    assert_eq!(nvme_state(&log), Some(SanitizeState::Running { done }));
    log[2] = 3;
    assert_eq!(nvme_state(&log), Some(SanitizeState::Failed));
    log[2] = 1;
    assert_eq!(nvme_state(&log), Some(SanitizeState::Done));
    log[12..16].copy_from_slice(&90_u32.to_le_bytes());
    log[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    let time = |it| nvme_time(&log, it);
    assert_eq!(time(SanitizeMethod::Block), Some(Duration::from_secs(90)));
    assert_eq!(time(SanitizeMethod::Crypto), None, "it makes no estimate");
}

#[test]
fn scsi_tells_when_it_is_asked_for_sense_data() {
    let mut sense = vec![0; 18];
    sense[0] = 0x70;
    assert_eq!(scsi_state(&sense), Some(SanitizeState::Idle));
    (sense[2], sense[12], sense[13]) = (2, 0x04, 0x1b);
    assert_eq!(
        scsi_state(&sense),
        Some(SanitizeState::Running { done: None })
    );
    (sense[15], sense[16], sense[17]) = (0x80, 0x40, 0x00);
    let done = Some(0x4000);
    assert_eq!(scsi_state(&sense), Some(SanitizeState::Running { done }));
    (sense[2], sense[12], sense[13]) = (3, 0x31, 0x03);
    assert_eq!(scsi_state(&sense), Some(SanitizeState::Failed));
}

proptest! {
    #[test]
    fn any_answer_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = ata_methods(&bytes);
        let _ = ata_state(&bytes);
        let _ = nvme_methods(&bytes);
        let _ = nvme_state(&bytes);
        let _ = nvme_time(&bytes, SanitizeMethod::Block);
        let _ = scsi_is_supported(&bytes);
        let _ = scsi_state(&bytes);
    }
}

//! How disks erase themselves: the commands of ATA, NVMe and SCSI as bytes, and their answers.
//!
//! Pure. Sources: ACS-4 7.36 and 9.3 (SANITIZE DEVICE, IDENTIFY DEVICE word 59), SAT-4 (ATA
//! PASS-THROUGH (16), its status return descriptor), NVM Express Base 2.0 5.24 and 5.16.1.25
//! (Sanitize, log page 81h) and 5.17.2.1 (Identify Controller), SBC-4 5.41 (SANITIZE), SPC-5
//! (REPORT SUPPORTED OPERATION CODES, REQUEST SENSE).

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// How a disk erases itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SanitizeMethod {
    /// It forgets the key with which everything on it is encrypted. Takes seconds.
    Crypto,
    /// It erases its flash, also what is not addressed any more. Takes seconds to minutes.
    Block,
    /// It overwrites itself with zeros, also what is not addressed any more. Takes hours.
    Overwrite,
}

impl SanitizeMethod {
    /// All, in the order in which they are chosen.
    pub const ALL: [SanitizeMethod; 3] = [
        SanitizeMethod::Crypto,
        SanitizeMethod::Block,
        SanitizeMethod::Overwrite,
    ];

    /// A stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            SanitizeMethod::Crypto => "crypto",
            SanitizeMethod::Block => "block",
            SanitizeMethod::Overwrite => "overwrite",
        }
    }
}

impl fmt::Display for SanitizeMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SanitizeMethod::Crypto => "forget its key (crypto erase)",
            SanitizeMethod::Block => "erase its flash (block erase)",
            SanitizeMethod::Overwrite => "overwrite itself",
        })
    }
}

/// What a disk says about erasing itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Sanitize {
    /// It cannot.
    Cannot {
        /// Why, in words.
        because: String,
    },
    /// It can.
    Can {
        /// How, and how long it says that it takes.
        methods: Vec<(SanitizeMethod, Option<Duration>)>,
        /// In which language it is told.
        language: Language,
        /// Whether it does now.
        state: SanitizeState,
    },
}

/// In which language a disk is told to erase itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// ATA, through SCSI's ATA PASS-THROUGH (16).
    Ata,
    /// NVMe admin commands.
    Nvme,
    /// SCSI.
    Scsi,
}

/// Whether a disk erases itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum SanitizeState {
    /// It does not, and did not since anybody can tell.
    Idle,
    /// It does.
    Running {
        /// How far it is, in 65,536ths; `None`: it does not say.
        done: Option<u16>,
    },
    /// It did, and succeeded.
    Done,
    /// It did, and failed.
    Failed,
    /// It takes no such command until it was switched off: a firmware froze it.
    Frozen,
}

/// A command as it is sent to a disk: 16 bytes of SCSI, or the 64 bytes of an NVMe admin command;
/// and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandBlock {
    /// In which language.
    pub language: Language,
    /// The command.
    pub bytes: Vec<u8>,
    /// What is sent after it.
    pub data_out: Vec<u8>,
    /// How many bytes it answers.
    pub data_in: u32,
}

impl CommandBlock {
    fn scsi(language: Language, bytes: &[u8]) -> CommandBlock {
        CommandBlock {
            language,
            bytes: bytes.to_vec(),
            data_out: Vec::new(),
            data_in: 0,
        }
    }

    /// In hexadecimal, as the standards write it.
    #[must_use]
    pub fn hex(&self) -> String {
        let hex = |bytes: &[u8]| {
            let bytes: Vec<String> = bytes.iter().map(|it| format!("{it:02x}")).collect();
            bytes.join(" ")
        };
        match self.data_out.as_slice() {
            [] => hex(&self.bytes),
            data => format!("{} | {}", hex(&self.bytes), hex(data)),
        }
    }
}

/// The command that has a disk erase itself.
#[must_use]
pub fn sanitize_command(language: Language, method: SanitizeMethod) -> CommandBlock {
    match language {
        Language::Ata => ata_sanitize(method),
        Language::Nvme => nvme_sanitize(method),
        Language::Scsi => scsi_sanitize(method),
    }
}

/// ATA registers of a 48-bit command.
struct Registers {
    feature: u16,
    count: u16,
    lba: u64,
    command: u8,
}

/// How data goes with an ATA command, and whether its registers are wanted back.
enum Transfer {
    None,
    /// One sector of 512 bytes to the host.
    In,
}

fn ata(registers: &Registers, transfer: &Transfer) -> CommandBlock {
    let Registers {
        feature,
        count,
        lba,
        command,
    } = registers;
    let [_, _, lba5, lba4, lba3, lba2, lba1, lba0] = lba.to_be_bytes();
    let [feature1, feature0] = feature.to_be_bytes();
    let [count1, count0] = count.to_be_bytes();
    // Protocols: 3 is non-data, 4 is PIO in. The lowest bit says that it is a 48-bit command.
    let (protocol, flags, data_in) = match transfer {
        // CK_COND: the registers come back as sense data.
        Transfer::None => (3 << 1 | 1, 0x20, 0),
        // T_DIR in, BYT_BLOK, T_LENGTH in the count.
        Transfer::In => (4 << 1, 0x0e, 512),
    };
    // The device register says that addresses are logical.
    let device = 0x40;
    let mut block = CommandBlock::scsi(
        Language::Ata,
        &[
            0x85, protocol, flags, feature1, feature0, count1, count0, lba3, lba0, lba4, lba1,
            lba5, lba2, device, *command, 0,
        ],
    );
    block.data_in = data_in;
    block
}

fn ata_sanitize(method: SanitizeMethod) -> CommandBlock {
    let (feature, count, lba) = match method {
        // "Cryp"
        SanitizeMethod::Crypto => (0x0011, 0, 0x4372_7970),
        // "BkEr"
        SanitizeMethod::Block => (0x0012, 0, 0x426b_4572),
        // "OW" and four bytes of pattern, once.
        SanitizeMethod::Overwrite => (0x0014, 1, 0x4f57_0000_0000),
    };
    let registers = Registers {
        feature,
        count,
        lba,
        command: 0xb4,
    };
    ata(&registers, &Transfer::None)
}

/// SANITIZE STATUS EXT.
#[must_use]
pub(super) fn ata_status() -> CommandBlock {
    let registers = Registers {
        feature: 0,
        count: 0,
        lba: 0,
        command: 0xb4,
    };
    ata(&registers, &Transfer::None)
}

/// IDENTIFY DEVICE.
#[must_use]
pub(super) fn ata_identify() -> CommandBlock {
    let registers = Registers {
        feature: 0,
        count: 1,
        lba: 0,
        command: 0xec,
    };
    ata(&registers, &Transfer::In)
}

/// The ways of word 59 of IDENTIFY DEVICE; empty: the feature set is not there.
#[must_use]
pub(super) fn ata_methods(identify: &[u8]) -> BTreeSet<SanitizeMethod> {
    let word = match identify.get(118..120) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    };
    let bits = [
        (13, SanitizeMethod::Crypto),
        (15, SanitizeMethod::Block),
        (14, SanitizeMethod::Overwrite),
    ];
    match word & 1 << 12 {
        0 => BTreeSet::new(),
        _ => chosen(u32::from(word), &bits),
    }
}

fn chosen(word: u32, bits: &[(u32, SanitizeMethod)]) -> BTreeSet<SanitizeMethod> {
    let set = bits.iter().filter(|(bit, _)| word & 1 << bit != 0);
    set.map(|(_, method)| *method).collect()
}

/// The answer to [`ata_status`], from the registers that came back as sense data; `None`: they did
/// not.
#[must_use]
pub(super) fn ata_state(sense: &[u8]) -> Option<SanitizeState> {
    let registers = status_return(sense)?;
    let at = |index: usize| registers.get(index).copied();
    let (count1, error, status) = (at(4)?, at(3)?, at(13)?);
    let done = u16::from_be_bytes([at(9)?, at(7)?]);
    Some(match count1 {
        // The command itself failed: a sanitize before it did.
        _ if status & 1 != 0 && error & 4 != 0 => SanitizeState::Failed,
        it if it & 0x40 != 0 => SanitizeState::Running { done: Some(done) },
        it if it & 0x80 != 0 => SanitizeState::Done,
        it if it & 0x20 != 0 => SanitizeState::Frozen,
        _ => SanitizeState::Idle,
    })
}

/// The ATA status return descriptor within sense data of descriptor format.
fn status_return(sense: &[u8]) -> Option<&[u8]> {
    if !matches!(sense.first()? & 0x7f, 0x72 | 0x73) {
        return None;
    }
    let mut rest = sense.get(8..)?;
    loop {
        let (kind, length) = (*rest.first()?, usize::from(*rest.get(1)?) + 2);
        let this = rest.get(..length)?;
        if kind == 0x09 && length >= 14 {
            return Some(this);
        }
        rest = rest.get(length..)?;
    }
}

fn nvme(opcode: u8, namespace: u32, dwords: [u32; 2], data_in: u32) -> CommandBlock {
    let mut bytes = vec![0; 64];
    let mut put = |at: usize, value: u32| {
        let end = at + 4;
        bytes.splice(at..end, value.to_le_bytes());
    };
    put(0, u32::from(opcode));
    put(4, namespace);
    put(40, dwords[0]);
    put(44, dwords[1]);
    CommandBlock {
        language: Language::Nvme,
        bytes,
        data_out: Vec::new(),
        data_in,
    }
}

fn nvme_sanitize(method: SanitizeMethod) -> CommandBlock {
    let action = match method {
        SanitizeMethod::Block => 2,
        // One pass of zeros.
        SanitizeMethod::Overwrite => 3 | 1 << 4,
        SanitizeMethod::Crypto => 4,
    };
    nvme(0x84, 0, [action, 0], 0)
}

/// Get Log Page of 81h, sanitize status.
#[must_use]
pub(super) fn nvme_status() -> CommandBlock {
    // 512 bytes are 128 double words, counted from 0.
    nvme(0x02, u32::MAX, [127 << 16 | 0x81, 0], 512)
}

/// Identify Controller.
#[must_use]
pub(super) fn nvme_identify() -> CommandBlock {
    nvme(0x06, 0, [1, 0], 4096)
}

/// The ways of SANICAP.
#[must_use]
pub(super) fn nvme_methods(identify: &[u8]) -> BTreeSet<SanitizeMethod> {
    let bits = [
        (0, SanitizeMethod::Crypto),
        (1, SanitizeMethod::Block),
        (2, SanitizeMethod::Overwrite),
    ];
    chosen(little(identify, 328).unwrap_or(0), &bits)
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// The state of a sanitize log page; `None`: it is too short.
#[must_use]
pub(super) fn nvme_state(log: &[u8]) -> Option<SanitizeState> {
    let word = little(log, 0)?;
    let (done, status) = ((word & 0xffff) as u16, word >> 16 & 0b111);
    Some(match status {
        1 | 4 => SanitizeState::Done,
        2 => SanitizeState::Running { done: Some(done) },
        3 => SanitizeState::Failed,
        _ => SanitizeState::Idle,
    })
}

/// How long a method takes, as a sanitize log page says; `None`: it does not.
#[must_use]
pub(super) fn nvme_time(log: &[u8], method: SanitizeMethod) -> Option<Duration> {
    let at = match method {
        SanitizeMethod::Overwrite => 8,
        SanitizeMethod::Block => 12,
        SanitizeMethod::Crypto => 16,
    };
    let seconds = little(log, at).filter(|it| !matches!(*it, 0 | u32::MAX))?;
    Some(Duration::from_secs(seconds.into()))
}

fn scsi_service(method: SanitizeMethod) -> u8 {
    match method {
        SanitizeMethod::Overwrite => 1,
        SanitizeMethod::Block => 2,
        SanitizeMethod::Crypto => 3,
    }
}

fn scsi_sanitize(method: SanitizeMethod) -> CommandBlock {
    // One pass, a pattern of four bytes, which are zero.
    let data: &[u8] = match method {
        SanitizeMethod::Overwrite => &[1, 0, 0, 4, 0, 0, 0, 0],
        _ => &[],
    };
    // IMMED: it answers at once and works on.
    let service = 0x80 | scsi_service(method);
    let length = u8::try_from(data.len()).unwrap_or(0);
    let mut block = CommandBlock::scsi(
        Language::Scsi,
        &[0x48, service, 0, 0, 0, 0, 0, 0, length, 0],
    );
    block.data_out = data.to_vec();
    block
}

/// REPORT SUPPORTED OPERATION CODES: is there a SANITIZE of this sort?
#[must_use]
pub(super) fn scsi_supports(method: SanitizeMethod) -> CommandBlock {
    let service = scsi_service(method);
    let mut block = CommandBlock::scsi(
        Language::Scsi,
        &[0xa3, 0x0c, 3, 0x48, 0, service, 0, 0, 0, 20, 0, 0],
    );
    block.data_in = 20;
    block
}

/// Whether the answer to [`scsi_supports`] is yes.
#[must_use]
pub(super) fn scsi_is_supported(answer: &[u8]) -> bool {
    answer.get(1).is_some_and(|it| matches!(it & 0b111, 3 | 5))
}

/// REQUEST SENSE: does it erase itself?
#[must_use]
pub(super) fn scsi_status() -> CommandBlock {
    let mut block = CommandBlock::scsi(Language::Scsi, &[0x03, 0, 0, 0, 252, 0]);
    block.data_in = 252;
    block
}

/// The answer to [`scsi_status`], which is sense data of fixed format.
#[must_use]
pub(super) fn scsi_state(sense: &[u8]) -> Option<SanitizeState> {
    let byte = |at: usize| sense.get(at).copied();
    let codes = (byte(12)?, byte(13)?);
    Some(match (byte(2)? & 0x0f, codes) {
        // Not ready, sanitize in progress.
        (2, (0x04, 0x1b)) => {
            let says = byte(15)? & 0x80 != 0;
            let done = u16::from_be_bytes([byte(16)?, byte(17)?]);
            SanitizeState::Running {
                done: says.then_some(done),
            }
        }
        // Medium error, sanitize command failed.
        (3, (0x31, 0x03)) => SanitizeState::Failed,
        // It keeps no record of one that succeeded.
        _ => SanitizeState::Idle,
    })
}

#[cfg(test)]
mod tests;

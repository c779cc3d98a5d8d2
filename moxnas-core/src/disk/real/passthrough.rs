//! Commands that go to a disk as they are: the one place that hands memory to the kernel.
//!
//! `SG_IO` for SCSI and, by ATA PASS-THROUGH, for ATA (linux/Documentation/scsi/scsi-generic.rst,
//! `scsi/sg.h`); `NVME_IOCTL_ADMIN_CMD` for NVMe (`linux/nvme_ioctl.h`). What the bytes mean is
//! known elsewhere.

#![expect(unsafe_code, reason = "the two ioctls take pointers in structures")]

use std::{ffi::c_void, fs::File, io, os::fd::AsRawFd, ptr::null_mut};

use super::super::{CommandBlock, Language};

/// How long a command may take: none of them waits for what it begins.
const LIMIT_MS: u32 = 60_000;
/// More sense data than that is cut by the kernel.
const SENSE: u8 = 96;

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// The data.
    pub(super) data: Vec<u8>,
    /// Sense data of SCSI; empty: all is well.
    pub(super) sense: Vec<u8>,
    /// SCSI status, or status field of NVMe; 0: all is well.
    pub(super) status: u32,
}

/// `struct sg_io_hdr`.
#[repr(C)]
struct SgIoHdr {
    interface_id: i32,
    dxfer_direction: i32,
    cmd_len: u8,
    mx_sb_len: u8,
    iovec_count: u16,
    dxfer_len: u32,
    dxferp: *mut c_void,
    cmdp: *const u8,
    sbp: *mut u8,
    timeout: u32,
    flags: u32,
    pack_id: i32,
    usr_ptr: *mut c_void,
    status: u8,
    masked_status: u8,
    msg_status: u8,
    sb_len_wr: u8,
    host_status: u16,
    driver_status: u16,
    resid: i32,
    duration: u32,
    info: u32,
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<SgIoHdr>() == 88);

/// `struct nvme_passthru_cmd`: the first 64 bytes are the command's own, but that the kernel takes
/// the place of the pointers for the address and the lengths of the data.
#[repr(C)]
#[derive(Default)]
struct NvmeAdminCmd {
    opcode: u8,
    flags: u8,
    rsvd1: u16,
    nsid: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    addr: u64,
    metadata_len: u32,
    data_len: u32,
    cdw10: u32,
    cdw11: u32,
    cdw12: u32,
    cdw13: u32,
    cdw14: u32,
    cdw15: u32,
    timeout_ms: u32,
    result: u32,
}
const _: () = assert!(size_of::<NvmeAdminCmd>() == 72);

nix::ioctl_readwrite_bad!(sg_io, 0x2285, SgIoHdr);
nix::ioctl_readwrite!(nvme_admin_cmd, b'N', 0x41, NvmeAdminCmd);

/// Send a command and wait for its answer.
pub(super) fn send(file: &File, block: &CommandBlock) -> io::Result<Reply> {
    match block.language {
        Language::Nvme => send_nvme(file, block),
        Language::Ata | Language::Scsi => send_scsi(file, block),
    }
}

fn send_scsi(file: &File, block: &CommandBlock) -> io::Result<Reply> {
    let length = u8::try_from(block.bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut data = block.data_out.clone();
    // SG_DXFER_NONE, TO_DEV, FROM_DEV.
    let direction = match (block.data_out.is_empty(), block.data_in) {
        (true, 0) => -1,
        (false, _) => -2,
        (true, wanted) => {
            data.resize(wanted as usize, 0);
            -3
        }
    };
    let mut sense = vec![0; usize::from(SENSE)];
    let mut header = SgIoHdr {
        interface_id: i32::from(b'S'),
        dxfer_direction: direction,
        cmd_len: length,
        mx_sb_len: SENSE,
        iovec_count: 0,
        dxfer_len: u32::try_from(data.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        dxferp: if data.is_empty() {
            null_mut()
        } else {
            data.as_mut_ptr().cast()
        },
        cmdp: block.bytes.as_ptr(),
        sbp: sense.as_mut_ptr(),
        timeout: LIMIT_MS,
        flags: 0,
        pack_id: 0,
        usr_ptr: null_mut(),
        status: 0,
        masked_status: 0,
        msg_status: 0,
        sb_len_wr: 0,
        host_status: 0,
        driver_status: 0,
        resid: 0,
        duration: 0,
        info: 0,
    };
    // SAFETY: the file is open. The three pointers lead to buffers of the lengths beside them, which
    // outlive the call: `block` is borrowed, `data` and `sense` are dropped at the end of this
    // function. The kernel keeps none of them once the call has returned.
    unsafe { sg_io(file.as_raw_fd(), &raw mut header) }?;
    if header.host_status != 0 {
        let why = format!("the controller says {:#06x}", header.host_status);
        return Err(io::Error::other(why));
    }
    sense.truncate(header.sb_len_wr.into());
    if !block.data_out.is_empty() {
        data.clear();
    }
    let missing = usize::try_from(header.resid).unwrap_or(0);
    data.truncate(data.len().saturating_sub(missing));
    Ok(Reply {
        data,
        sense,
        status: header.status.into(),
    })
}

fn send_nvme(file: &File, block: &CommandBlock) -> io::Result<Reply> {
    let word = |at: usize| {
        let bytes = block
            .bytes
            .get(at..at + 4)
            .and_then(|it| it.try_into().ok());
        bytes
            .map(u32::from_le_bytes)
            .ok_or(io::ErrorKind::InvalidInput)
    };
    let [opcode, flags, ..] = word(0)?.to_le_bytes();
    let mut data = vec![0_u8; block.data_in as usize];
    let mut command = NvmeAdminCmd {
        opcode,
        flags,
        nsid: word(4)?,
        addr: if data.is_empty() {
            0
        } else {
            data.as_mut_ptr() as u64
        },
        data_len: block.data_in,
        cdw10: word(40)?,
        cdw11: word(44)?,
        cdw12: word(48)?,
        cdw13: word(52)?,
        cdw14: word(56)?,
        cdw15: word(60)?,
        timeout_ms: LIMIT_MS,
        ..NvmeAdminCmd::default()
    };
    // SAFETY: the file is open. `addr` is the address of `data`, which is `data_len` bytes long and
    // outlives the call; the kernel keeps nothing of it once the call has returned.
    let status = unsafe { nvme_admin_cmd(file.as_raw_fd(), &raw mut command) }?;
    Ok(Reply {
        data,
        sense: Vec::new(),
        status: u32::try_from(status).unwrap_or(u32::MAX),
    })
}

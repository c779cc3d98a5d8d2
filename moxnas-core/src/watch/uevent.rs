//! What the kernel says of its devices, and udev after it: messages of the netlink socket of
//! uevents, see lib/kobject_uevent.c of the kernel and sd-device/device-monitor.c of systemd.

use std::str;

/// What stands before the properties in a message of udev.
const UDEV: &[u8] = b"libudev\0";
/// The word after it, in network order.
const MAGIC: u32 = 0xfeed_cafe;

/// Something happened to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uevent {
    /// Who says so.
    pub from: UeventFrom,
    /// What: `add`, `remove`, `change`, and others.
    pub action: String,
    /// Which device: its folder below `/sys`.
    pub devpath: String,
    /// What sort of device: `block` for those that data is kept on.
    pub subsystem: String,
    /// Its node, where it has one: the kernel says `sda`, udev `/dev/sda`.
    pub devname: Option<String>,
    /// The kernel's number of the event. What udev says has that of the event that it is about.
    pub seqnum: Option<u64>,
}

/// Who says that something happened to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UeventFrom {
    /// The kernel, at once.
    Kernel,
    /// udev, when it has looked at the device and written down what it found.
    Udev,
}

/// Bytes are no uevent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUevent {
    /// It ends before the header does.
    #[error("the header of udev is cut short")]
    HeaderCutShort,
    /// The header is that of another protocol.
    #[error("the header of udev has the magic word {0:#x}")]
    Magic(u32),
    /// The header says that the properties stand where nothing is.
    #[error("the header of udev says that the properties are outside of the message")]
    PropertiesOutside,
    /// It does not begin with what happened to which device.
    #[error("it does not begin with an action")]
    NoAction,
    /// A property that every uevent has is not there.
    #[error("it has no {0}")]
    Missing(&'static str),
}

impl Uevent {
    /// Read a message. Properties that are not known, or no text, are passed over.
    pub fn decode(message: &[u8]) -> Result<Uevent, BadUevent> {
        match message.starts_with(UDEV) {
            true => read(UeventFrom::Udev, properties_of_udev(message)?),
            false => {
                let end = message.iter().position(|it| *it == 0);
                let (head, properties) = message.split_at(end.unwrap_or(message.len()));
                if !head.contains(&b'@') {
                    return Err(BadUevent::NoAction);
                }
                read(UeventFrom::Kernel, properties)
            }
        }
    }

    /// Whether it is about a device that data can be kept on.
    #[must_use]
    pub fn is_about_block_device(&self) -> bool {
        self.subsystem == "block"
    }
}

fn properties_of_udev(message: &[u8]) -> Result<&[u8], BadUevent> {
    let word = |at: usize| -> Result<[u8; 4], BadUevent> {
        let bytes = message.get(at..at + 4).and_then(|it| it.try_into().ok());
        bytes.ok_or(BadUevent::HeaderCutShort)
    };
    let magic = u32::from_be_bytes(word(8)?);
    if magic != MAGIC {
        return Err(BadUevent::Magic(magic));
    }
    // After the magic word: size of the header, where the properties begin, and their length, in
    // the order of this machine.
    let number = |at| Ok(usize::try_from(u32::from_ne_bytes(word(at)?)).unwrap_or(usize::MAX));
    let (from, length): (usize, usize) = (number(16)?, number(20)?);
    let to = from.checked_add(length);
    let properties = to.and_then(|to| message.get(from..to));
    properties.ok_or(BadUevent::PropertiesOutside)
}

fn read(from: UeventFrom, properties: &[u8]) -> Result<Uevent, BadUevent> {
    let find = |name: &str| -> Option<&str> {
        let all = properties.split(|it| *it == 0);
        let mut texts = all.filter_map(|it| str::from_utf8(it).ok());
        texts.find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
    };
    let needed = |name: &'static str| {
        let found = find(name).map(str::to_owned);
        found.ok_or(BadUevent::Missing(name))
    };
    Ok(Uevent {
        from,
        action: needed("ACTION")?,
        devpath: needed("DEVPATH")?,
        subsystem: needed("SUBSYSTEM")?,
        devname: find("DEVNAME").map(str::to_owned),
        seqnum: find("SEQNUM").and_then(|it| it.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Linux 6.12 writes it when a SCSI disk comes.
    const ADDED: &[u8] =
        b"add@/devices/pci0000:00/0000:00:05.0/host2/target2:0:0/2:0:0:0/block/sda\0\
        ACTION=add\0DEVPATH=/devices/pci0000:00/0000:00:05.0/host2/target2:0:0/2:0:0:0/block/sda\0\
        SUBSYSTEM=block\0MAJOR=8\0MINOR=0\0DEVNAME=sda\0DEVTYPE=disk\0DISKSEQ=12\0SEQNUM=1887\0";

    /// The same properties behind a header as systemd 257 writes it.
    fn of_udev(properties: &[u8]) -> Vec<u8> {
        let mut message = UDEV.to_vec();
        message.extend(MAGIC.to_be_bytes());
        let length = u32::try_from(properties.len()).unwrap();
        for word in [40, 40, length, 0x1234_5678, 0, 0, 0] {
            message.extend(u32::to_ne_bytes(word));
        }
        message.extend(properties);
        message
    }

    #[test]
    fn the_kernel_and_udev_say_the_same() {
        let kernel = Uevent::decode(ADDED).unwrap();
        assert_eq!(kernel.from, UeventFrom::Kernel);
        assert_eq!(kernel.action, "add");
        assert!(kernel.devpath.ends_with("/block/sda"));
        assert!(kernel.is_about_block_device());
        assert_eq!(kernel.devname.as_deref(), Some("sda"));
        assert_eq!(kernel.seqnum, Some(1887));

        let head = ADDED.iter().position(|it| *it == 0).unwrap() + 1;
        let udev = Uevent::decode(&of_udev(&ADDED[head..])).unwrap();
        let from = UeventFrom::Udev;
        assert_eq!(udev, Uevent { from, ..kernel });
    }

    #[test]
    fn what_is_no_block_device_is_told_apart() {
        let text = b"change@/devices/virtual/bdi/8:0\0ACTION=change\0\
            DEVPATH=/devices/virtual/bdi/8:0\0SUBSYSTEM=bdi\0SEQNUM=3\0";
        let event = Uevent::decode(text).unwrap();
        assert!(!event.is_about_block_device());
        assert_eq!(event.devname, None);
    }

    #[test]
    fn damage_is_named() {
        let check = |message: &[u8], why| assert_eq!(Uevent::decode(message), Err(why));
        check(b"", BadUevent::NoAction);
        check(b"no action\0ACTION=add\0", BadUevent::NoAction);
        check(b"add@/x\0", BadUevent::Missing("ACTION"));
        check(
            b"add@/x\0ACTION=add\0DEVPATH=/x\0",
            BadUevent::Missing("SUBSYSTEM"),
        );
        check(UDEV, BadUevent::HeaderCutShort);
        let whole = of_udev(b"ACTION=add\0");
        check(&whole, BadUevent::Missing("DEVPATH"));
        check(&whole[..whole.len() - 1], BadUevent::PropertiesOutside);
        let mut other = whole;
        other[8..12].copy_from_slice(&[0, 0, 0, 1]);
        check(&other, BadUevent::Magic(1));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Uevent::decode(&message);
            let _ = Uevent::decode(&of_udev(&message));
            let _ = Uevent::decode(&[UDEV, &MAGIC.to_be_bytes(), &message].concat());
        }
    }
}

//! A disk as one writes it on a command line: `nvme:128M`, `scsi:1G,serial=LABX,rpm=7200,bad=2048+8`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use moxnas_tests::lab::{Bus, Disk};

/// Parses one `--disk`.
pub(super) fn parse(text: &str) -> Result<Disk> {
    let (bus, rest) = text
        .split_once(':')
        .with_context(|| format!("{text}: not BUS:SIZE"))?;
    let bus = match bus {
        "nvme" => Bus::Nvme,
        "scsi" => Bus::Scsi,
        "virtio" => Bus::Virtio,
        "usb" => Bus::Usb,
        "sata" => Bus::Sata,
        _ => bail!("{bus} is no bus (nvme, scsi, virtio, usb, sata)"),
    };
    let mut options = rest.split(',');
    let disk = Disk::new(bus, size(options.next().unwrap_or_default())?);
    options.try_fold(disk, |disk, option| {
        let (name, value) = option
            .split_once('=')
            .with_context(|| format!("{option}: no value"))?;
        Ok(match name {
            "serial" => disk.serial(value),
            "rpm" => disk.rpm(value.parse()?),
            "file" => disk.file(Path::new(value)),
            "bad" => {
                let (first, count) = value.split_once('+').context("bad is FIRST+COUNT")?;
                disk.bad_sectors(first.parse()?, count.parse()?)
            }
            _ => bail!("{name} is no option of a disk (serial, rpm, file, bad)"),
        })
    })
}

fn size(text: &str) -> Result<u64> {
    let (number, unit) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let number: u64 = number
        .parse()
        .with_context(|| format!("{text} is no size"))?;
    Ok(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_read() {
        let disk = parse("scsi:128M,serial=LABX,rpm=7200,bad=2048+8").unwrap();
        assert_eq!(
            (disk.bus, disk.size, disk.rpm),
            (Bus::Scsi, 128 << 20, Some(7200))
        );
        assert_eq!(disk.serial.as_deref(), Some("LABX"));
        assert_eq!(disk.bad_sectors, Some((2048, 8)));
        assert!(parse("floppy:1M").is_err());
        assert!(parse("nvme:much").is_err());
    }
}

//! What arrays are called: udev's database and mdadm's map.

use std::collections::BTreeMap;

use moxnas_core::root::Root;

/// Where mdadm keeps which array it assembled under which name, see mdadm(8), "FILES".
const MAP: &str = "/run/mdadm/map";

/// Names by kernel name, from mdadm's map. A map that cannot be read names nothing.
pub(super) fn from_map(root: &Root) -> BTreeMap<String, String> {
    let text = root.read(MAP).ok().flatten().unwrap_or_default();
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let kernel_name = words.next()?.to_owned();
        let path = words.nth(2)?;
        Some((kernel_name, path.strip_prefix("/dev/md/")?.to_owned()))
    };
    text.lines().filter_map(entry).collect()
}

/// The name that udev made a link for, from its record of the device; or that of the superblock,
/// in which the name of this machine goes without saying.
pub(super) fn from_udev(root: &Root, number: (u32, u32)) -> Option<String> {
    let text = root
        .read(format!("/run/udev/data/b{}:{}", number.0, number.1))
        .ok()??;
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|it| it.strip_prefix("E:")?.strip_prefix(key))?;
        line.strip_prefix('=')
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
    };
    value("MD_DEVNAME").or_else(|| {
        let name = value("MD_NAME")?;
        let host = root.read("/etc/hostname").ok().flatten();
        let own = host.as_ref().and_then(|host| {
            let (of, name) = name.split_once(':')?;
            (of == host.trim()).then(|| name.to_owned())
        });
        Some(own.unwrap_or(name))
    })
}

/// Make every name unique: of two arrays with one name, both go by their kernel name.
pub(super) fn make_unique(arrays: &mut [crate::model::Array]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for array in arrays.iter() {
        *count.entry(array.name.clone()).or_default() += 1;
    }
    for array in arrays.iter_mut().filter(|it| count[&it.name] > 1) {
        array.name.clone_from(&array.kernel_name);
    }
}

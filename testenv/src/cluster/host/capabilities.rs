//! The capabilities that a node container asks for.

use crate::Error;

/// By their numbers in the kernel. The list ends where engines that are still in use stop to know them.
const NAMES: [&str; 38] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
];

/// Those in this machine's bounding set. `--privileged` would ask for all that the kernel has, which is refused where
/// the machine is itself a container that was denied some.
pub(super) fn available() -> Result<Vec<String>, Error> {
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(|source| Error::io("read /proc/self/status", source))?;
    let set = bounding_set(&status).ok_or_else(|| {
        Error::io(
            "find CapBnd in /proc/self/status",
            std::io::ErrorKind::InvalidData.into(),
        )
    })?;
    Ok(names(set))
}

fn bounding_set(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn names(set: u64) -> Vec<String> {
    let named = NAMES
        .iter()
        .enumerate()
        .filter(|(number, _)| set >> number & 1 == 1);
    named.map(|(_, name)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounding_set_is_read_from_the_kernels_words() {
        let status = "CapEff:\t0000000000000000\nCapBnd:\t0000000000000005\nCapAmb:\t0000000000000000\n";
        assert_eq!(bounding_set(status), Some(5));
        assert_eq!(bounding_set("Name:\tsh\n"), None);
    }

    #[test]
    fn only_capabilities_of_the_set_are_named_and_none_that_the_engine_may_not_know() {
        assert_eq!(names(0b101), ["CHOWN", "DAC_READ_SEARCH"]);
        assert_eq!(names(u64::MAX).len(), NAMES.len());
        assert_eq!(names(1 << 37), ["AUDIT_READ"]);
    }
}

//! Validation and normalization of the values that identify a machine.

use super::Rejection;

/// Machine ids that were part of images, so all machines that were created from such an image have
/// the same id.
const IMAGE_IDS: [&str; 8] = [
    // Whonix and Kicksecure, intentionally: github.com/Whonix/dist-base-files, etc/machine-id.
    "b08dfa6083e7567a1921a715000001fb",
    // Linux Mint 20: github.com/linuxmint/linuxmint, issue 361.
    "b76cc7b1bbdc489e93909d2043031de8",
    // Linux Mint 21: github.com/linuxmint/linuxmint, issue 126.
    "e7d0df732b0649e49e97a4d764308014",
    // HypriotOS before 1.7: github.com/hypriot/image-builder-rpi, issues 143 and 167.
    "9989a26f06984d6dbadc01770f018e3b",
    // Unofficial Ubuntu for the Raspberry Pi 4:
    // github.com/TheRemote/Ubuntu-Server-raspi4-unofficial, issue 74.
    "1c4ad377574c4263adbb7c624b6a3429",
    // Debian 8.1 for OpenStack: github.com/hartwork/image-bootstrap, issue 13; Debian bug 789960.
    "cdb7f92199c748a7a20d33ab52974cbb",
    // The container images debian:11.1 and debian:11.2:
    // github.com/debuerreotype/docker-debian-artifacts, issue 151.
    "85f94e57ab75f80918cab17d001eac85",
    "88544b92092430bc5d3fbbffc12a2f04",
];

/// Default UUIDs of boards. The first six are in CapaSystems' list "Non-Unique UUID", the others in
/// lists of inventory programs.
const BOARD_UUIDS: [&str; 11] = [
    "03000200-0400-0500-0006-000700080009",
    "00020003-0004-0005-0006-000700080009",
    "07090201-0103-0301-0807-060504030201",
    "dc698397-fa54-4cf2-82c8-b1b5307a6a7f",
    "8e275844-178f-44a8-aceb-a7d7e5178c63",
    "890e2d14-cacd-45d1-ae66-bc80e8bfeb0f",
    "12345678-1234-5678-90ab-cddeefaabbcc",
    "12345678-1234-5678-1234-567812345678",
    "ffffff00-ffff-ffff-ffff-ffffffffffff",
    "00010203-0405-0607-0809-0a0b0c0d0e0f",
    "01234567-89ab-cdef-0123-456789abcdef",
];

/// The end of five more UUIDs in CapaSystems' list. Only the first bytes of these UUIDs are set.
const UNSET_UUID_END: &str = "-ffff-ffff-ffff-ffffffffffff";

/// Placeholders in firmware that some manufacturers do not replace. The sources are dmidecode(8)
/// and boards on the market.
const PLACEHOLDERS: [&str; 18] = [
    "not settable",
    "not present",
    "not specified",
    "not available",
    "not applicable",
    "to be filled by o.e.m.",
    "to be filled by oem",
    "default string",
    "system serial number",
    "system serial#",
    "serial number",
    "none",
    "n/a",
    "unknown",
    "invalid",
    "123456789",
    "0123456789",
    "1234567890",
];

/// Prefixes of serial numbers that a hypervisor gives to virtual disks of many machines: QEMU's
/// `QM00001` and `drive-scsi0`, Google's `persistent-disk-0` and `nvme_card-pd`. The kernel also
/// shows `nvme_card` in hexadecimal, as part of the world-wide name.
const VIRTUAL_DISK_PREFIXES: [&str; 5] = [
    "qm0000",
    "drive-",
    "persistent-disk-",
    "nvme_card",
    "nvme.1ae0-6e766d655f63617264",
];

/// Prefixes of network addresses that are derived from an IP address or shared by many machines.
const SHARED_ADDRESS_PREFIXES: [&str; 5] = [
    // Google Compute Engine: derived from the internal IP address, which is the same in many
    // projects.
    "42:01:",
    // Docker: derived from the container's IP address.
    "02:42:",
    // The default of QEMU.
    "52:54:00:12:34:5",
    // The host's side of a Xen network interface.
    "fe:ff:ff:ff:ff:ff",
    // The placeholder of a system that hides the address.
    "02:00:00:00:00:00",
];

/// Normalizes a configured id: 8 to 128 characters of printable ASCII.
pub(super) fn configured_id(text: &str) -> Result<String, Rejection> {
    let text = not_empty(text)?;
    let id = text.to_ascii_lowercase();
    if id == "uninitialized" {
        return Err(Rejection::Uninitialized);
    }
    if !(8..=128).contains(&id.len()) || !is_printable(&id) {
        return Err(Rejection::ConfiguredIdForm);
    }
    not_uniform(&id)?;
    not_a_default(&id)?;
    Ok(id)
}

/// Normalizes the first line of a file as a configured id.
///
/// A file in another encoding was always rejected, and its machine has another identity. Accepting
/// the file would change this identity, and the license of the machine would no longer match.
pub(super) fn configured_id_in_file(text: &str) -> Result<String, Rejection> {
    let line = text.lines().next().unwrap_or_default();
    configured_id(line).map_err(|rejection| match rejection {
        // Other encodings are read as text with NUL and replacement characters.
        Rejection::ConfiguredIdForm if line.contains(['\u{feff}', '\u{fffd}', '\0']) => {
            Rejection::Encoding
        }
        other => other,
    })
}

/// Normalizes a machine id (machine-id(5)): exactly 32 lowercase hexadecimal digits.
pub(super) fn machine_id(text: &str) -> Result<String, Rejection> {
    let id = not_empty(text)?;
    if id == "uninitialized" {
        return Err(Rejection::Uninitialized);
    }
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if id.len() != 32 || !id.bytes().all(is_digit) {
        return Err(Rejection::Malformed);
    }
    not_uniform(id)?;
    not_a_default(id)?;
    Ok(id.to_owned())
}

/// Normalizes a UUID in its usual form, with or without braces, in uppercase or lowercase (RFC 9562
/// section 4).
pub(super) fn uuid(text: &str) -> Result<String, Rejection> {
    let text = not_empty(text)?.to_ascii_lowercase();
    not_a_placeholder(&text)?;
    let bare = text.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    let id = bare.unwrap_or(&text);
    let groups = id.split('-').map(|group| (group.len(), is_hex(group)));
    if !groups.eq([8, 4, 4, 4, 12].map(|length| (length, true))) {
        return Err(Rejection::Malformed);
    }
    not_uniform(id)?;
    not_a_default(id)?;
    Ok(id.to_owned())
}

/// Normalizes the address of a network card. Accepts locally administered addresses, because a
/// virtual machine may have such an address permanently.
pub(super) fn mac_address(text: &str) -> Result<String, Rejection> {
    let address = not_empty(text)?.to_ascii_lowercase().replace('-', ":");
    let octets = address.split(':').map(|octet| (octet.len(), is_hex(octet)));
    if !octets.eq([(2, true); 6]) {
        return Err(Rejection::Malformed);
    }
    not_uniform(&address)?;
    if SHARED_ADDRESS_PREFIXES
        .iter()
        .any(|default| address.starts_with(default))
    {
        return Err(Rejection::FirmwareDefault);
    }
    // The lowest bit of the first octet marks a group address.
    let second_digit = address.chars().nth(1).and_then(|digit| digit.to_digit(16));
    if second_digit.is_some_and(|digit| digit % 2 == 1) {
        return Err(Rejection::Malformed);
    }
    Ok(address)
}

/// Normalizes the name of a model.
pub(super) fn model(text: &str) -> Result<String, Rejection> {
    let model = one_line(text)?;
    not_a_placeholder(&model)?;
    Ok(model)
}

/// Normalizes a serial number or a world-wide name.
pub(super) fn serial(text: &str) -> Result<String, Rejection> {
    let serial = one_line(text)?;
    let number = serial
        .split_once('.')
        .map_or(&*serial, |(_, number)| number);
    not_uniform(number)?;
    not_a_placeholder(&serial)?;
    let last = serial.rsplit(' ').next().unwrap_or_default();
    if VIRTUAL_DISK_PREFIXES
        .iter()
        .any(|default| last.starts_with(default))
    {
        return Err(Rejection::FirmwareDefault);
    }
    if serial.len() < 4 {
        return Err(Rejection::Malformed);
    }
    Ok(serial)
}

/// Converts a text of at most 256 bytes of printable ASCII to lowercase, and its white space to
/// single spaces. Also removes the NUL at the end of texts in device trees.
fn one_line(text: &str) -> Result<String, Rejection> {
    let text = not_empty(text)?;
    if text.len() > 256 || !is_printable(text) {
        return Err(Rejection::Malformed);
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    Ok(words.join(" ").to_ascii_lowercase())
}

fn not_empty(text: &str) -> Result<&str, Rejection> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
    if text.is_empty() {
        return Err(Rejection::Empty);
    }
    Ok(text)
}

/// Rejects a value that repeats one digit or one byte.
fn not_uniform(text: &str) -> Result<(), Rejection> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let repeats = |length: usize| {
        let mut chunks = digits.chunks(length);
        let first = chunks.next();
        chunks.all(|chunk| Some(chunk) == first)
    };
    if repeats(1) || (digits.len() > 2 && repeats(2)) {
        return Err(Rejection::Uniform);
    }
    Ok(())
}

/// Rejects a machine id or a UUID that many machines have, with or without dashes.
fn not_a_default(id: &str) -> Result<(), Rejection> {
    not_a_placeholder(id)?;
    let digits = id.replace('-', "");
    if IMAGE_IDS.contains(&digits.as_str()) {
        return Err(Rejection::ImageDefault);
    }
    let is_same = |known: &str| known.replace('-', "") == digits;
    if BOARD_UUIDS.iter().any(|known| is_same(known)) || id.ends_with(UNSET_UUID_END) {
        return Err(Rejection::FirmwareDefault);
    }
    Ok(())
}

fn not_a_placeholder(text: &str) -> Result<(), Rejection> {
    if PLACEHOLDERS.contains(&text) {
        return Err(Rejection::FirmwareDefault);
    }
    Ok(())
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

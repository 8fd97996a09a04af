//! Values in the Windows registry.

use std::io::{self, ErrorKind};

use windows_registry::{LOCAL_MACHINE, Type};

use license_core::encoding::hex;

/// `KEY_WOW64_64KEY`: selects the keys of 64-bit programs, even in a 32-bit program.
const VIEW_OF_64_BIT: u32 = 0x0100;

/// `HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND)`
const FILE_NOT_FOUND: i32 = 0x8007_0002_u32.cast_signed();
/// `HRESULT_FROM_WIN32(ERROR_ACCESS_DENIED)`
const ACCESS_DENIED: i32 = 0x8007_0005_u32.cast_signed();

/// Returns a value below `HKEY_LOCAL_MACHINE` as text. A number is in decimal, and binary data are
/// hexadecimal digits.
///
/// # Errors
///
/// Returns `NotFound` if the key or the value does not exist, and `PermissionDenied` if this user
/// may not read it.
pub(super) fn value(key: &str, name: &str) -> io::Result<String> {
    let mut options = LOCAL_MACHINE.options();
    let key = options.read().access(VIEW_OF_64_BIT).open(key);
    let value = key
        .and_then(|key| key.get_value(name))
        .map_err(|error| match error.code().0 {
            FILE_NOT_FOUND => ErrorKind::NotFound.into(),
            ACCESS_DENIED => ErrorKind::PermissionDenied.into(),
            _ => io::Error::other(error),
        })?;
    let text = match value.ty() {
        Type::String | Type::ExpandString => String::try_from(value),
        Type::U32 | Type::U64 => u64::try_from(value).map(|number| number.to_string()),
        _ => Ok(hex::encode(&value)),
    };
    text.map_err(io::Error::other)
}

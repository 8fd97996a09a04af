//! Normalization and rejection of the values that identify a machine.

use super::identity::{configured_id, mac_address, machine_id, model, serial, uuid};
use super::*;
use Rejection::{
    ConfiguredIdForm, Empty, FirmwareDefault, ImageDefault, Malformed, Uniform, Uninitialized,
};

type Normalize = fn(&str) -> Result<String, Rejection>;

fn all_are_rejected(normalize: Normalize, cases: &[(&str, Rejection)]) {
    for (text, rejection) in cases {
        assert_eq!(normalize(text), Err(*rejection), "{text:?}");
    }
}

#[test]
fn a_machine_id_is_32_lowercase_digits() {
    assert_eq!(machine_id(&format!("{ID}\n")).as_deref(), Ok(ID));
    all_are_rejected(
        machine_id,
        &[
            ("", Empty),
            ("\n", Empty),
            ("uninitialized\n", Uninitialized),
            ("00000000000000000000000000000000", Uniform),
            ("ffffffffffffffffffffffffffffffff", Uniform),
            ("abababababababababababababababab", Uniform),
            ("4F2C1D8E9AB34756B0E1C2D3F4A59687", Malformed),
            ("4f2c1d8e9ab34756b0e1c2d3f4a5968", Malformed),
            ("4f2c1d8e-9ab3-4756-b0e1-c2d3f4a59687", Malformed),
            ("4f2c1d8e9ab34756b0e1c2d3f4a59687\n4f2c", Malformed),
            ("4f2c1d8e9ab34756b0e1c2d3f4a5968g", Malformed),
            ("03000200040005000006000700080009", FirmwareDefault),
        ],
    );
}

#[test]
fn a_machine_id_from_an_image_is_rejected() {
    for shipped in [
        "b08dfa6083e7567a1921a715000001fb",
        "b76cc7b1bbdc489e93909d2043031de8",
        "e7d0df732b0649e49e97a4d764308014",
        "9989a26f06984d6dbadc01770f018e3b",
        "1c4ad377574c4263adbb7c624b6a3429",
        "cdb7f92199c748a7a20d33ab52974cbb",
        "85f94e57ab75f80918cab17d001eac85",
        "88544b92092430bc5d3fbbffc12a2f04",
    ] {
        assert_eq!(machine_id(shipped), Err(ImageDefault), "{shipped}");
        assert_eq!(
            configured_id(&shipped.to_uppercase()),
            Err(ImageDefault),
            "{shipped}"
        );
    }
}

#[test]
fn a_uuid_is_compared_in_lowercase_without_braces() {
    let id = "4c4c4544-0051-3610-8052-b4c04f564433";
    for text in [id, "{4C4C4544-0051-3610-8052-B4C04F564433}\r\n"] {
        assert_eq!(uuid(text).as_deref(), Ok(id));
    }
    // Supermicro derives its UUIDs from the address of the network card.
    assert!(uuid("00000000-0000-0000-0000-AC1F6B123456").is_ok());
}

#[test]
fn a_default_uuid_of_boards_is_rejected() {
    all_are_rejected(
        uuid,
        &[
            ("", Empty),
            ("00000000-0000-0000-0000-000000000000", Uniform),
            ("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", Uniform),
            ("FEFEFEFE-FEFE-FEFE-FEFE-FEFEFEFEFEFE", Uniform),
            ("58585858-5858-5858-5858-585858585858", Uniform),
            ("03000200-0400-0500-0006-000700080009", FirmwareDefault),
            ("00020003-0004-0005-0006-000700080009", FirmwareDefault),
            ("07090201-0103-0301-0807-060504030201", FirmwareDefault),
            ("DC698397-FA54-4CF2-82C8-B1B5307A6A7F", FirmwareDefault),
            ("8E275844-178F-44A8-ACEB-A7D7E5178C63", FirmwareDefault),
            ("890E2D14-CACD-45D1-AE66-BC80E8BFEB0F", FirmwareDefault),
            ("12345678-1234-5678-90AB-CDDEEFAABBCC", FirmwareDefault),
            ("12345678-1234-5678-1234-567812345678", FirmwareDefault),
            ("00010203-0405-0607-0809-0A0B0C0D0E0F", FirmwareDefault),
            ("01234567-89AB-CDEF-0123-456789ABCDEF", FirmwareDefault),
            ("56F49712-FFFF-FFFF-FFFF-FFFFFFFFFFFF", FirmwareDefault),
            ("FFFFFF00-FFFF-FFFF-FFFF-FFFFFFFFFFFF", FirmwareDefault),
            ("Not Settable", FirmwareDefault),
            ("To be filled by O.E.M.", FirmwareDefault),
            ("4c4c4544005136108052b4c04f564433", Malformed),
            ("{4c4c4544-0051-3610-8052-b4c04f564433", Malformed),
            ("4c4c4544-0051-3610-8052-b4c04f56443g", Malformed),
        ],
    );
}

#[test]
fn a_configured_id_has_8_to_128_printable_characters() {
    let (shortest, longest) = ("ab345678", "ab".repeat(63) + "c1");
    assert_eq!(configured_id(shortest).as_deref(), Ok(shortest));
    assert_eq!(configured_id(&format!(" {longest}\n")), Ok(longest.clone()));
    assert!(configured_id("rack 4, unit 17").is_ok());
    all_are_rejected(
        configured_id,
        &[
            (" \n", Empty),
            ("Uninitialized", Uninitialized),
            ("00000000", Uniform),
            ("--------", Uniform),
            ("ab34567", ConfiguredIdForm),
            (&format!("{longest}d"), ConfiguredIdForm),
            ("maschine-nr-ä", ConfiguredIdForm),
            ("two\nlines of it", ConfiguredIdForm),
            ("bell\u{7}bell", ConfiguredIdForm),
            ("Default String", FirmwareDefault),
            ("03000200-0400-0500-0006-000700080009", FirmwareDefault),
        ],
    );
}

#[test]
fn an_address_has_six_octets_and_is_not_a_group_address() {
    assert_eq!(
        mac_address("B0-7B-25-D1-00-10").as_deref(),
        Ok("b0:7b:25:d1:00:10")
    );
    all_are_rejected(
        mac_address,
        &[
            ("\n", Empty),
            ("00:00:00:00:00:00", Uniform),
            ("ff:ff:ff:ff:ff:ff", Uniform),
            ("fe:ff:ff:ff:ff:ff", FirmwareDefault),
            ("02:42:ac:11:00:02", FirmwareDefault),
            ("42:01:0a:80:00:02", FirmwareDefault),
            ("52:54:00:12:34:56", FirmwareDefault),
            ("02:00:00:00:00:00", FirmwareDefault),
            ("01:00:5e:00:00:16", Malformed),
            ("b0:7b:25:d1:00", Malformed),
            ("b0:7b:25:d1:00:1", Malformed),
            (
                "80:00:02:08:fe:80:00:00:00:00:00:00:7c:fe:90:03:00:be:5d:e1",
                Malformed,
            ),
        ],
    );
}

#[test]
fn a_serial_number_is_printable_and_not_a_default() {
    assert_eq!(
        serial("t10.ATA     Disk 860   S3Z8NB0K\n").as_deref(),
        Ok("t10.ata disk 860 s3z8nb0k")
    );
    all_are_rejected(
        serial,
        &[
            ("", Empty),
            ("abc", Malformed),
            ("0000000000000000", Uniform),
            ("eui.0000000000000000", Uniform),
            ("0123456789", FirmwareDefault),
            ("System Serial Number", FirmwareDefault),
            (
                "t10.ATA     QEMU HARDDISK                           QM00001",
                FirmwareDefault,
            ),
            ("0QEMU    QEMU HARDDISK   drive-scsi0", FirmwareDefault),
            (
                "nvme.1ae0-6e766d655f636172642d7064-6e766d655f636172642d7064-00000001",
                FirmwareDefault,
            ),
            ("a\u{0}b\u{0}c", Malformed),
            (&"long".repeat(65), Malformed),
        ],
    );
}

#[test]
fn a_model_is_printable_and_not_a_placeholder() {
    assert_eq!(
        model("Intel(R)  Xeon(R) CPU").as_deref(),
        Ok("intel(r) xeon(r) cpu")
    );
    all_are_rejected(
        model,
        &[
            ("", Empty),
            ("unknown", FirmwareDefault),
            ("modèle", Malformed),
        ],
    );
}

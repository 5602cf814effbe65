//! Tables of devices in made-up sources, read.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

struct Files(HashMap<String, String>);

impl Sources for Files {
    fn read(&self, path: &str) -> Option<String> {
        self.0.get(path).cloned()
    }
}

fn files(all: &[(&str, &str)]) -> Files {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    Files(all.iter().map(owned).collect())
}

const HEADERS: &[(&str, &str)] = &[
    (
        "include/linux/pci.h",
        "#define PCI_VDEVICE(vend, dev) \\\n\t.vendor = PCI_VENDOR_ID_##vend, .device = (dev), \\\n\t\
         .subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID, 0, 0\n\
         #define PCI_DEVICE_CLASS(dev_class,dev_class_mask) \\\n\
         .class = (dev_class), .class_mask = (dev_class_mask), \\\n\
         .vendor = PCI_ANY_ID, .device = PCI_ANY_ID, \\\n\
         .subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID\n",
    ),
    (
        "include/linux/mod_devicetable.h",
        "#define PCI_ANY_ID (~0)\n",
    ),
    (
        "include/linux/pci_ids.h",
        "#define PCI_VENDOR_ID_INTEL 0x8086\n#define PCI_CLASS_STORAGE_EXPRESS 0x010802\n",
    ),
    (
        "include/linux/stringify.h",
        "#define __stringify_1(x...) #x\n#define __stringify(x...) __stringify_1(x)\n",
    ),
    ("include/scsi/scsi_proto.h", "#define TYPE_DISK 0x00\n"),
    (
        "include/scsi/scsi_device.h",
        "#define MODULE_ALIAS_SCSI_DEVICE(type) \\\n\tMODULE_ALIAS(\"scsi:t-\" __stringify(type) \"*\")\n",
    ),
];

fn read(all: &[(&str, &str)], path: &str) -> DriverFile {
    let sources = files(&[HEADERS, all].concat());
    TableReader::new(&sources).file(path).expect("a file")
}

#[test]
fn a_drivers_own_macros_and_headers_are_followed() {
    let found = read(
        &[
            (
                "drivers/net/e/hw.h",
                "#ifndef H\n#define H\n#define DEV_ID_82574L 0x10D3\n#endif\n",
            ),
            (
                "drivers/net/e/main.c",
                "#include \"hw.h\"\n\
                 char e_driver_name[] = \"e1000e\";\n\
                 #define E(id) { PCI_VDEVICE(INTEL, id), 1 }\n\
                 /* { PCI_VDEVICE(INTEL, 1) } */\n\
                 static const struct pci_device_id tbl[] __initconst = {\n\
                 #if 0\n\tE(0x1111),\n#endif\n\tE(DEV_ID_82574L),\n\
                 #ifdef CONFIG_MORE\n\tE(0x10F6),\n#endif\n\
                 \t{ PCI_DEVICE_CLASS(PCI_CLASS_STORAGE_EXPRESS, 0xffffff) },\n\
                 \tE(UNKNOWN),\n\t{ 0, }\n};\n\
                 MODULE_DEVICE_TABLE(pci, tbl);\n\
                 static struct pci_driver d = { .name = \"e1000e\", .id_table = tbl };\n\
                 static const struct pci_device_id quirks[] = { E(0x2222) };\n\
                 MODULE_FIRMWARE(\"e/fw-\" \"1.bin\");\n",
            ),
        ],
        "drivers/net/e/main.c",
    );
    assert_eq!(
        found.aliases,
        [
            "pci:v*d*sv*sd*bc01sc08i02*",
            "pci:v00008086d000010D3sv*sd*bc*sc*i*",
            "pci:v00008086d000010F6sv*sd*bc*sc*i*",
        ]
    );
    assert_eq!(found.unread, 1);
    assert_eq!(found.firmware, ["e/fw-1.bin"]);
    assert_eq!(found.names, ["e1000e"]);
}

#[test]
fn a_table_is_read_with_the_definitions_before_it() {
    let found = read(
        &[
            ("drivers/usb/s/list.h", "DEV(0x1111)\nDEV(0x2222)\n"),
            (
                "drivers/usb/s/t.c",
                "#define DEV(v) { .match_flags = 1, .idVendor = (v) },\n\
                 const struct usb_device_id ids[] = {\n#include \"list.h\"\n\t{ }\n};\n\
                 MODULE_DEVICE_TABLE(usb, ids);\n#undef DEV\n\
                 #define DEV(v) { .match_flags = 2, .idProduct = (v) },\n\
                 const struct usb_device_id ignored[] = {\n#include \"list.h\"\n\t{ }\n};\n",
            ),
        ],
        "drivers/usb/s/t.c",
    );
    assert_eq!(
        found.aliases,
        [
            "usb:v1111p*d*dc*dsc*dp*ic*isc*ip*in*",
            "usb:v2222p*d*dc*dsc*dp*ic*isc*ip*in*",
        ]
    );
}

#[test]
fn aliases_that_are_announced_are_read_through_their_macros() {
    let found = read(
        &[(
            "drivers/scsi/sd.c",
            "MODULE_ALIAS_SCSI_DEVICE(TYPE_DISK);\nMODULE_ALIAS(\"fs-ext4\");\n",
        )],
        "drivers/scsi/sd.c",
    );
    assert_eq!(found.aliases, ["fs-ext4", "scsi:t-0x00*"]);
}

#[test]
fn a_table_that_a_driver_names_without_announcing_it_counts() {
    let found = read(
        &[(
            "drivers/acpi/root.c",
            "static const struct acpi_device_id root_ids[] = { {\"PNP0A03\", 0}, {\"\", 0} };\n\
             static struct acpi_scan_handler h = {\n\t.ids = root_ids,\n};\n",
        )],
        "drivers/acpi/root.c",
    );
    assert_eq!(found.aliases, ["acpi*:PNP0A03:*"]);
}

#[test]
fn members_of_enumerations_have_their_numbers() {
    let found = read(
        &[
            (
                "sound/hda/own.h",
                "#ifndef OWN\n#include \"more.h\"\n#endif\nenum { CORE, LEGACY, ASOC = 7, LAST };\n",
            ),
            (
                "sound/hda/more.h",
                "#ifndef MORE\n#define VENDOR 0x10ec0000\n#endif\n",
            ),
            (
                "sound/hda/codec.c",
                "#include \"own.h\"\n#define E(v, a) { .vendor_id = (v), .api_version = a }\n\
                 static const struct hda_device_id ids[] = {\n\
                 E(VENDOR | 0x295, LEGACY), E(VENDOR, LAST),\n};\n\
                 MODULE_DEVICE_TABLE(hdaudio, ids);\n",
            ),
        ],
        "sound/hda/codec.c",
    );
    assert_eq!(
        found.aliases,
        ["hdaudio:v10EC0000r*a08*", "hdaudio:v10EC0295r*a01*"]
    );
}

#[test]
fn a_table_in_a_header_of_a_header_is_found() {
    let found = read(
        &[
            ("drivers/i8042.c", "#include \"i8042.h\"\n"),
            (
                "drivers/i8042.h",
                "#ifndef A\n#define A\n#include \"io.h\"\n#endif\n",
            ),
            (
                "drivers/io.h",
                "#ifndef B\n#define B\nstatic const struct pnp_device_id kbd[] = {\n\
                 { .id = \"PNP0303\", }, { .id = \"\", },\n};\nMODULE_DEVICE_TABLE(pnp, kbd);\n#endif\n",
            ),
        ],
        "drivers/i8042.c",
    );
    assert_eq!(found.aliases, ["acpi*:PNP0303:*", "pnp:dPNP0303*"]);
}

#[test]
fn headers_that_include_each_other_end() {
    let found = read(
        &[
            ("drivers/a.h", "#ifndef A\n#include \"b.h\"\n#endif\n"),
            (
                "drivers/b.h",
                "#ifndef B\n#include \"a.h\"\n#define NAME \"x\"\n#endif\n",
            ),
            ("drivers/c.c", "#include \"a.h\"\nMODULE_ALIAS(NAME);\n"),
        ],
        "drivers/c.c",
    );
    assert_eq!(found.aliases, ["x"]);
}

#[test]
fn a_file_that_includes_itself_ends() {
    let found = read(
        &[("drivers/a.c", "#include \"a.c\"\nMODULE_ALIAS(\"x\");\n")],
        "drivers/a.c",
    );
    assert_eq!(found.aliases, ["x"]);
}

/// Pieces that tables are made of, so that random texts come near to some.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("static const struct pci_device_id t[] = {".to_owned()),
        Just("MODULE_DEVICE_TABLE(pci, t);".to_owned()),
        Just("#define A(x) { PCI_VDEVICE(INTEL, x) },".to_owned()),
        Just("#define B A(1) ## B".to_owned()),
        Just("A(0x10)".to_owned()),
        Just("\n#if 0\n".to_owned()),
        Just("\n#else\n".to_owned()),
        Just("\n#endif\n".to_owned()),
        Just("{ 1, 2, ~0 },".to_owned()),
        Just("};".to_owned()),
        Just("MODULE_ALIAS(".to_owned()),
        Just("\n#include \"t.c\"\n".to_owned()),
        "[ -~\n]{0,12}",
        "\\PC{0,6}",
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..16)) {
        let text = pieces.concat();
        read(&[("t.c", &text)], "t.c");
    }

    #[test]
    fn no_expression_makes_it_panic(text in "[0-9a-fxUL()~!|&<>=+*/%?:' -]{0,40}") {
        let _ = value::number(&tokens(&text));
    }
}

//! Root file systems on disks: what they ask for, and what is refused.

use super::*;
use crate::plan::{Access, Placement};

const MICROVM: &str = "board = \"microvm\"\n[userland]\nbusybox = [\"sh\"]\n";

#[test]
fn a_disk_brings_its_driver_its_file_system_and_the_command_line() {
    let plan = plan(&format!("{MICROVM}[root]\nfilesystem = \"squashfs\"\n"));
    let requests = &plan.kernel.requests;
    for (symbol, expected) in [
        ("BLK_DEV_INITRD", "n"),
        ("BLOCK", "y"),
        ("VIRTIO_BLK", "y"),
        ("SQUASHFS", "y"),
        ("SQUASHFS_XZ", "y"),
        ("SQUASHFS_ZLIB", "n"),
    ] {
        assert_eq!(value(requests, symbol), Some(expected), "{symbol}");
    }
    assert_eq!(plan.ramdisk.placement, Placement::Disk);
    assert_eq!(
        plan.kernel.cmdline,
        "console=ttyS0 panic=-1 reboot=t root=/dev/vda rootfstype=squashfs ro init=/init"
    );
    let fstab = plan.userland.files.iter().find(|f| f.to == "/etc/fstab");
    let FileKind::Text(text) = &fstab.expect("is written").kind else {
        panic!("a text");
    };
    assert!(text.contains("tmpfs  /tmp"), "{text}");
}

#[test]
fn an_overlay_and_a_disk_for_data_are_mounted_before_init() {
    let plan = plan(
        "board = \"pc\"\n[kernel]\ncmdline = \"quiet -- single\"\n[userland]\nbusybox = [\"sh\"]\n\
         [root]\nfilesystem = \"erofs\"\naccess = \"overlay\"\n[root.data]\nmount = \"/var/data\"\n",
    );
    let root = plan.root.expect("a root");
    assert_eq!((root.access, root.disks()), (Access::Overlay, 2));
    assert_eq!(
        plan.kernel.cmdline,
        "quiet root=/dev/sda rootfstype=erofs ro init=/.root/init -- single"
    );
    for symbol in ["OVERLAY_FS", "EXT4_FS", "EROFS_FS_ZIP", "ATA_PIIX"] {
        assert_eq!(value(&plan.kernel.requests, symbol), Some("y"), "{symbol}");
    }
    let folder = |path: &str| plan.userland.files.iter().any(|file| file.to == path);
    assert!(folder("/var/data") && folder("/.root/new"));
}

#[test]
fn an_image_is_seen_for_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut image = vec![0; 4096];
    image[..4].copy_from_slice(b"hsqs");
    image[20] = 6;
    std::fs::write(folder.path().join("root.img"), &image).expect("writes");
    let of = |text: &str| parse("job.toml", text, home(folder.path()));
    let taken = of("board = \"microvm\"\n[root]\nimage = \"root.img\"\n");
    let plan = taken.unwrap_or_else(|e| panic!("{}", e.render(false)));
    let root = plan.root.expect("a root");
    assert_eq!(root.filesystem.name(), "squashfs");
    assert_eq!(root.compress, Compression::Zstd);
    assert!(!plan.kernel.cmdline.contains("init="));
    let requests = &plan.kernel.requests;
    assert_eq!(value(requests, "SQUASHFS_ZSTD"), Some("y"));
    assert_eq!(value(requests, "DEVTMPFS_MOUNT"), Some("y"));
    for (added, expected) in [
        ("filesystem = \"ext4\"\n", "the image holds squashfs"),
        ("partition = 2\n", "root.img has no such partition"),
        ("access = \"overlay\"\n", "an overlay over an image"),
        (
            "[userland]\nbusybox = [\"sh\"]\n",
            "`busybox` beside an image",
        ),
    ] {
        let text = format!("board = \"microvm\"\n[root]\nimage = \"root.img\"\n{added}");
        let told = of(&text).expect_err("an error").render(false);
        assert!(told.contains(expected), "{added}\n{told}");
    }
    std::fs::write(folder.path().join("root.img"), [0; 4096]).expect("writes");
    let told = of("board = \"microvm\"\n[root]\nimage = \"root.img\"\n");
    let told = told.expect_err("an error").render(false);
    assert!(
        told.contains("holds no file system that is known here"),
        "{told}"
    );
}

#[test]
fn what_contradicts_a_disk_is_refused_with_its_mend() {
    let told = |added: &str| errors(&format!("{MICROVM}{added}"));
    for (added, expected) in [
        ("[root]\n", "`filesystem` is missing"),
        (
            "[root]\nfilesystem = \"squashfs\"\non = \"ide\"\n",
            "the board microvm has no disk `ide`",
        ),
        (
            "[root]\nfilesystem = \"squashfs\"\naccess = \"writable\"\n",
            "nothing can be written to squashfs",
        ),
        (
            "[root]\nfilesystem = \"erofs\"\ncompress = \"xz\"\n",
            "erofs can't be made so",
        ),
        (
            "[root]\nfilesystem = \"cramfs\"\nsize = \"4MiB\"\n",
            "cramfs is as large as what is in it",
        ),
        (
            "[root]\nfilesystem = \"ext4\"\n[ramdisk]\ncompress = \"gzip\"\n",
            "[ramdisk] beside [root]",
        ),
        (
            "[root]\nfilesystem = \"ext4\"\n[kernel]\ncmdline = \"root=/dev/vdz\"\n",
            "the command line names a root",
        ),
        (
            "[root]\nfilesystem = \"ext4\"\n[root.data]\nsize = \"1MiB\"\n",
            "needs 8 MiB at least",
        ),
    ] {
        let errors = told(added);
        assert!(errors.contains(expected), "{added}\n{errors}");
    }
    let mute = "board = \"versatilepb\"\n[userland]\nbusybox = [\"sh\"]\n\
                [root]\nfilesystem = \"ext4\"\n";
    assert!(errors(mute).contains("the board versatilepb has no disk"));
}

#[test]
fn a_new_recipe_of_a_system_that_exists_boots_its_image() {
    let folder = tempfile::tempdir().expect("a folder");
    // The magic number of ext4's superblock (fs/ext4/ext4.h).
    let mut image = vec![0; 8192];
    image[1080..1082].copy_from_slice(&[0x53, 0xef]);
    std::fs::write(folder.path().join("root.ext4"), &image).expect("writes");
    for network in [false, true] {
        let wish = scaffold::Wish {
            root: Some("root.ext4".to_owned()),
            config: "distribution".to_owned(),
            also: vec!["usb-storage".to_owned()],
            drivers: ["a", "b"].map(|at| format!("/sys/{at}/driver")).into(),
            ..scaffold::Wish::new(&format!("job-{network}"), "pc64", network)
        };
        let path = scaffold::write(folder.path(), &wish).expect("writes");
        let name = path.to_str().expect("a plain path");
        let plan = load(name, folder.path()).unwrap_or_else(|e| panic!("{e}"));
        let flavour = "amd64".to_owned();
        assert_eq!(plan.kernel.base, plan::BaseConfig::Distribution { flavour });
        assert_eq!(
            plan.root.as_ref().map(|root| root.device()),
            Some("/dev/sda".to_owned())
        );
        assert_eq!(plan.checks.len(), if network { 5 } else { 3 });
        // Whatever else is asked waits until the system's own init is done.
        assert_eq!(plan.checks[0].name, "login");
        let run = format!("{:?}", plan.checks[2].kind);
        assert!(run.contains("ls -d /sys/a/driver /sys/b/driver"), "{run}");
        let packet = network.then_some("y");
        assert_eq!(value(&plan.kernel.requests, "PACKET"), packet);
        for symbol in ["USB_STORAGE", "SCSI", "CGROUPS", "UNIX", "SATA_AHCI"] {
            assert_eq!(value(&plan.kernel.requests, symbol), Some("y"), "{symbol}");
        }
    }
}

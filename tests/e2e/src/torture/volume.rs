//! A small ext4 of its own, on a loop device, whose power can be cut.
use super::journal::now_ns;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: from now on nothing reaches the device any more, not
/// even the journal that waits in memory.
const CUT: &str = "import fcntl, os, struct, sys, time\n\
                   fd = os.open(sys.argv[1], os.O_RDONLY)\n\
                   print(time.time_ns())\n\
                   fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))\n";

/// A mounted file system. Goes with its image and its loop device when it is dropped.
#[derive(Debug)]
pub struct Volume {
    image: PathBuf,
    mount: PathBuf,
    is_mounted: bool,
}

impl Volume {
    /// Makes an ext4 of this size in `folder` and mounts it.
    ///
    /// # Panics
    /// If that is not possible: it takes root and `e2fsprogs`.
    #[must_use]
    pub fn create(folder: &Path, mib: u64, options: &[&str]) -> Self {
        let (image, mount) = (folder.join("disk.ext4"), folder.join("disk"));
        let file = std::fs::File::create(&image).expect("the folder is writable");
        file.set_len(mib << 20).expect("a sparse file");
        std::fs::create_dir_all(&mount).expect("the folder is writable");
        let image_text = image.display().to_string();
        let mut arguments = vec!["-q", "-F", "-E", "lazy_itable_init=1,nodiscard"];
        arguments.extend(options);
        arguments.push(&image_text);
        run("mkfs.ext4", &arguments);
        let mut volume = Self { image, mount, is_mounted: false };
        volume.mount();
        volume
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount
    }

    fn mount(&mut self) {
        let (image, mount) = (self.image.display().to_string(), self.mount.display().to_string());
        run("mount", &["-o", "loop,errors=remount-ro,commit=60", &image, &mount]);
        self.is_mounted = true;
    }

    fn unmount(&mut self) {
        if self.is_mounted {
            run("umount", &[&self.mount.display().to_string()]);
            self.is_mounted = false;
        }
    }

    /// Cuts its power: what was not flushed is gone. When that was, in nanoseconds since 1970.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn cut(&self) -> u64 {
        let python = ["/usr/bin/python3", "python3"].into_iter();
        let python = python.filter(|path| !path.contains('/') || Path::new(path).exists());
        let python = python.take(1).next().expect("one is named");
        let printed = run(python, &["-c", CUT, &self.mount.display().to_string()]);
        printed.trim().parse().expect("it prints the time")
    }

    /// Switches it on again. Nobody may have a file of it open.
    ///
    /// # Panics
    /// If it cannot be mounted.
    pub fn restore(&mut self) {
        self.unmount();
        self.mount();
    }

    /// Lets the file system find a fault, on which it becomes read-only. When that was, in nanoseconds since 1970.
    ///
    /// # Panics
    /// If the kernel has no such switch.
    #[must_use]
    pub fn become_read_only(&self) -> u64 {
        let mounts = std::fs::read_to_string("/proc/mounts").expect("the kernel says it");
        let place = self.mount.display().to_string();
        let line = mounts.lines().find(|line| line.split(' ').nth(1) == Some(&place));
        let device = line.and_then(|line| line.split(' ').next()?.strip_prefix("/dev/"));
        let device = device.expect("it is mounted");
        let switch = format!("/sys/fs/ext4/{device}/trigger_fs_error");
        let now = now_ns();
        std::fs::write(switch, "a test").expect("the kernel has this switch");
        now
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.is_mounted {
            // Whatever still runs on it was started here and is being killed.
            let done = Command::new("umount").arg("-l").arg(&self.mount).status();
            drop(done);
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}; see .ci/setup test"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

//! Disk images: files with an ext4 file system that is mounted where a repository is.
//!
//! Only `losetup --associated` tells whether an image is in use: mounting it at a second place succeeds silently, and
//! `umount` succeeds while a container still has it mounted in its own namespace.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use command_line::{Failure, printable};
use repo_lifecycle::{Ext4, Mounts, Size, shown};

use crate::{
    files::{fault, read},
    programs::output_of,
};

/// How long the kernel may take to let go of an image that nobody has mounted any more.
const RELEASE: Duration = Duration::from_secs(5);
/// So many processes are named that hold an image.
const NAMED: usize = 3;

/// A disk image and the place that it is mounted at.
pub(super) struct Image {
    pub(super) file: PathBuf,
    pub(super) point: PathBuf,
}

/// Makes an image with an empty file system. It gets its name when it is whole.
pub(super) fn make(file: &Path, size: Size) -> Result<(), Failure> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // One that was cut off begins anew.
    let open = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new);
    open.and_then(|image| image.set_len(size.bytes())).map_err(fault("create", &new))?;
    let path = new.to_string_lossy();
    // Nothing is kept back for root: all of it is root's.
    let made = output_of("mkfs.ext4", &["-q", "-F", "-m", "0", &path]);
    crate::step("an image is made");
    let made = made.and_then(|_| fs::rename(&new, file).map_err(fault("rename", &new)));
    if made.is_err() {
        let _ = fs::remove_file(&new);
    }
    made
}

/// Whether it is a whole image of ours.
pub(super) fn look(file: &Path) -> Result<Ext4, Failure> {
    let mut head = Vec::new();
    let image = File::open(file).map_err(fault("read", file))?;
    let length = image.metadata().map_err(fault("read", file))?.len();
    image.take(Ext4::HEAD as u64).read_to_end(&mut head).map_err(fault("read", file))?;
    let Some(ext4) = Ext4::parse(&head) else {
        return Err(Failure::Usage(format!("{} is no disk image: there is no ext4 file system in it", file.display())));
    };
    if length < ext4.length {
        return Err(Failure::Runtime(format!(
            "{} is cut off: its file system has {}, the file {}; bring back the whole file. Nothing was mounted",
            file.display(),
            shown(ext4.length),
            shown(length)
        )));
    }
    if ext4.has_errors {
        return Err(Failure::Runtime(format!(
            "the file system in {0} has errors; `e2fsck -f {0}` mends it. Nothing was mounted",
            file.display()
        )));
    }
    Ok(ext4)
}

// === impl Image ===

impl Image {
    /// Whether it is mounted where it is to be.
    pub(super) fn is_mounted(&self) -> Result<bool, Failure> {
        let devices = self.devices()?;
        let mounts = mounts()?;
        let seen = mounts.at(&self.point.to_string_lossy());
        Ok(seen.is_some_and(|mount| devices.contains(&mount.source)))
    }

    /// Mounts it, unless it is; returns whether it was done.
    pub(super) fn mount(&self) -> Result<bool, Failure> {
        let devices = self.devices()?;
        let mounts = mounts()?;
        let seen = mounts.at(&self.point.to_string_lossy());
        if let Some(mount) = seen {
            if devices.contains(&mount.source) {
                return Ok(false);
            }
            return Err(Failure::Refused(format!(
                "{} is mounted at {} already; unmount that first",
                printable(&mount.source),
                self.point.display()
            )));
        }
        if let Some(device) = devices.first() {
            return Err(Failure::Refused(self.where_else(device, &mounts)));
        }
        look(&self.file)?;
        fs::create_dir_all(&self.point).map_err(fault("create", &self.point))?;
        let mut entries = fs::read_dir(&self.point).map_err(fault("read", &self.point))?;
        if entries.next().is_some() {
            return Err(Failure::Refused(format!(
                "{} has files of its own, which the image would hide; move them away",
                self.point.display()
            )));
        }
        output_of("mount", &["-t", "ext4", "-o", "loop", &self.file.to_string_lossy(), &self.point.to_string_lossy()])?;
        crate::step("an image is mounted");
        Ok(true)
    }

    /// Unmounts it, and makes sure that nobody has it any more; returns whether there was anything to do.
    pub(super) fn unmount(&self) -> Result<bool, Failure> {
        if self.devices()?.is_empty() {
            return Ok(false);
        }
        if self.is_mounted()? {
            let place = self.point.display();
            output_of("umount", &["--recursive", &self.point.to_string_lossy()]).map_err(|failure| match failure {
                Failure::Runtime(said) => {
                    Failure::Runtime(format!("{place} cannot be unmounted: {said}{}", self.held()))
                }
                other => other,
            })?;
            crate::step("an image is unmounted");
        }
        let begun = Instant::now();
        while let Some(device) = self.devices()?.first() {
            if begun.elapsed() > RELEASE {
                return Err(Failure::Runtime(self.where_else(device, &mounts()?)));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(true)
    }

    /// Makes the file and its file system larger. While it is mounted it goes on being used.
    pub(super) fn grow(&self, size: Size) -> Result<(), Failure> {
        let before = look(&self.file)?;
        if size.bytes() < before.length {
            return Err(Failure::Usage(format!(
                "{} has {} already; images only grow",
                self.file.display(),
                shown(before.length)
            )));
        }
        let is_mounted = self.is_mounted()?;
        let devices = self.devices()?;
        if let (Some(device), false) = (devices.first(), is_mounted) {
            return Err(Failure::Refused(self.where_else(device, &mounts()?)));
        }
        let image = File::options().write(true).open(&self.file).map_err(fault("open", &self.file))?;
        // Never shorter: a run that was cut off may have made it longer before.
        let length = image.metadata().map_err(fault("read", &self.file))?.len().max(size.bytes());
        image.set_len(length).map_err(fault("grow", &self.file))?;
        crate::step("an image's file is larger");
        let path = self.file.to_string_lossy().into_owned();
        match devices.first() {
            Some(device) => {
                output_of("losetup", &["--set-capacity", device])?;
                output_of("resize2fs", &[device]).map(drop).map_err(|failure| match failure {
                    Failure::Runtime(said) => Failure::Runtime(format!(
                        "it cannot grow while it is mounted ({said}); renet repo unmount it, and run the same command again"
                    )),
                    other => other,
                })
            }
            None => {
                output_of("e2fsck", &["-f", "-p", &path])?;
                output_of("resize2fs", &[&path]).map(drop)
            }
        }
    }

    /// The loop devices that it is attached to.
    fn devices(&self) -> Result<Vec<String>, Failure> {
        if !self.file.exists() {
            return Err(Failure::Runtime(format!("the disk image {} is not there", self.file.display())));
        }
        let said =
            output_of("losetup", &["--associated", &self.file.to_string_lossy(), "--noheadings", "--output", "NAME"])?;
        Ok(said.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
    }

    /// Where an image that is not mounted where it is to be is used.
    fn where_else(&self, device: &str, mounts: &Mounts) -> String {
        let file = self.file.display();
        match mounts.of(device).next() {
            Some(mount) => format!("{file} is mounted at {}; unmount it there", printable(&mount.point)),
            None => match self.held() {
                held if held.is_empty() => {
                    format!(
                        "{file} is attached to {device}, and nobody has it mounted; `losetup --detach {device}` frees it"
                    )
                }
                held => format!("{file} is still in use as {device}{held}"),
            },
        }
    }

    /// Which processes still have it mounted, in their own namespaces.
    fn held(&self) -> String {
        let Ok(devices) = self.devices() else { return String::new() };
        let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let holds = |process: &u32| {
            let text = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap_or_default();
            let mounts = Mounts::parse(&text);
            devices.iter().any(|device| mounts.of(device).next().is_some())
        };
        let own = mounts().unwrap_or_default();
        // While it is mounted here everybody sees it; who holds it is who has a file of it open, which umount says.
        if devices.iter().any(|device| own.of(device).next().is_some()) {
            return String::new();
        }
        let named = numbers.filter(holds).take(NAMED).map(|process| {
            let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            format!("process {process} ({})", printable(name.trim()))
        });
        let named: Vec<_> = named.collect();
        if named.is_empty() { String::new() } else { format!(", by {}", named.join(", ")) }
    }
}

fn mounts() -> Result<Mounts, Failure> {
    Ok(Mounts::parse(&read(Path::new("/proc/self/mountinfo"))?.unwrap_or_default()))
}

/// Whether anything is mounted at a directory or below it.
pub(super) fn has_mounts(directory: &Path) -> Result<bool, Failure> {
    Ok(mounts()?.has_any_in(&directory.to_string_lossy()))
}

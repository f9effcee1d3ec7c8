use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, Scratch, process};

/// Where an image has the `backend` program.
pub const BACKEND: &str = "/bin/backend";

/// The applets of busybox that the services use.
const APPLETS: [&str; 7] = ["sh", "httpd", "cat", "echo", "sleep", "true", "wget"];

/// Sends a request's body back.
const ECHO: &str = "#!/bin/sh\necho 'Content-Type: text/plain'\necho\ncat\n";

/// A file system `FROM scratch`: busybox, the programs given with the libraries they need, a web root, a certificate.
#[derive(Debug)]
pub struct Image {
    archive: PathBuf,
}

// === impl Image ===

impl Image {
    /// What it is called in every daemon that it is imported to.
    pub const NAME: &str = "parts:latest";

    /// The name in the certificate `/tls/cert.pem`.
    pub const CERTIFIED: &str = "mail.example.com";

    /// Builds the archive that [`Dockerd::import`](crate::Dockerd::import) reads; programs go to `/bin`.
    ///
    /// # Errors
    /// When a program is missing on this machine or something can't be written.
    pub fn build(scratch: &Scratch, programs: &[&Path]) -> Result<Self, Error> {
        let root = scratch.dir("image")?;
        for directory in ["image/bin", "image/tmp", "image/www/cgi-bin", "image/tls", "image/etc"] {
            scratch.dir(directory)?;
        }
        copy(&Self::program("busybox")?, &root.join("bin/busybox"))?;
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet)).map_err(Error::io(applet))?;
        }
        let echo = root.join("www/cgi-bin/echo");
        fs::write(&echo, ECHO)
            .and_then(|()| fs::set_permissions(&echo, fs::Permissions::from_mode(0o755)))
            .map_err(Error::io("write the echo page"))?;
        for program in programs {
            let name =
                program.file_name().ok_or_else(|| Error::Missing(format!("{} is no file", program.display())))?;
            copy(program, &root.join("bin").join(name))?;
            for library in libraries(program)? {
                copy(&library, &root.join(library.strip_prefix("/").unwrap_or(&library)))?;
            }
        }
        certificate(&root.join("tls"))?;
        let archive = scratch.path().join("image.tar");
        process::output(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."))?;
        Ok(Self { archive })
    }

    /// Looks for a program of this machine along PATH.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is none.
    pub fn program(name: &str) -> Result<PathBuf, Error> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|candidate| candidate.is_file())
            .ok_or_else(|| Error::Missing(format!("no {name} on this machine; scripts/setup installs it")))
    }

    /// The tar file.
    #[must_use]
    pub fn archive(&self) -> &Path {
        &self.archive
    }
}

/// The shared libraries that a program is linked with, and its loader.
fn libraries(program: &Path) -> Result<Vec<PathBuf>, Error> {
    let listing = process::output(Command::new("ldd").arg(program))?;
    let paths = listing.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let parent = to.parent().unwrap_or(to);
    fs::create_dir_all(parent).and_then(|()| fs::copy(from, to)).map(drop).map_err(Error::io(format!(
        "copy {} to {}",
        from.display(),
        to.display()
    )))
}

/// A certificate of the backend's own, by which a passed-through connection is recognised.
fn certificate(directory: &Path) -> Result<(), Error> {
    let subject = format!("/CN={}", Image::CERTIFIED);
    let mut command = Command::new("openssl");
    command
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", &subject, "-addext", &format!("subjectAltName=DNS:{}", Image::CERTIFIED)])
        .arg("-keyout")
        .arg(directory.join("key.pem"))
        .arg("-out")
        .arg(directory.join("cert.pem"));
    process::output(&mut command).map(drop)
}

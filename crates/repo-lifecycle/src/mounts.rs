/// What is mounted where, as a process sees it (`/proc/PID/mountinfo`, proc(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts(Vec<Mount>);

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its device's numbers, e.g. `7:3`.
    pub device: String,
    /// Where it is.
    pub point: String,
    /// What is mounted, e.g. `/dev/loop3`.
    pub source: String,
}

// === impl Mounts ===

impl Mounts {
    /// Reads the kernel's text; a line that is none of its is skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mount = |line: &str| {
            let (left, right) = line.split_once(" - ")?;
            let mut left = left.split(' ').skip(2);
            let device = left.next()?.to_owned();
            let point = plain(left.nth(1)?);
            let source = plain(right.split(' ').nth(1)?);
            Some(Mount { device, point, source })
        };
        Self(text.lines().filter_map(mount).collect())
    }

    /// What is seen at a place: the last one that was mounted there.
    #[must_use]
    pub fn at(&self, point: &str) -> Option<&Mount> {
        self.0.iter().rev().find(|mount| mount.point == point)
    }

    /// Whether anything is mounted at a directory or below it.
    #[must_use]
    pub fn has_any_in(&self, directory: &str) -> bool {
        let is_in =
            |point: &str| point.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.0.iter().any(|mount| is_in(&mount.point))
    }

    /// Where a device is mounted.
    pub fn of<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a Mount> {
        self.0.iter().filter(move |mount| mount.source == source)
    }
}

/// The kernel writes spaces, tabs, line ends and backslashes as a backslash with three octal digits.
fn plain(field: &str) -> String {
    let mut text = Vec::new();
    let mut rest = field.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits =
            behind.get(..3).filter(|digits| first == b'\\' && digits.iter().all(|digit| (b'0'..=b'7').contains(digit)));
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        text.push(code.unwrap_or(first));
        rest = if code.is_some() { behind.get(3..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/root rw
36 22 7:3 / /mnt/rediacc/my\\040app rw,relatime shared:1 - ext4 /dev/loop3 rw
37 36 0:50 / /mnt/rediacc/my\\040app rw master:7 propagate_from:2 - tmpfs tmpfs rw,size=1k
nonsense
38 22 7:3 / /mnt/back\\134slash rw - ext4 /dev/loop3 rw
";

    #[test]
    fn the_last_one_at_a_place_is_seen() {
        let mounts = Mounts::parse(TEXT);
        assert_eq!(mounts.at("/mnt/rediacc/my app").unwrap().source, "tmpfs");
        assert_eq!(mounts.at("/mnt/other"), None);
        assert!(mounts.has_any_in("/mnt/rediacc") && mounts.has_any_in("/mnt/rediacc/my app"));
        assert!(!mounts.has_any_in("/mnt/red") && !mounts.has_any_in("/mnt/rediacc/my app/x"));
        let points: Vec<_> = mounts.of("/dev/loop3").map(|mount| mount.point.as_str()).collect();
        assert_eq!(points, ["/mnt/rediacc/my app", "/mnt/back\\slash"]);
        assert_eq!(mounts.at("/").unwrap().device, "254:0");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*", field in "[ -9\\\\]*") {
            let _ = Mounts::parse(&text);
            let _ = Mounts::parse(&format!("1 2 3:4 / {field} rw - {field} {field} rw"));
        }
    }
}

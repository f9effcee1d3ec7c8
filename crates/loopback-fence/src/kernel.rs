//! The calls of bpf(2) that the fence needs, and nothing else. The only file of the project with `unsafe`: rustix has no
//! bpf(2), and aya, which does, wants a compiler for C and attaches in a way that a second program cannot join.
#![allow(unsafe_code, reason = "bpf(2) takes pointers; each is to a buffer that outlives the call")]

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use crate::assembler::Instruction;

// `enum bpf_cmd`
const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_DETACH: libc::c_int = 9;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const PROG_QUERY: libc::c_int = 16;
/// `BPF_PROG_TYPE_CGROUP_SOCK_ADDR`
const CGROUP_SOCK_ADDR: u32 = 18;
/// Beside the programs of others, and beside those of groups below.
const ALLOW_MULTI: u32 = 2;
const REPLACE: u32 = 4;
/// The most programs of one hook on a control group (`BPF_CGROUP_MAX_PROGS`).
const MAX_PROGRAMS: usize = 64;
/// The most bytes that are kept of why the kernel refuses a program.
const MAX_LOG: usize = 1 << 16;

// Beginnings of `union bpf_attr`, one for each command.
#[repr(C)]
#[derive(Default)]
struct Load {
    program_type: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}

#[repr(C)]
#[derive(Default)]
struct Attach {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
    replaced: u32,
}

#[repr(C)]
#[derive(Default)]
struct Query {
    target: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
    program_flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct ById {
    id: u32,
    next: u32,
    flags: u32,
    padding: u32,
}

#[repr(C)]
#[derive(Default)]
struct InfoByFd {
    descriptor: u32,
    length: u32,
    info: u64,
}

/// The beginning of `struct bpf_prog_info`.
#[repr(C)]
#[derive(Default)]
struct Info {
    program_type: u32,
    id: u32,
    tag: [u8; 8],
    lengths: [u32; 2],
    pointers: [u64; 2],
    load_time: u64,
    created_by: u32,
    map_count: u32,
    maps: u64,
    name: [u8; 16],
}

/// A program that the kernel has.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) descriptor: OwnedFd,
    pub(crate) name: String,
    /// The same for the same instructions.
    pub(crate) tag: [u8; 8],
}

fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<i32> {
    // SAFETY: `attributes` is the beginning of a bpf_attr of exactly this size (what is missing counts as 0), and whatever
    // it points to is borrowed by our callers until after this call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(io::Error::other)
}

fn descriptor(number: i32) -> OwnedFd {
    // SAFETY: the kernel has just made it for us, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// A descriptor as the kernel's structures have it. None is negative.
fn raw(descriptor: &impl std::os::fd::AsFd) -> u32 {
    descriptor.as_fd().as_raw_fd().cast_unsigned()
}

/// Gives a program to the kernel, which looks at every way through it; `Err` has what it said about it, if anything.
pub(crate) fn load(name: &str, attach_type: u32, instructions: &[Instruction]) -> Result<Loaded, (io::Error, String)> {
    let mut attributes = Load {
        program_type: CGROUP_SOCK_ADDR,
        count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        instructions: instructions.as_ptr() as u64,
        // Some of the kernel's functions are for such programs only.
        license: c"GPL".as_ptr() as u64,
        attach_type,
        ..Load::default()
    };
    for (to, from) in attributes.name.iter_mut().zip(name.bytes().take(15)) {
        *to = from;
    }
    match bpf(PROG_LOAD, &mut attributes) {
        Ok(number) => {
            let descriptor = descriptor(number);
            let (name, tag) = info(&descriptor).map_err(|error| (error, String::new()))?;
            Ok(Loaded { descriptor, name, tag })
        }
        Err(error) => {
            // Once more, to be told why.
            let mut log = vec![0_u8; MAX_LOG];
            attributes.log_level = 1;
            attributes.log_size = u32::try_from(log.len()).unwrap_or_default();
            attributes.log = log.as_mut_ptr() as u64;
            let _ = bpf(PROG_LOAD, &mut attributes);
            let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
            log.truncate(end);
            Err((error, String::from_utf8_lossy(&log).into_owned()))
        }
    }
}

/// Attaches a program; in the place of another one, when one is given, without a moment in between.
pub(crate) fn attach(
    group: &File,
    attach_type: u32,
    program: BorrowedFd<'_>,
    replaced: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let flags = ALLOW_MULTI | replaced.map_or(0, |_| REPLACE);
    let replaced = replaced.map_or(0, |program| raw(&program));
    let mut attributes = Attach { target: raw(group), program: raw(&program), attach_type, flags, replaced };
    bpf(PROG_ATTACH, &mut attributes).map(drop)
}

/// Takes a program off.
pub(crate) fn detach(group: &File, attach_type: u32, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut attributes = Attach { target: raw(group), program: raw(&program), attach_type, ..Attach::default() };
    bpf(PROG_DETACH, &mut attributes).map(drop)
}

/// The programs of a hook on a control group itself, whoever attached them.
pub(crate) fn attached(group: &File, attach_type: u32) -> io::Result<Vec<Loaded>> {
    let mut ids = [0_u32; MAX_PROGRAMS];
    let count = u32::try_from(ids.len()).unwrap_or_default();
    let mut query = Query { target: raw(group), attach_type, ids: ids.as_mut_ptr() as u64, count, ..Query::default() };
    bpf(PROG_QUERY, &mut query)?;
    let count = usize::try_from(query.count).unwrap_or_default();
    let mut all = Vec::new();
    for id in ids.into_iter().take(count) {
        match bpf(PROG_GET_FD_BY_ID, &mut ById { id, ..ById::default() }) {
            Ok(number) => {
                let descriptor = descriptor(number);
                let (name, tag) = info(&descriptor)?;
                all.push(Loaded { descriptor, name, tag });
            }
            // It went meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn info(program: &OwnedFd) -> io::Result<(String, [u8; 8])> {
    let mut info = Info::default();
    let mut attributes = InfoByFd {
        descriptor: raw(program),
        length: u32::try_from(size_of::<Info>()).unwrap_or_default(),
        info: std::ptr::from_mut(&mut info) as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut attributes)?;
    let name = info.name.iter().take_while(|byte| **byte != 0).copied().collect();
    Ok((String::from_utf8(name).unwrap_or_default(), info.tag))
}

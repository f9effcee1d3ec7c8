//! Instructions of the kernel's virtual machine, with labels: the few forms that the fence needs.

use std::collections::BTreeMap;

/// One instruction, as the kernel reads it (`struct bpf_insn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What is done.
    pub code: u8,
    /// Destination in the lower half, source in the upper one.
    pub registers: u8,
    /// Distance of a jump, or within memory.
    pub offset: i16,
    /// A constant.
    pub immediate: i32,
}

/// A register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Register(u8);

/// What a function returns, also the program itself.
pub(crate) const R0: Register = Register(0);
/// The first argument: at the start the context. Calls destroy R1 to R5.
pub(crate) const R1: Register = Register(1);
pub(crate) const R2: Register = Register(2);
pub(crate) const R3: Register = Register(3);
pub(crate) const R4: Register = Register(4);
pub(crate) const R5: Register = Register(5);
/// R6 to R9 outlive calls.
pub(crate) const R6: Register = Register(6);
pub(crate) const R7: Register = Register(7);
pub(crate) const R8: Register = Register(8);
pub(crate) const R9: Register = Register(9);
/// The end of the stack.
pub(crate) const R10: Register = Register(10);

/// A program that is being written.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    instructions: Vec<Instruction>,
    jumps: Vec<(usize, &'static str)>,
    labels: BTreeMap<&'static str, usize>,
}

// === impl Assembler ===

impl Assembler {
    fn push(&mut self, code: u8, to: Register, from: Register, offset: i16, immediate: i32) -> &mut Self {
        let registers = (from.0 << 4) | to.0;
        self.instructions.push(Instruction { code, registers, offset, immediate });
        self
    }

    fn jump(&mut self, code: u8, register: Register, value: i32, to: &'static str) -> &mut Self {
        self.jumps.push((self.instructions.len(), to));
        self.push(code, register, R0, 0, value)
    }

    pub(crate) fn label(&mut self, name: &'static str) -> &mut Self {
        self.labels.insert(name, self.instructions.len());
        self
    }

    pub(crate) fn copy(&mut self, to: Register, from: Register) -> &mut Self {
        self.push(0xbf, to, from, 0, 0)
    }

    /// A 32-bit constant; the upper half becomes 0.
    pub(crate) fn set(&mut self, to: Register, value: u32) -> &mut Self {
        self.push(0xb4, to, R0, 0, value.cast_signed())
    }

    /// A constant with its sign, over all 64 bits.
    pub(crate) fn set_signed(&mut self, to: Register, value: i32) -> &mut Self {
        self.push(0xb7, to, R0, 0, value)
    }

    /// A 64-bit constant, which takes the room of two instructions.
    pub(crate) fn set_wide(&mut self, to: Register, value: u64) -> &mut Self {
        let half = |shift: u32| ((value >> shift) as u32).cast_signed();
        self.push(0x18, to, R0, 0, half(0)).push(0, R0, R0, 0, half(32))
    }

    pub(crate) fn shift_left(&mut self, to: Register, bits: i32) -> &mut Self {
        self.push(0x64, to, R0, 0, bits)
    }

    pub(crate) fn add(&mut self, to: Register, value: i32) -> &mut Self {
        self.push(0x07, to, R0, 0, value)
    }

    pub(crate) fn and(&mut self, to: Register, value: u32) -> &mut Self {
        self.push(0x54, to, R0, 0, value.cast_signed())
    }

    pub(crate) fn or(&mut self, to: Register, from: Register) -> &mut Self {
        self.push(0x4c, to, from, 0, 0)
    }

    /// From network order to a number, of 16 bits.
    pub(crate) fn swap_port(&mut self, to: Register) -> &mut Self {
        self.push(0xdc, to, R0, 0, 16)
    }

    pub(crate) fn load(&mut self, to: Register, from: Register, offset: i16) -> &mut Self {
        self.push(0x61, to, from, offset, 0)
    }

    pub(crate) fn load_byte(&mut self, to: Register, from: Register, offset: i16) -> &mut Self {
        self.push(0x71, to, from, offset, 0)
    }

    pub(crate) fn load_wide(&mut self, to: Register, from: Register, offset: i16) -> &mut Self {
        self.push(0x79, to, from, offset, 0)
    }

    pub(crate) fn store(&mut self, to: Register, offset: i16, from: Register) -> &mut Self {
        self.push(0x63, to, from, offset, 0)
    }

    pub(crate) fn go(&mut self, to: &'static str) -> &mut Self {
        self.jump(0x05, R0, 0, to)
    }

    pub(crate) fn if_equal(&mut self, register: Register, value: u32, to: &'static str) -> &mut Self {
        self.jump(0x16, register, value.cast_signed(), to)
    }

    pub(crate) fn if_not_equal(&mut self, register: Register, value: u32, to: &'static str) -> &mut Self {
        self.jump(0x56, register, value.cast_signed(), to)
    }

    /// Unsigned.
    pub(crate) fn if_at_least(&mut self, register: Register, value: u32, to: &'static str) -> &mut Self {
        self.jump(0x36, register, value.cast_signed(), to)
    }

    /// Over all 64 bits: a pointer that is null.
    pub(crate) fn if_null(&mut self, register: Register, to: &'static str) -> &mut Self {
        self.jump(0x15, register, 0, to)
    }

    /// Over all 64 bits.
    pub(crate) fn if_same(&mut self, register: Register, other: Register, to: &'static str) -> &mut Self {
        self.jumps.push((self.instructions.len(), to));
        self.push(0x1d, register, other, 0, 0)
    }

    pub(crate) fn call(&mut self, function: i32) -> &mut Self {
        self.push(0x85, R0, R0, 0, function)
    }

    pub(crate) fn exit(&mut self, value: u32) -> &mut Self {
        self.set(R0, value).push(0x95, R0, R0, 0, 0)
    }

    /// The program; none: it jumps to a label that it does not have, or too far.
    pub(crate) fn finish(mut self) -> Option<Vec<Instruction>> {
        for (at, to) in self.jumps {
            let target = i64::try_from(*self.labels.get(to)?).ok()?;
            let distance = target - i64::try_from(at).ok()? - 1;
            self.instructions.get_mut(at)?.offset = i16::try_from(distance).ok()?;
        }
        Some(self.instructions)
    }
}

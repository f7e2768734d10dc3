//! Interpreter for the subset of Python's pickle protocol 2 that tensor files need.
//!
//! A pickle is a program that names functions and calls them. This interpreter never calls any: the few functions that
//! rebuild a tensor are represented by their arguments, and everything else becomes [`PickleValue::Opaque`], which
//! stores no content. Values are immutable and shared, so a short program cannot create a large value.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::super::location::{TensorLocation, TensorLocations};
use super::rebuild::{rebuild, resolve_storage};
use super::value::PickleValue;

/// Maximum number of values on the stack. Dictionaries are filled in batches of a thousand entries.
const MAX_STACK: usize = 1 << 16;
/// Maximum number of values in the memo; a tensor needs about 15.
const MAX_MEMO: usize = 1 << 20;
/// Maximum nesting depth of tuples: sizes are nested in a tensor's arguments, which may be nested in a parameter's.
const MAX_DEPTH: usize = 8;

struct PickleMachine<'a, F> {
    program: &'a [u8],
    stack: Vec<PickleValue>,
    /// Stack positions at which open tuples and dictionaries begin.
    marks: Vec<usize>,
    memo: HashMap<u32, PickleValue>,
    find_storage: F,
    /// Every tensor that was stored in a dictionary under a name.
    tensors: TensorLocations,
}

/// Runs a program and returns the tensors that it stores in dictionaries, by name. `find_storage` returns the byte
/// range of a storage by key.
///
/// # Errors
/// Returns a message if the program is truncated, has an unsupported instruction, exceeds a limit, or defines a tensor
/// twice.
pub fn run(program: &[u8], find_storage: impl Fn(&str) -> Option<Range<usize>>) -> Result<TensorLocations, String> {
    let (stack, marks, memo, tensors) = Default::default();
    let mut machine = PickleMachine { program, stack, marks, memo, find_storage, tensors };
    while machine.step()? {
        if machine.stack.len() + machine.marks.len() > MAX_STACK || machine.memo.len() > MAX_MEMO {
            return Err("the pickle creates too many values for a file of tensors".to_owned());
        }
    }
    Ok(machine.tensors)
}

impl<F: Fn(&str) -> Option<Range<usize>>> PickleMachine<'_, F> {
    /// Executes one instruction; returns false after the last.
    fn step(&mut self) -> Result<bool, String> {
        let [opcode] = self.read_array()?;
        match opcode {
            // PROTO
            0x80 => drop(self.read_array::<1>()?),
            b'.' => return Ok(false),
            // None, True, False, a float; an empty dictionary, list
            b'N' | 0x88 | 0x89 | b'}' | b']' => self.stack.push(PickleValue::Opaque),
            b'G' => {
                self.read_array::<8>()?;
                self.stack.push(PickleValue::Opaque);
            }
            b'J' => self.push_integer(|machine| Ok(i32::from_le_bytes(machine.read_array()?).into()))?,
            b'K' => self.push_integer(|machine| Ok(u8::from_le_bytes(machine.read_array()?).into()))?,
            b'M' => self.push_integer(|machine| Ok(u16::from_le_bytes(machine.read_array()?).into()))?,
            0x8a => self.push_integer(Self::read_long)?,
            b'X' => {
                let length = u32::from_le_bytes(self.read_array()?);
                let text = str::from_utf8(self.read_bytes(length as usize)?).map_err(|error| error.to_string())?.into();
                self.stack.push(PickleValue::Text(text));
            }
            b'c' => {
                let global = (self.read_line()?, self.read_line()?);
                self.stack.push(PickleValue::Global(Rc::new(global)));
            }
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.push_tuple(Vec::new())?,
            0x85..=0x87 => {
                let values = self.pop(usize::from(opcode - 0x84))?;
                self.push_tuple(values)?;
            }
            b't' => {
                let values = self.pop_mark()?;
                self.push_tuple(values)?;
            }
            // DICT, LIST: built from all values after the mark
            b'd' | b'l' => {
                let entries = self.pop_mark()?;
                self.set_items(entries)?;
                self.stack.push(PickleValue::Opaque);
            }
            // APPEND, APPENDS, BUILD: the target is opaque, so the operands are discarded
            b'a' | b'b' => drop(self.pop(1)?),
            b'e' => drop(self.pop_mark()?),
            b's' => {
                let entry = self.pop(2)?;
                self.set_items(entry)?;
            }
            b'u' => {
                let entries = self.pop_mark()?;
                self.set_items(entries)?;
            }
            // REDUCE, NEWOBJ: calls, which are not executed
            b'R' | 0x81 => {
                let call = self.pop(2)?;
                self.stack.push(rebuild(&call));
            }
            // BINPERSID: reference to a storage outside the pickle
            b'Q' => {
                let id = self.pop(1)?;
                self.stack.push(resolve_storage(&id, &self.find_storage)?);
            }
            b'q' => self.memo_put(|machine| Ok(u8::from_le_bytes(machine.read_array()?).into()))?,
            b'r' => self.memo_put(|machine| Ok(u32::from_le_bytes(machine.read_array()?)))?,
            b'h' => self.memo_get(|machine| Ok(u8::from_le_bytes(machine.read_array()?).into()))?,
            b'j' => self.memo_get(|machine| Ok(u32::from_le_bytes(machine.read_array()?)))?,
            other => return Err(format!("the pickle has an unsupported instruction {other:#04x}")),
        }
        Ok(true)
    }

    fn read_bytes(&mut self, count: usize) -> Result<&[u8], String> {
        let (bytes, remaining) = self.program.split_at_checked(count).ok_or("the pickle is truncated")?;
        self.program = remaining;
        Ok(bytes)
    }

    fn read_array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (bytes, remaining) = self.program.split_first_chunk().ok_or("the pickle is truncated")?;
        self.program = remaining;
        Ok(*bytes)
    }

    fn read_line(&mut self) -> Result<String, String> {
        let end = self.program.iter().position(|&byte| byte == b'\n').ok_or("the pickle is truncated")?;
        let line = String::from_utf8_lossy(self.read_bytes(end)?).into_owned();
        self.read_array::<1>()?;
        Ok(line)
    }

    fn push_integer(&mut self, read: impl FnOnce(&mut Self) -> Result<i64, String>) -> Result<(), String> {
        let number = read(self)?;
        self.stack.push(PickleValue::Integer(number));
        Ok(())
    }

    /// Reads an integer of up to eight bytes, in two's complement.
    fn read_long(&mut self) -> Result<i64, String> {
        let [length] = self.read_array()?;
        let bytes = self.read_bytes(length.into())?;
        if bytes.len() > 8 {
            return Err("the pickle has an integer of more than 64 bits".to_owned());
        }
        // Sign extension of a little-endian number.
        let sign = if bytes.last().is_some_and(|&byte| byte >= 0x80) { 0xff } else { 0 };
        let mut number = [sign; 8];
        number.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(i64::from_le_bytes(number))
    }

    /// Pops the last `count` values, all of which must be after the last mark.
    fn pop(&mut self, count: usize) -> Result<Vec<PickleValue>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let at = self.stack.len().checked_sub(count).filter(|&at| at >= floor);
        Ok(self.stack.split_off(at.ok_or("the pickle uses a value that does not exist")?))
    }

    /// Pops the last mark and all values after it.
    fn pop_mark(&mut self) -> Result<Vec<PickleValue>, String> {
        let at = self.marks.pop().ok_or("the pickle uses a mark that does not exist")?;
        Ok(self.stack.split_off(at))
    }

    fn push_tuple(&mut self, values: Vec<PickleValue>) -> Result<(), String> {
        let tuple = PickleValue::new_tuple(values);
        if matches!(&tuple, PickleValue::Tuple(tuple) if tuple.depth > MAX_DEPTH) {
            return Err(format!("the pickle nests tuples more than {MAX_DEPTH} levels deep"));
        }
        self.stack.push(tuple);
        Ok(())
    }

    /// Handles keys and values that are stored in a dictionary: records named tensors.
    fn set_items(&mut self, entries: Vec<PickleValue>) -> Result<(), String> {
        for entry in entries.chunks_exact(2) {
            if let [PickleValue::Text(name), PickleValue::Tensor(location)] = entry
                && self
                    .tensors
                    .insert(name.to_string(), TensorLocation::clone(location))
                    .is_some_and(|other| other != **location)
            {
                return Err(format!("the pickle has two tensors `{name}`"));
            }
        }
        Ok(())
    }

    fn memo_put(&mut self, read: impl FnOnce(&mut Self) -> Result<u32, String>) -> Result<(), String> {
        let slot = read(self)?;
        let value = self.stack.last().cloned().ok_or("the pickle uses a value that does not exist")?;
        self.memo.insert(slot, value);
        Ok(())
    }

    fn memo_get(&mut self, read: impl FnOnce(&mut Self) -> Result<u32, String>) -> Result<(), String> {
        let slot = read(self)?;
        self.stack.push(self.memo.get(&slot).cloned().ok_or("the pickle uses a value that does not exist")?);
        Ok(())
    }
}

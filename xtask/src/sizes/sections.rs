//! How much flash and RAM a program takes.

use std::fs;

use object::read::elf::{ElfFile32, SectionHeader as _};
use object::{Endianness, elf};

/// What a linker script makes of the RAM that is left. A section of the program it is not.
const LEFT_OVER: [&[u8]; 2] = [b".stack", b".heap"];

/// Bytes of a program that stay on the device.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Sections {
    /// Code, constants, and the first values of statics.
    pub(crate) flash: u64,
    /// Statics. The stack is what is left.
    pub(crate) statics: u64,
}

impl Sections {
    /// Reads a program of 32 bits.
    pub(crate) fn read(path: &str) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        Self::parse(&bytes).map_err(|error| format!("{path}: {error}"))
    }

    fn parse(bytes: &[u8]) -> Result<Self, object::Error> {
        let file = ElfFile32::<Endianness>::parse(bytes)?;
        let endian = file.endian();
        let mut sections = Self {
            flash: 0,
            statics: 0,
        };
        let table = file.elf_section_table();
        for header in table.iter() {
            let (flags, size) = (header.sh_flags(endian), u64::from(header.sh_size(endian)));
            let name = table.section_name(endian, header)?;
            if flags & elf::SHF_ALLOC == 0 || LEFT_OVER.contains(&name) {
                continue;
            }
            let is_stored = header.sh_type(endian) != elf::SHT_NOBITS;
            let is_writable = flags & elf::SHF_WRITE != 0;
            if is_stored {
                sections.flash += size;
            }
            if is_writable {
                sections.statics += size;
            }
        }
        Ok(sections)
    }
}

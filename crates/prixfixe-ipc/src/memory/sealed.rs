//! Memory that is behind plain references: of our own alone, or of nobody's to write.

use crate::sys::{DraftFile, SealedFile, SealedMapping};
use std::io;

/// Octets of a file that nobody else has yet.
#[derive(Debug)]
pub(crate) struct DraftBytes {
    file: DraftFile,
}

/// Octets that nobody can change any more.
#[derive(Debug)]
pub(crate) struct SealedBytes {
    mapping: SealedMapping,
}

impl DraftBytes {
    pub(crate) fn new(file: DraftFile) -> Self {
        Self { file }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let mapping = self.file.mapping();
        // SAFETY: as in `bytes_mut`; a shared borrow of `self` lends it for reading alone.
        unsafe { std::slice::from_raw_parts(mapping.base().as_ptr(), mapping.len()) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let mapping = self.file.mapping();
        // SAFETY: the file was made by us, its descriptor was given to nobody, and it is mapped once,
        // here, and not in forked children: so this is memory of our own like any other. It is as long as
        // the mapping, which lives as long as `self`, and holds zeros or what was written. Its pages were
        // made when the file was. `self` is borrowed for as long as what is returned.
        unsafe { std::slice::from_raw_parts_mut(mapping.base().as_ptr(), mapping.len()) }
    }

    /// As [`DraftFile::seal`].
    pub(crate) fn seal(self) -> Result<SealedFile, (io::Error, Option<Self>)> {
        let sealed = self.file.seal();
        sealed.map_err(|(error, draft)| (error, draft.map(Self::new)))
    }
}

impl SealedBytes {
    pub(crate) fn new(mapping: SealedMapping) -> Self {
        Self { mapping }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let mapping = self.mapping.mapping();
        // SAFETY: a `SealedMapping` is one of a file with the seals WRITE, SHRINK, GROW and SEAL, which
        // were set by us or read before it was mapped, and can never be taken off again.
        // - Nobody can change what is there: the kernel sets WRITE only where no writable mapping exists
        //   and nothing in the kernel holds its pages for writing, and after that refuses `write`, new
        //   writable mappings, making a mapping writable, and punching holes. So this is no memory that
        //   another process may write, and a plain reference may point into it.
        // - Reading is within the file: SHRINK keeps its length. A page that was never written is zeros,
        //   and made when it is read, as in any new memory; of others' files each was found to be there.
        // It is as long as the mapping, which lives as long as `self`.
        unsafe { std::slice::from_raw_parts(mapping.base().as_ptr(), mapping.len()) }
    }
}

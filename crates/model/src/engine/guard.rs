//! Numbers that end where memory ends, for tests: a read or write beyond them kills the process.

use std::ptr;

/// Numbers before a page that may neither be read nor written.
pub(super) struct Guarded {
    map: *mut libc::c_void,
    size: usize,
    first: *mut f32,
    len: usize,
}

impl Guarded {
    pub(super) fn new(len: usize, number: impl Fn(usize) -> f32) -> Self {
        // SAFETY: a private anonymous map of whole pages, of which the last is then closed.
        let (map, size, page) = unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let size = (len * size_of::<f32>()).div_ceil(page) * page + page;
            let (open, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
            let map = libc::mmap(ptr::null_mut(), size, open, shared, -1, 0);
            assert_ne!(map, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(map.byte_add(size - page), page, libc::PROT_NONE), 0);
            (map, size, page)
        };
        let first = map.wrapping_byte_add(size - page - len * size_of::<f32>()).cast();
        let mut numbers = Self { map, size, first, len };
        numbers.as_mut_slice().iter_mut().enumerate().for_each(|(ix, x)| *x = number(ix));
        numbers
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        // SAFETY: the open pages hold that many numbers up to their end; a fresh map is zero.
        unsafe { std::slice::from_raw_parts(self.first, self.len) }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as in `as_slice`, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.first, self.len) }
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.first
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the map is this one's, and nothing borrows it any more.
        unsafe { libc::munmap(self.map, self.size) };
    }
}

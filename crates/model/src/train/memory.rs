//! The allocator while a model is trained.

/// Keeps the allocator from giving memory back, as long as what this returns is held.
///
/// A training step allocates and frees the same tensors each time, hundreds of megabytes in all, and glibc gives them back
/// to the system in between: page faults are then more than half of the time. glibc raises its limit for single blocks to
/// the largest it has seen freed, so a block is freed here; and it gives back only what lies at the end of its memory, so
/// a block is held there. With another allocator this does nothing. None of the blocks is written to: they take no memory,
/// and where there is no room for one, training is slower.
pub(super) fn keep_freed_memory() -> impl Drop {
    const BLOCK: usize = 24 << 20;
    const BLOCKS: usize = 16;
    let block = |bytes| {
        let mut block = Vec::<u8>::new();
        let _ = block.try_reserve_exact(bytes);
        std::hint::black_box(block)
    };
    drop(block(BLOCK));
    let _room: Vec<Vec<u8>> = (0..BLOCKS).map(|_| block(BLOCK - (1 << 20))).collect();
    block(1 << 20)
}

// Does the same to many numbered pieces by several threads and hands them on in order.
#ifndef NAKADACHI_TOOLS_REPLAY_PIPELINE_H_
#define NAKADACHI_TOOLS_REPLAY_PIPELINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>

namespace nakadachi::replay {

// Pieces 0 to count - 1. `make(piece, slot)` runs on one of `threads` threads, `take(piece, slot)`
// on the caller's, in order. A piece has slot piece % slots, and no other piece has it between its
// make and the end of its take, so that memory is bounded and buffers are used again.
void RunInOrder(uint64_t count, int threads, size_t slots,
                const std::function<void(uint64_t piece, size_t slot)>& make,
                const std::function<void(uint64_t piece, size_t slot)>& take);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_PIPELINE_H_

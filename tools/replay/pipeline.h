// Does the same to many numbered pieces by several threads and hands them on in order.
#ifndef NAKADACHI_TOOLS_REPLAY_PIPELINE_H_
#define NAKADACHI_TOOLS_REPLAY_PIPELINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>

namespace nakadachi::replay {

// Pieces 0 to count - 1, by `threads` threads, of which the caller's is one. `make(piece, slot)`
// runs for several pieces at once, `take(piece, slot)` for one at a time, in order, each on the
// thread that comes to it first, so that none waits while there is work. A piece has slot piece %
// slots, and no other piece has it between its make and the end of its take, so that memory is
// bounded and buffers are used again.
void RunInOrder(uint64_t count, int threads, size_t slots,
                const std::function<void(uint64_t piece, size_t slot)>& make,
                const std::function<void(uint64_t piece, size_t slot)>& take);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_PIPELINE_H_

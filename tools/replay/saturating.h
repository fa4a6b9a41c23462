// Sums of times that the authors of evidence chose: at the end of their range where they would lie
// beyond it.
#ifndef NAKADACHI_TOOLS_REPLAY_SATURATING_H_
#define NAKADACHI_TOOLS_REPLAY_SATURATING_H_

#include <cstdint>

namespace nakadachi::replay {

inline int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? INT64_MIN : INT64_MAX;
}

inline int64_t SaturatingSubtract(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a < 0 ? INT64_MIN : INT64_MAX;
}

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_SATURATING_H_

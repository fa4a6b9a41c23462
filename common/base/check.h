// A broken invariant of our own ends the process; bytes from a peer never reach a CHECK.
#ifndef NAKADACHI_COMMON_BASE_CHECK_H_
#define NAKADACHI_COMMON_BASE_CHECK_H_

namespace nakadachi {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}

#define NAKADACHI_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::nakadachi::CheckFailed(__FILE__, __LINE__, #condition))

#endif  // NAKADACHI_COMMON_BASE_CHECK_H_

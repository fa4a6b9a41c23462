// What fuzzers share.
#ifndef NAKADACHI_TESTS_FUZZ_FUZZ_H_
#define NAKADACHI_TESTS_FUZZ_FUZZ_H_

#include <unistd.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/check.h"
#include "common/base/csv.h"
#include "common/base/status.h"

namespace nakadachi::fuzz {

inline absl::string_view AsView(const uint8_t* data, size_t size) {
  return absl::string_view(reinterpret_cast<const char*>(data), size);
}

// An error that comes of bad input names its rule and is text that can be sent.
inline void CheckError(const absl::Status& status) {
  if (status.ok()) return;
  NAKADACHI_CHECK(!GetFieldRule(status).rule.empty());
  NAKADACHI_CHECK(IsUtf8(std::string(status.message())));
}

// A private file of this process, for parsers that take a path; overwritten by each use.
std::string FileWith(absl::string_view content);

}  // namespace nakadachi::fuzz

#endif  // NAKADACHI_TESTS_FUZZ_FUZZ_H_

// An exported log, read whole.
#ifndef NAKADACHI_TESTS_INTEGRATION_EXPORTED_LOG_H_
#define NAKADACHI_TESTS_INTEGRATION_EXPORTED_LOG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/evidence/layout.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::integration {

struct Exported {
  uint64_t index;
  std::string commitment;
  evidence::BodyState state;
  v1::Statement statement;
  std::string person;
};

// Fails the test where it cannot be read.
std::vector<Exported> ReadLog(const std::string& root, const std::string& author);

}  // namespace nakadachi::integration

#endif  // NAKADACHI_TESTS_INTEGRATION_EXPORTED_LOG_H_

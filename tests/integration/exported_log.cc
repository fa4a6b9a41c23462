#include "tests/integration/exported_log.h"

#include <gtest/gtest.h>

#include "common/evidence/log_reader.h"
#include "common/evidence/manifest.h"

namespace nakadachi::integration {

std::vector<Exported> ReadLog(const std::string& root, const std::string& author) {
  const auto log =
      evidence::LogReader::Open(evidence::LogFolder(root, Author::Parse(author).value()));
  EXPECT_TRUE(log.ok()) << author << ": " << log.status();
  std::vector<Exported> entries;
  if (!log.ok()) return entries;
  const absl::Status read =
      log->ForEach(0, log->size(),
                   [&](uint64_t index, absl::string_view commitment, const evidence::Body& body) {
                     Exported& entry = entries.emplace_back();
                     entry.index = index;
                     entry.commitment = std::string(commitment);
                     entry.state = body.state;
                     entry.person = std::string(body.person);
                     EXPECT_TRUE(body.state != evidence::BodyState::kPresent ||
                                 entry.statement.ParseFromString(std::string(body.statement)));
                     return true;
                   });
  EXPECT_TRUE(read.ok()) << read;
  return entries;
}

}  // namespace nakadachi::integration

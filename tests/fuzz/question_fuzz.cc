// Questions and replica sets as they come from a terminal.
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/replica.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const std::string bytes(fuzz::AsView(data, size));
  v1::QueryRequest question;
  if (question.ParseFromString(bytes)) {
    const absl::Status checked = intermediate::CheckQueryRequest(question, "072028");
    fuzz::CheckError(checked);
    NAKADACHI_CHECK(intermediate::SameQuestion(question, question));
    if (checked.ok())
      NAKADACHI_CHECK(question.municipality() == "072028" && question.items_size() > 0);
  }
  v1::ReplicaEntry entry;
  if (entry.ParseFromString(bytes)) fuzz::CheckError(intermediate::CheckReplicaSet(entry.set()));
  return 0;
}

// Errors inside streams: bytes that are no error become one; what is one comes back as it was.
#include "common/rpc/status_mapping.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const absl::Status status = rpc::FromBytes(std::string(fuzz::AsView(data, size)));
  NAKADACHI_CHECK(status.ok() == (size == 0));
  const absl::Status again = rpc::FromBytes(rpc::ToBytes(status));
  NAKADACHI_CHECK(again.code() == status.code());
  NAKADACHI_CHECK(GetFieldRule(again).rule == GetFieldRule(status).rule);
  NAKADACHI_CHECK(rpc::FromBytes(rpc::ToBytes(again)) == again);
  return 0;
}

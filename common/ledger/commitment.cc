#include "common/ledger/commitment.h"

namespace nakadachi::ledger {
namespace {
constexpr char kStatementPrefix[] = "nakadachi/statement/v1";
constexpr char kPayloadPrefix[] = "nakadachi/payload/v1";

// The prefix with the zero byte that ends it.
template <size_t N>
constexpr absl::string_view WithZero(const char (&text)[N]) {
  return absl::string_view(text, N);
}
}  // namespace

Hash Commit(absl::string_view salt, absl::string_view statement) {
  return Sha256(WithZero(kStatementPrefix), salt, statement);
}

Hash PayloadDigest(absl::string_view payload) { return Sha256(WithZero(kPayloadPrefix), payload); }

}  // namespace nakadachi::ledger

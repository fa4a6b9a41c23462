// Files of an export: what is accepted is written back the same, and what is not names its rule.
#include "common/evidence/layout.h"
#include "common/evidence/manifest.h"
#include "common/evidence/statement_kind.h"
#include "tests/fuzz/fuzz.h"

namespace nakadachi::evidence {
namespace {

void ReadName(absl::string_view bytes) {
  const absl::StatusOr<FileName> name = FileName::Parse(bytes);
  fuzz::CheckError(name.status());
  if (name.ok()) NAKADACHI_CHECK(name->ToString() == bytes);
}

void ReadEntries(const std::string& bytes) {
  EntryBundle bundle;
  const absl::Status status = bundle.Parse(bytes);
  fuzz::CheckError(status);
  NAKADACHI_CHECK(bundle.size() <= kWidth);
  std::string again;
  for (size_t i = 0; i < bundle.size(); ++i)
    EntryBundle::Add(*HashFromBytes(bundle.commitment(i), "entry"), &again);
  NAKADACHI_CHECK(bytes.compare(0, again.size(), again) == 0);
  if (status.ok()) NAKADACHI_CHECK(again == bytes);
}

void ReadStatements(const std::string& bytes) {
  StatementBundle bundle;
  const absl::Status status = bundle.Parse(bytes);
  fuzz::CheckError(status);
  NAKADACHI_CHECK(bundle.bodies().size() <= kWidth);
  std::string again;
  for (const Body& body : bundle.bodies()) StatementBundle::Add(body, &again);
  NAKADACHI_CHECK(bytes.compare(0, again.size(), again) == 0);
  if (status.ok()) NAKADACHI_CHECK(again == bytes);
}

void ReadManifestText(absl::string_view bytes) {
  const absl::StatusOr<Manifest> manifest = Manifest::FromJson(bytes);
  fuzz::CheckError(manifest.status());
  if (!manifest.ok()) return;
  const absl::StatusOr<Manifest> again = Manifest::FromJson(manifest->ToJson());
  NAKADACHI_CHECK(again.ok() && again->ToJson() == manifest->ToJson());
}

void ReadKind(const std::string& bytes) {
  const v1::Statement::KindCase kind = KindOf(bytes);
  v1::Statement statement;
  if (statement.ParseFromString(bytes)) NAKADACHI_CHECK(statement.kind_case() == kind);
}

}  // namespace
}  // namespace nakadachi::evidence

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi::evidence;  // NOLINT(google-build-using-namespace): one function
  const std::string bytes(nakadachi::fuzz::AsView(data, size));
  ReadName(bytes);
  ReadEntries(bytes);
  ReadStatements(bytes);
  ReadManifestText(bytes);
  ReadKind(bytes);
  return 0;
}

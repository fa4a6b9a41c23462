// Identifiers: what parses reads back as it was, and parses again.
#include "common/base/ids.h"
#include "tests/fuzz/fuzz.h"

namespace nakadachi {
namespace {

template <typename Id>
void CheckPublic(absl::string_view text) {
  const auto id = Id::Parse(text);
  fuzz::CheckError(id.status());
  if (id.ok()) NAKADACHI_CHECK(id->ToString() == text);
}

template <typename Id>
void CheckPersonal(absl::string_view text) {
  const auto id = Id::Parse(text);
  fuzz::CheckError(id.status());
  if (id.ok()) NAKADACHI_CHECK(id->Reveal() == text);
}

}  // namespace
}  // namespace nakadachi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const absl::string_view text = fuzz::AsView(data, size);
  CheckPublic<LocalGovernmentCode>(text);
  CheckPublic<CorporateNumber>(text);
  CheckPublic<Author>(text);
  CheckPersonal<IndividualNumber>(text);
  CheckPersonal<ResidentCode>(text);
  CheckPersonal<AddresseeNumber>(text);
  CheckPersonal<AcquisitionNumber>(text);
  CheckPersonal<TicketNumber>(text);
  fuzz::CheckError(TicketLine::Parse(text).status());
  fuzz::CheckError(LinkageCode::FromBytes(text).status());
  return 0;
}

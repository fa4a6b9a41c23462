// Permission lists: what parses decides every question without surprise.
#include "common/permission/permission_list.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  std::vector<std::string> problems;
  const auto list = permission::PermissionList::Parse(fuzz::AsView(data, size), &problems);
  fuzz::CheckError(list.status());
  NAKADACHI_CHECK(list.ok() == problems.empty());
  if (!list.ok()) return 0;
  NAKADACHI_CHECK(!list->rows().empty());
  for (const permission::Row& row : list->rows()) {
    const permission::Question question{row.requester_category,
                                        row.provider_category,
                                        row.procedure,
                                        {row.item},
                                        row.effective_from};
    const permission::Decision decision = permission::Decide(*list, question);
    NAKADACHI_CHECK(decision.permitted && decision.legal_basis.size() == 1);
  }
  const permission::ListDifference none = permission::Diff(*list, *list);
  NAKADACHI_CHECK(none.added.empty() && none.removed.empty());
  return 0;
}

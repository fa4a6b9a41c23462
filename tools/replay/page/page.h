// The report as one page that needs nothing else: see README.md.
#ifndef NAKADACHI_TOOLS_REPLAY_PAGE_PAGE_H_
#define NAKADACHI_TOOLS_REPLAY_PAGE_PAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"
#include "tools/replay/report.h"

namespace nakadachi::replay {

// A statement with what its proof needs, as the export holds it.
struct PageStatement {
  EntryRef entry;
  std::string role;       // "query", "decision", "provision", "receipt"
  std::string statement;  // bytes; empty where `problem` says why
  std::string salt;
  std::vector<Hash> path;  // to the log's checkpoint
  std::string problem;
};

struct PageExchange {
  ExchangeRefs refs;
  std::vector<PageStatement> statements;
};

struct PageData {
  Report report;
  std::vector<PageExchange> exchanges;
};

// No page is larger, whatever the evidence.
inline constexpr size_t kMostPageBytes = 3'000'000;

// UTF-8. The same data gives the same bytes; what does not fit is left out and counted on the
// page. No text of the data can become markup or script.
std::string RenderPage(const PageData& data);

// JSON that can stand in a script element: no "<", ">" or "&", no line or paragraph separator.
std::string EscapeForScript(absl::string_view json);

// The page's texts: {"key": ["English", "日本語"], …}.
absl::string_view PageTexts();
absl::string_view PageScript();

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_PAGE_PAGE_H_

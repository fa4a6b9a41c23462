#include "tools/replay/film.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ledger/verifier.h"
#include "tools/replay/evidence_set.h"

namespace nakadachi::replay {
namespace {

// Longer statements are not put on the page: an honest one has some hundred bytes.
constexpr size_t kMostStatement = 16'384;

PageStatement Gather(const EvidenceSet& evidence, const EntryRef& entry, std::string role) {
  PageStatement gathered;
  gathered.entry = entry;
  gathered.role = std::move(role);
  const LogSource* source = evidence.Find(entry.log);
  if (source == nullptr || source->reader == nullptr) {
    gathered.problem = "unreadable";
    return gathered;
  }
  const evidence::LogReader& reader = *source->reader;
  auto recorded = reader.Prove(entry.index, reader.size(), reader.checkpoint().note);
  if (!recorded.ok()) {
    gathered.problem = GetFieldRule(recorded.status()).rule;
    if (gathered.problem.empty()) gathered.problem = "unreadable";
    return gathered;
  }
  if (recorded->statement().size() > kMostStatement) {
    gathered.problem = "too-long";
    return gathered;
  }
  gathered.statement = recorded->statement();
  gathered.salt = recorded->salt();
  gathered.path = ledger::HashesOf(recorded->path());
  return gathered;
}

PageExchange Gather(const EvidenceSet& evidence, const ExchangeRefs& refs) {
  // More than any honest exchange has.
  constexpr size_t kMostStatements = 12;
  PageExchange exchange;
  exchange.refs = refs;
  const auto add = [&](const EntryRef& entry, const char* role) {
    if (exchange.statements.size() == kMostStatements) return;
    exchange.statements.push_back(Gather(evidence, entry, role));
  };
  if (refs.query.has_value()) add(*refs.query, "query");
  if (refs.decision.has_value()) add(*refs.decision, "decision");
  for (const EntryRef& entry : refs.provisions) add(entry, "provision");
  for (const EntryRef& entry : refs.receipts) add(entry, "receipt");
  return exchange;
}

}  // namespace

absl::StatusOr<PageData> GatherPage(const std::vector<std::string>& folders, Report report) {
  NAKADACHI_ASSIGN_OR_RETURN(const EvidenceSet evidence, OpenEvidence(folders));
  PageData data;
  for (const ExchangeRefs& refs : report.exchanges) {
    data.exchanges.push_back(Gather(evidence, refs));
  }
  data.report = std::move(report);
  return data;
}

absl::Status WritePage(const std::string& path, const std::string& page) {
  const auto failed = [&path](FILE* file, const std::string& temporary) {
    if (file != nullptr) fclose(file);
    std::remove(temporary.c_str());
    return FieldError(absl::StatusCode::kUnavailable, path, "io", "cannot be written");
  };
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".tmp");
  FILE* file = fopen(temporary.c_str(), "wbxe");
  if (file == nullptr) {
    return FieldError(absl::StatusCode::kUnavailable, path, "io", "cannot be written");
  }
  if (fwrite(page.data(), 1, page.size(), file) != page.size() || fflush(file) != 0 ||
      fsync(fileno(file)) != 0) {
    return failed(file, temporary);
  }
  if (fclose(file) != 0 || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return failed(nullptr, temporary);
  }
  return absl::OkStatus();
}

}  // namespace nakadachi::replay

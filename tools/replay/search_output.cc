#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/ledger/verifier.h"
#include "tools/replay/extract.h"
#include "tools/replay/search.h"
#include "tools/replay/search_index.h"

namespace nakadachi::replay {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kAssertion[] =
    "Whom a permit is about is the broker's own assertion; no recorded statement says it.";

std::string OperationOf(const v1::Statement& statement) { return statement.operation().kind(); }

const v1::Permit* PermitOf(const v1::Statement& statement) {
  return statement.has_permit() ? &statement.permit() : nullptr;
}

// Without linkage codes: they say nothing to a reader but who is who.
Json SummaryOf(const Hit& hit) {
  const Searchable found = SearchableOf(hit.statement, "");
  Json json = {{"kind", std::string(KindName(hit.statement.kind_case()))},
               {"time_ms", hit.statement.time_ms()}};
  const auto add = [&json](const char* name, const std::string& value) {
    if (!value.empty()) json[name] = value;
  };
  add("operation", OperationOf(hit.statement));
  add("requester", found.institutions[1].empty() ? "" : found.institutions[0]);
  add("provider", found.institutions[1]);
  add("procedure", found.procedure);
  add("staff", found.staff);
  add("outcome", found.outcome);
  add("person", hit.person);
  if (const v1::Permit* permit = PermitOf(hit.statement)) {
    json["items"] = std::vector<std::string>(permit->items().begin(), permit->items().end());
    json["legal_basis"] =
        std::vector<std::string>(permit->legal_basis().begin(), permit->legal_basis().end());
    json["list_version"] = permit->list_version();
    json["department"] = permit->department();
  }
  return json;
}

Json Of(const Hit& hit) {
  Json json = {{"log", hit.entry.log}, {"index", hit.entry.index}, {"export", hit.folder}};
  json.update(SummaryOf(hit));
  json["proven"] = hit.proven;
  if (!hit.proven) json["problem"] = hit.problem;
  json["commitment"] = hit.commitment;
  json["leaf_hash"] = hit.leaf_hash;
  json["path"] = Json::array();
  for (const Hash& hash : ledger::HashesOf(hit.recorded.path()))
    json["path"].push_back(HexEncode(AsView(hash)));
  json["checkpoint"] = hit.recorded.checkpoint();
  json["exchange"] = Json::array();
  for (const EntryRef& entry : hit.exchange) {
    json["exchange"].push_back({{"log", entry.log}, {"index", entry.index}});
  }
  return json;
}

// Texts of statements, fit for a terminal.
void AddHit(const Hit& hit, bool with_folder, std::string* text) {
  const Searchable found = SearchableOf(hit.statement, "");
  absl::StrAppend(
      text, hit.entry.log, " #", hit.entry.index, "  ",
      absl::FormatTime("%Y-%m-%d %H:%M:%E3S UTC", absl::FromUnixMillis(hit.statement.time_ms()),
                       absl::UTCTimeZone()),
      "  ", KindName(hit.statement.kind_case()));
  const auto add = [text](absl::string_view before, const std::string& part) {
    if (!part.empty()) absl::StrAppend(text, before, absl::Utf8SafeCEscape(part));
  };
  add(" ", OperationOf(hit.statement));
  if (!found.institutions[1].empty()) {
    add("  ", found.institutions[0]);
    add(" asks ", found.institutions[1]);
  }
  add("  ", found.procedure);
  add("  ", found.outcome);
  add("  ", found.staff);
  add("  person ", hit.person);
  if (with_folder) absl::StrAppend(text, "  in ", hit.folder);
  absl::StrAppend(text, hit.proven ? "  proven" : absl::StrCat("  NOT PROVEN: ", hit.problem),
                  "\n");
  if (hit.exchange.empty()) return;
  absl::StrAppend(text, "    with ",
                  absl::StrJoin(hit.exchange, ", ",
                                [](std::string* out, const EntryRef& entry) {
                                  absl::StrAppend(out, entry.log, " #", entry.index);
                                }),
                  "\n");
}

// Of what is shown only: what is not has not been looked at.
std::string ProvenText(const SearchResult& result) {
  if (result.hits.empty()) return "";
  if (!result.all_proven()) return ", NOT ALL PROVEN";
  return result.hits.size() == result.matches ? ", all proven" : ", all shown are proven";
}

}  // namespace

std::string ToJson(const SearchResult& result) {
  Json json = {{"matches", result.matches},
               {"shown", result.hits.size()},
               {"all_proven", result.hits.empty() ? Json() : Json(result.all_proven())},
               {"unknown", result.unknown},
               {"elapsed_s", result.elapsed_s}};
  if (result.person_by_assertion) json["person"] = kAssertion;
  json["hits"] = Json::array();
  for (const Hit& hit : result.hits) json["hits"].push_back(Of(hit));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ToText(const SearchResult& result) {
  std::string text;
  const bool several =
      std::any_of(result.hits.begin(), result.hits.end(),
                  [&result](const Hit& hit) { return hit.folder != result.hits.front().folder; });
  for (const Hit& hit : result.hits) AddHit(hit, several, &text);
  absl::StrAppend(&text, result.matches, " matches, ", result.hits.size(), " shown",
                  ProvenText(result), "\n");
  for (const std::string& option : result.unknown) {
    absl::StrAppend(&text, "The ", option, " is not known to this evidence.\n");
  }
  if (result.person_by_assertion) absl::StrAppend(&text, kAssertion, "\n");
  return text;
}

}  // namespace nakadachi::replay

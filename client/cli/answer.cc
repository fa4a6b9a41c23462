#include "client/cli/answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/crypto/crypto.h"

namespace nakadachi::cli {
namespace {

std::string Word(absl::string_view enum_name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(enum_name), {{"_", "-"}});
}

struct Kind {
  const char* code;
  const char* name;
};
// Kinds seen in public code; others are shown by their number.
constexpr Kind kKinds[] = {{"10007", "日本脳炎"},       {"10009", "Hib"},
                           {"10010", "小児用肺炎球菌"}, {"10011", "HPV"},
                           {"10019", "B型肝炎"},        {"20001", "インフルエンザ"},
                           {"20002", "成人用肺炎球菌"}, {"30001", "新型コロナ"}};

std::string KindText(const std::string& code) {
  for (const Kind& kind : kKinds) {
    if (code == kind.code) return absl::StrCat(code, " ", kind.name);
  }
  return code;
}

// "20240401" -> "2024-04-01"; parts that a register does not know stay as it writes them.
std::string DateText(const std::string& yyyymmdd) {
  if (yyyymmdd.size() != 8) return yyyymmdd;
  return absl::StrCat(yyyymmdd.substr(0, 4), "-", yyyymmdd.substr(4, 2), "-", yyyymmdd.substr(6));
}

std::string OtherText(const v1::OtherInformation& other) {
  return absl::StrJoin(other.entries(), "; ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.name(), "=", entry.value());
  });
}

std::string Records(int count) { return absl::StrCat(count, count == 1 ? " record" : " records"); }

std::string Freshness(const v1::ReplicaSet& set) {
  return absl::StrCat("state of ", TimeText(set.source_time_ms()), ", source version ",
                      set.source_version());
}

std::string SetText(const v1::ReplicaSet& set) {
  std::string text = absl::StrCat("\n", Printable(set.item()), ": ", Records(set.records_size()),
                                  ", ", Freshness(set), "\n");
  Table doses({"date", "kind", "dose", "done", "manufacturer", "lot", "ml", "place", "physician",
               "ticket", "municipality"});
  Table others({"record", "content"});
  for (const v1::ReplicaRecord& record : set.records()) {
    if (!record.has_vaccination()) {
      others.Add({record.record_id(), OtherText(record.other())});
      continue;
    }
    const v1::Vaccination& dose = record.vaccination();
    doses.Add({DateText(dose.date().yyyymmdd()), KindText(dose.vaccine_kind()),
               absl::StrCat(dose.dose()), dose.done() ? "yes" : "no", dose.manufacturer(),
               dose.lot(), dose.volume_ml(), dose.place(), dose.physician(), dose.ticket_number(),
               dose.municipality()});
  }
  if (!doses.empty()) absl::StrAppend(&text, doses.ToString());
  if (!others.empty()) absl::StrAppend(&text, others.ToString());
  return text;
}

std::string ProvidedText(const v1::QueryResponse& response, const std::vector<std::string>& items) {
  int records = 0;
  for (const v1::ReplicaSet& set : response.sets()) records += set.records_size();
  std::string text =
      absl::StrCat("Provided: ", Records(records), ", as the provider's replica stood then.\n");
  for (const v1::ReplicaSet& set : response.sets()) absl::StrAppend(&text, SetText(set));
  for (const std::string& item : items) {
    const bool there = std::any_of(response.sets().begin(), response.sets().end(),
                                   [&](const v1::ReplicaSet& set) { return set.item() == item; });
    if (!there) absl::StrAppend(&text, "\n", Printable(item), ": none held there\n");
  }
  return text;
}

std::string RefusedText(const v1::QueryResponse& response) {
  std::string text = absl::StrCat("Refused by the ", RefusedBy(response));
  const std::string reason = ReasonWord(response.refusal_reason());
  if (!reason.empty()) absl::StrAppend(&text, ": ", reason);
  if (!response.refusal_detail().empty()) {
    absl::StrAppend(&text, " (", Printable(response.refusal_detail()), ")");
  }
  return absl::StrCat(text, ".\n");
}

Json RecordJson(const v1::ReplicaRecord& record) {
  Json json;
  json["record_id"] = record.record_id();
  if (!record.has_vaccination()) {
    Json& other = json["other"] = Json::array();
    for (const auto& entry : record.other().entries()) {
      other.push_back({{"name", entry.name()}, {"value", entry.value()}});
    }
    return json;
  }
  const v1::Vaccination& dose = record.vaccination();
  json["vaccine_kind"] = dose.vaccine_kind();
  json["dose"] = dose.dose();
  json["date"] = dose.date().yyyymmdd();
  json["manufacturer"] = dose.manufacturer();
  json["lot"] = dose.lot();
  json["volume_ml"] = dose.volume_ml();
  json["place"] = dose.place();
  json["physician"] = dose.physician();
  json["done"] = dose.done();
  json["ticket_number"] = dose.ticket_number();
  json["municipality"] = dose.municipality();
  return json;
}

Json SetJson(const v1::ReplicaSet& set) {
  Json json;
  json["item"] = set.item();
  json["source_version"] = set.source_version();
  json["source_time"] = TimeText(set.source_time_ms());
  json["records"] = Json::array();
  for (const v1::ReplicaRecord& record : set.records())
    json["records"].push_back(RecordJson(record));
  return json;
}

}  // namespace

std::string ReasonWord(v1::RefusalReason reason) {
  if (reason == v1::REFUSAL_REASON_UNSPECIFIED) return "";
  if (!v1::RefusalReason_IsValid(reason)) return absl::StrCat(static_cast<int>(reason));
  return Word(v1::RefusalReason_Name(reason));
}

std::string OutcomeWord(v1::Outcome outcome) {
  if (outcome == v1::OUTCOME_UNSPECIFIED) return "";
  if (!v1::Outcome_IsValid(outcome)) return absl::StrCat(static_cast<int>(outcome));
  return Word(v1::Outcome_Name(outcome));
}

absl::string_view ResultWord(const v1::QueryResponse& response) {
  switch (response.state()) {
    case v1::REFUSED_BY_BROKER:
    case v1::REFUSED_BY_PROVIDER:
      return "refused";
    case v1::LAPSED:
      return "lapsed";
    case v1::AWAITING:
      return "awaiting-review";
    case v1::ANSWERED:
      break;
    default:
      return "under-way";
  }
  if (!response.verified()) return "unverified";
  switch (response.outcome()) {
    case v1::PROVIDED:
      return "provided";
    case v1::NOT_HELD:
      return "not-held";
    case v1::NOT_REGISTERED:
      return "not-registered";
    case v1::WITHHELD:
      return "withheld";
    case v1::AWAITING_REVIEW:
      return "awaiting-review";
    case v1::REFUSED:
      return "refused";
    default:
      return "unverified";
  }
}

bool IsFinalResult(absl::string_view word) {
  return word != "awaiting-review" && word != "under-way" && word != "error";
}

int ExitCodeOf(absl::string_view word) {
  if (word == "refused" || word == "lapsed" || word == "unverified") return kFailed;
  return IsFinalResult(word) ? kOk : kPartly;
}

absl::string_view RefusedBy(const v1::QueryResponse& response) {
  if (response.state() == v1::REFUSED_BY_BROKER) return "network";
  if (response.state() == v1::REFUSED_BY_PROVIDER) return "provider";
  const bool refused = response.state() == v1::ANSWERED && response.outcome() == v1::REFUSED;
  return refused ? "provider" : "";
}

std::string AnswerText(const v1::QueryResponse& response, const std::vector<std::string>& items) {
  const absl::string_view result = ResultWord(response);
  if (result == "provided") return ProvidedText(response, items);
  if (result == "refused") return RefusedText(response);
  if (result == "not-held") {
    return "None held: the provider knows the person and holds no record under these items.\n";
  }
  if (result == "not-registered") {
    return "Not registered there: the provider holds no linkage code for the person. Whether it "
           "holds records is not known; it has to acquire the code first.\n";
  }
  if (result == "withheld") {
    return "Withheld: the provider holds records and may not give them.\n";
  }
  if (result == "awaiting-review") {
    return absl::StrCat("Awaiting review: the provider's staff will look before anything is sent, ",
                        "until ", TimeText(response.valid_until_ms()),
                        " at the latest. See it later with: nakadachi query --show ",
                        HexEncode(response.request_id()), "\n");
  }
  if (result == "lapsed") {
    return "Lapsed: no final answer came while the permit was valid. Ask anew.\n";
  }
  if (result == "unverified") {
    return "Not verified: the proof of the provider's answer did not hold. Nothing was taken from "
           "it.\n";
  }
  return absl::StrCat("Under way: recorded, not answered yet. See it later with: nakadachi query ",
                      "--show ", HexEncode(response.request_id()), "\n");
}

Json AnswerJson(const v1::QueryResponse& response) {
  Json json;
  json["request_id"] = HexEncode(response.request_id());
  json["result"] = std::string(ResultWord(response));
  json["refused_by"] = std::string(RefusedBy(response));
  json["reason"] = ReasonWord(response.refusal_reason());
  json["detail"] = response.refusal_detail();
  json["verified"] = response.verified();
  json["answered_at"] = TimeText(response.answered_ms());
  json["valid_until"] = TimeText(response.valid_until_ms());
  json["permit_number"] = HexEncode(response.permit_number());
  json["list_version"] = response.list_version();
  json["legal_basis"] = Json::array();
  for (const std::string& basis : response.legal_basis()) json["legal_basis"].push_back(basis);
  json["query_commitment"] = HexEncode(response.query_commitment());
  json["permit_commitment"] = HexEncode(response.permit_commitment());
  json["provision_commitment"] = HexEncode(response.provision_commitment());
  json["receipt_commitment"] = HexEncode(response.receipt_commitment());
  json["sets"] = Json::array();
  for (const v1::ReplicaSet& set : response.sets()) json["sets"].push_back(SetJson(set));
  return json;
}

const std::vector<std::string>& RecordColumns() {
  static const auto* const columns = new std::vector<std::string>{
      "item", "source_version", "source_time",  "record_id", "vaccine_kind", "dose",
      "date", "manufacturer",   "lot",          "volume_ml", "place",        "physician",
      "done", "ticket_number",  "municipality", "other"};
  return *columns;
}

std::vector<std::string> RecordCells(const v1::ReplicaSet& set, const v1::ReplicaRecord& record) {
  std::vector<std::string> cells = {set.item(), absl::StrCat(set.source_version()),
                                    TimeText(set.source_time_ms()), record.record_id()};
  if (record.has_vaccination()) {
    const v1::Vaccination& dose = record.vaccination();
    cells.insert(cells.end(),
                 {dose.vaccine_kind(), absl::StrCat(dose.dose()), dose.date().yyyymmdd(),
                  dose.manufacturer(), dose.lot(), dose.volume_ml(), dose.place(), dose.physician(),
                  dose.done() ? "1" : "0", dose.ticket_number(), dose.municipality()});
  }
  cells.resize(RecordColumns().size() - 1);
  cells.push_back(record.has_other() ? OtherText(record.other()) : "");
  return cells;
}

}  // namespace nakadachi::cli

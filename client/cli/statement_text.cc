#include "client/cli/statement_text.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/answer.h"
#include "common/crypto/crypto.h"
#include "common/ledger/commitment.h"

namespace nakadachi::cli {
namespace {

template <typename Strings>
Json List(const Strings& strings) {
  Json json = Json::array();
  for (const std::string& text : strings) json.push_back(text);
  return json;
}

Json RouteJson(const v1::Route& route) {
  return {{"address", route.address()}, {"tls_name", route.tls_name()}};
}

Json KeysJson(const v1::PublicKeys& keys) {
  return {{"signing_key", HexEncode(keys.signing_key())},
          {"sealing_key", HexEncode(keys.sealing_key())},
          {"valid_from", TimeText(keys.valid_from_ms())},
          {"valid_until", TimeText(keys.valid_until_ms())}};
}

Json Fields(const v1::Query& query) {
  Json json;
  json["provider"] = query.provider();
  json["procedure"] = query.procedure();
  json["items"] = List(query.items());
  json["department"] = query.department();
  json["staff"] = query.staff_pseudonym();
  json["non_disclosure"] = query.non_disclosure();
  return json;
}

Json Fields(const v1::Permit& permit) {
  Json json;
  json["permit_number"] = HexEncode(permit.permit_number());
  json["requester"] = permit.requester();
  json["provider"] = permit.provider();
  json["procedure"] = permit.procedure();
  json["items"] = List(permit.items());
  json["department"] = permit.department();
  json["list_version"] = permit.list_version();
  json["legal_basis"] = List(permit.legal_basis());
  json["valid_from"] = TimeText(permit.valid_from_ms());
  json["valid_until"] = TimeText(permit.valid_until_ms());
  json["non_disclosure"] = permit.non_disclosure();
  json["query"] = HexEncode(permit.query_commitment());
  return json;
}

Json Fields(const v1::Refusal& refusal) {
  Json json;
  json["requester"] = refusal.requester();
  json["provider"] = refusal.provider();
  json["procedure"] = refusal.procedure();
  json["items"] = List(refusal.items());
  json["department"] = refusal.department();
  json["reason"] = ReasonWord(refusal.reason());
  json["detail"] = refusal.detail();
  json["list_version"] = refusal.list_version();
  json["query"] = HexEncode(refusal.query_commitment());
  return json;
}

Json Fields(const v1::Provision& provision) {
  Json json;
  json["permit_number"] = HexEncode(provision.permit_number());
  json["requester"] = provision.requester();
  json["provider"] = provision.provider();
  json["procedure"] = provision.procedure();
  json["items"] = List(provision.items());
  json["outcome"] = OutcomeWord(provision.outcome());
  json["reason"] = ReasonWord(provision.reason());
  json["after_review"] = provision.after_review();
  json["versions"] = Json::array();
  for (const auto& version : provision.versions()) {
    json["versions"].push_back({{"item", version.item()},
                                {"source_version", version.source_version()},
                                {"source_time", TimeText(version.source_time_ms())},
                                {"records", version.records()}});
  }
  json["permit"] = HexEncode(provision.permit_commitment());
  return json;
}

Json Fields(const v1::Receipt& receipt) {
  Json json;
  json["permit_number"] = HexEncode(receipt.permit_number());
  json["requester"] = receipt.requester();
  json["provider"] = receipt.provider();
  json["verified"] = receipt.verified();
  json["reason"] = receipt.reason();
  json["provision"] = HexEncode(receipt.provision_commitment());
  return json;
}

Json Fields(const v1::Operation& operation) {
  Json json;
  json["operation"] = operation.kind();
  json["staff"] = operation.staff_pseudonym();
  json["detail"] = operation.detail();
  if (operation.has_erasure()) {
    const v1::Erasure& erasure = operation.erasure();
    json["fiscal_year"] = erasure.fiscal_year();
    json["first_index"] = erasure.first_index();
    json["end_index"] = erasure.end_index();
    json["erased"] = erasure.erased();
    json["held"] = erasure.held();
    json["freed_bytes"] = erasure.freed_bytes();
  }
  if (operation.has_hold()) {
    json["hold_id"] = HexEncode(operation.hold().hold_id());
    json["permit_numbers"] = Json::array();
    for (const std::string& number : operation.hold().permit_numbers())
      json["permit_numbers"].push_back(HexEncode(number));
    json["entries"] = Json::array();
    for (const uint64_t entry : operation.hold().entries()) json["entries"].push_back(entry);
  }
  return json;
}

Json Fields(const v1::Directory& directory) {
  Json json;
  json["sequence"] = directory.sequence();
  switch (directory.change_case()) {
    case v1::Directory::kNetworkFounded:
      json["change"] = "network-founded";
      json["network_name"] = directory.network_founded().network_name();
      json["keys"] = KeysJson(directory.network_founded().broker_keys());
      break;
    case v1::Directory::kMemberJoined:
      json["change"] = "member-joined";
      json["code"] = directory.member_joined().code();
      json["name"] = directory.member_joined().name();
      json["category"] = directory.member_joined().category();
      json["keys"] = KeysJson(directory.member_joined().keys());
      json["route"] = RouteJson(directory.member_joined().route());
      break;
    case v1::Directory::kKeyAdded:
      json["change"] = "key-added";
      json["code"] = directory.key_added().code();
      json["keys"] = KeysJson(directory.key_added().keys());
      break;
    case v1::Directory::kKeyRevoked:
      json["change"] = "key-revoked";
      json["code"] = directory.key_revoked().code();
      json["signing_key"] = HexEncode(directory.key_revoked().signing_key());
      json["revoked_from"] = TimeText(directory.key_revoked().revoked_from_ms());
      json["reason"] = directory.key_revoked().reason();
      break;
    case v1::Directory::kRouteChanged:
      json["change"] = "route-changed";
      json["code"] = directory.route_changed().code();
      json["route"] = RouteJson(directory.route_changed().route());
      break;
    case v1::Directory::kListPublished:
      json["change"] = "list-published";
      json["version"] = directory.list_published().version();
      json["in_force_from"] = TimeText(directory.list_published().in_force_from_ms());
      json["csv_sha256"] = HexEncode(AsView(Sha256(directory.list_published().csv())));
      break;
    default:
      json["change"] = "unknown";
  }
  return json;
}

// "permit_number=… items=a,b"; what is empty or false is left out.
std::string Inline(const Json& fields) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : fields.items()) {
    if (value.is_object()) {
      if (const std::string inner = Inline(value); !inner.empty()) parts.push_back(inner);
      continue;
    }
    std::string text;
    if (value.is_array()) {
      text = absl::StrJoin(value, ",", [](std::string* out, const Json& element) {
        absl::StrAppend(out, element.is_string()   ? element.get<std::string>()
                             : element.is_object() ? Inline(element)
                                                   : element.dump());
      });
    } else if (value.is_string()) {
      text = value.get<std::string>();
    } else if (value.is_boolean()) {
      text = value.get<bool>() ? "yes" : "";
    } else {
      text = value.dump();
    }
    if (!text.empty()) parts.push_back(absl::StrCat(name, "=", text));
  }
  return absl::StrJoin(parts, " ");
}

}  // namespace

std::string StatementKind(const v1::Statement& statement) {
  switch (statement.kind_case()) {
    case v1::Statement::kQuery:
      return "query";
    case v1::Statement::kPermit:
      return "permit";
    case v1::Statement::kRefusal:
      return "refusal";
    case v1::Statement::kProvision:
      return "provision";
    case v1::Statement::kReceipt:
      return "receipt";
    case v1::Statement::kOperation:
      return "operation";
    case v1::Statement::kDirectory:
      return "directory";
    default:
      return "unknown";
  }
}

Json StatementFields(const v1::Statement& statement) {
  switch (statement.kind_case()) {
    case v1::Statement::kQuery:
      return Fields(statement.query());
    case v1::Statement::kPermit:
      return Fields(statement.permit());
    case v1::Statement::kRefusal:
      return Fields(statement.refusal());
    case v1::Statement::kProvision:
      return Fields(statement.provision());
    case v1::Statement::kReceipt:
      return Fields(statement.receipt());
    case v1::Statement::kOperation:
      return Fields(statement.operation());
    case v1::Statement::kDirectory:
      return Fields(statement.directory());
    default:
      return Json::object();
  }
}

Json LedgerEntryJson(const v1::LedgerEntry& entry, bool with_statements) {
  Json json;
  json["index"] = entry.index();
  json["commitment"] = HexEncode(entry.commitment());
  v1::Statement statement;
  const bool present = with_statements && !entry.erased() && !entry.unreadable();
  const bool intact = present && statement.ParseFromString(entry.statement()) &&
                      AsView(ledger::Commit(entry.salt(), entry.statement())) ==
                          absl::string_view(entry.commitment());
  json["state"] = intact               ? "present"
                  : present            ? "altered"
                  : entry.unreadable() ? "unreadable"
                  : entry.erased()     ? "erased"
                                       : "commitment-only";
  if (!intact) return json;
  json["time"] = TimeText(statement.time_ms());
  json["author"] = statement.author();
  json["kind"] = StatementKind(statement);
  json["fields"] = StatementFields(statement);
  return json;
}

std::string LedgerEntryText(const Json& entry) {
  const std::string head = absl::StrCat(entry["index"].get<uint64_t>(), "  ");
  if (!entry.contains("kind")) {
    return absl::StrCat(head, entry["state"].get<std::string>(), "  ",
                        entry["commitment"].get<std::string>(), "\n");
  }
  return absl::StrCat(head, entry["time"].get<std::string>(), "  ",
                      entry["kind"].get<std::string>(), "  ", Printable(Inline(entry["fields"])),
                      "\n");
}

}  // namespace nakadachi::cli

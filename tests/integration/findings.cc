#include "tests/integration/findings.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/ledger/verifier.h"
#include "nakadachi/stored/v1/intermediate.pb.h"
#include "nakadachi/v1/broker.pb.h"
#include "nakadachi/v1/intermediate.pb.h"
#include "nakadachi/v1/juki.pb.h"
#include "nakadachi/v1/statement.pb.h"
#include "nakadachi/v1/vaccination.pb.h"

namespace nakadachi::integration {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Shorter values (counts, dates, versions, kinds) name nobody.
constexpr size_t kShortestTelling = 7;
constexpr size_t kU64Size = 8;
constexpr size_t kSaltSize = 32;

constexpr absl::string_view kPrefix = "nakadachi.";

// What the whole network knows, or what every institution chooses from the same list.
const std::set<std::string>& PublicFields() {
  static const auto* const fields = new std::set<std::string>{
      // Who is a member, how it is reached, what the law allows.
      "v1.NetworkFounded.network_name",
      "v1.PublicKeys.signing_key",
      "v1.PublicKeys.sealing_key",
      "v1.MemberJoined.name",
      "v1.MemberJoined.category",
      "v1.Route.address",
      "v1.Route.tls_name",
      "v1.ListPublished.csv",
      "v1.Permit.legal_basis",
      "v1.QueryResponse.legal_basis",
      // The broker's Directory statements, the same for all, with their proofs.
      "directory:v1.Recorded.statement",
      "directory:v1.Recorded.salt",
      "directory:v1.Recorded.path",
      "directory:v1.Recorded.checkpoint",
      // Names of keys that stand in the directory.
      "v1.SealedCode.broker_key_id",
      "v1.SealedCode.provider_key_id",
      // Hashes and roots of an author's tree: all whom it sends statements see them.
      "v1.Recorded.path",
      "v1.Recorded.checkpoint",
      // Heads of ledgers and what proves them: the same for all witnesses.
      "v1.GetCheckpointResponse.checkpoint",
      "v1.Witnessing.cosigned",
      "v1.Witnessing.candidate",
      "v1.Witnessing.witnesses",
      "v1.GetConsistencyProofResponse.path",
      "v1.GetPrefixProofsResponse.proofs",
      "v1.AddCosignaturesRequest.note",
      // Words of the list, names of departments, reasons and rules.
      "v1.Query.procedure",
      "v1.Query.items",
      "v1.Query.department",
      "v1.Permit.procedure",
      "v1.Permit.items",
      "v1.Permit.department",
      "v1.Refusal.procedure",
      "v1.Refusal.items",
      "v1.Refusal.department",
      "v1.Refusal.detail",
      "v1.Provision.procedure",
      "v1.Provision.items",
      "v1.Provision.Version.item",
      "v1.QueryRequest.procedure",
      "v1.QueryRequest.items",
      "v1.QueryRequest.department",
      "v1.QueryResponse.refusal_detail",
      "v1.Review.procedure",
      "v1.Review.items",
      "v1.Review.department",
      "v1.ReplicaSet.item",
      "v1.ReplicaRecord.item",
      "v1.SetProtectionRequest.withheld_items",
      "stored.v1.PersonCode.withheld_items",
      "v1.Operation.kind",
      "v1.Operation.detail",
      "v1.Receipt.reason",
      "status",
      // Words of a database's own keys.
      "stored.meta.key",
  };
  return *fields;
}

// What a Permit says to both parties, the Provision that answers it with its payload and the ids of
// its records, the Receipt, and the proofs of all three: these two parties' and no other's.
const std::set<std::string>& ExchangeFields() {
  static const auto* const fields =
      new std::set<std::string>{"v1.Permit.permit_number",
                                "v1.Permit.query_commitment",
                                "v1.SealedCode.nonce",
                                "v1.SealedCode.ciphertext",
                                "v1.Provision.permit_commitment",
                                "v1.Provision.permit_number",
                                "v1.Provision.payload_digest",
                                "v1.DecideReviewRequest.permit_number",
                                "v1.Receipt.provision_commitment",
                                "v1.Receipt.permit_commitment",
                                "v1.Receipt.permit_number",
                                "v1.Review.permit_number",
                                "v1.QueryResponse.permit_number",
                                "v1.QueryResponse.query_commitment",
                                "v1.QueryResponse.permit_commitment",
                                "v1.QueryResponse.provision_commitment",
                                "v1.QueryResponse.receipt_commitment",
                                "stored.v1.AnsweredPermit.permit_commitment",
                                "stored.v1.AnsweredPermit.provision_commitment",
                                "stored.v1.StoredReview.permit_commitment",
                                "stored.v1.OutboxEntry.permit_commitment",
                                "stored.v1.StoredExchange.query_commitment",
                                "stored.v1.StoredExchange.awaiting_provision_commitment",
                                "stored.provisions.key",
                                "stored.reviews.key",
                                "stored.exchanges.key",
                                "stored.outbox.key",
                                "stored.commitments.value",
                                "v1.Recorded.statement",
                                "v1.Recorded.salt",
                                "v1.Recorded.path",
                                "v1.Recorded.checkpoint",
                                "stored.statements.salt",
                                "v1.Payload.blind",
                                "v1.Payload.permit_commitment",
                                "v1.ReplicaRecord.record_id",
                                "v1.ProvideResponse.payload",
                                "v1.DeliverRequest.payload",
                                "stored.v1.AnsweredPermit.payload"};
  return *fields;
}

// What the records say that one provider gave to those who asked it.
const std::set<std::string>& ContentFields() {
  static const auto* const fields = new std::set<std::string>{
      "v1.Vaccination.lot", "v1.RegisterDate.yyyymmdd", "v1.Vaccination.physician"};
  return *fields;
}

std::string NameOf(const FieldDescriptor& field) {
  const std::string& full = field.full_name();
  return absl::StartsWith(full, kPrefix) ? full.substr(kPrefix.size()) : full;
}

template <typename M>
void AddSerialised(const std::string& bytes, Holding& holding) {
  M message;
  NAKADACHI_CHECK(message.ParseFromString(bytes));
  holding.AddMessage(message);
}

bool IsDirectory(const v1::Recorded& recorded) {
  v1::Statement statement;
  return statement.ParseFromString(recorded.statement()) && statement.has_directory();
}

v1::Statement StatementOf(const v1::Recorded& recorded) {
  v1::Statement statement;
  statement.ParseFromString(recorded.statement());
  return statement;
}

class Walk {
 public:
  explicit Walk(Holding& holding) : holding_(holding) {}

  void Through(const Message& message) {
    const google::protobuf::Reflection& reflection = *message.GetReflection();
    if (!reflection.GetUnknownFields(message).empty()) {
      std::string bytes;
      reflection.GetUnknownFields(message).SerializeToString(&bytes);
      holding_.AddValue("unknown fields", absl::StrCat("unknown", bytes));
    }
    if (const auto* recorded = dynamic_cast<const v1::Recorded*>(&message)) {
      return ThroughRecorded(*recorded);
    }
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) ThroughField(message, *field, i);
    }
  }

 private:
  void ThroughField(const Message& message, const FieldDescriptor& field, int i) {
    const google::protobuf::Reflection& reflection = *message.GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Through(field.is_repeated() ? reflection.GetRepeatedMessage(message, &field, i)
                                  : reflection.GetMessage(message, &field));
      return;
    }
    // Numbers are times, sizes and versions; none is wide enough to name a person unseen.
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return;
    std::string scratch;
    const std::string& value =
        field.is_repeated() ? reflection.GetRepeatedStringReference(message, &field, i, &scratch)
                            : reflection.GetStringReference(message, &field, &scratch);
    const std::string name = NameOf(field);
    holding_.AddValue(name, value);
    if (absl::EndsWith(name, ".payload") && !value.empty()) {
      AddSerialised<v1::Payload>(value, holding_);
    }
  }

  void ThroughRecorded(const v1::Recorded& recorded) {
    const std::string prefix = IsDirectory(recorded) ? "directory:v1.Recorded." : "v1.Recorded.";
    holding_.AddValue(prefix + "statement", recorded.statement());
    holding_.AddValue(prefix + "salt", recorded.salt());
    holding_.AddValue(prefix + "checkpoint", recorded.checkpoint());
    for (const Hash& hash : ledger::HashesOf(recorded.path()))
      holding_.AddValue(prefix + "path", std::string(AsView(hash)));
    AddSerialised<v1::Statement>(recorded.statement(), holding_);
  }

  Holding& holding_;
};

// Who made the calls of a channel.
std::string CallerBy(const Tapped& tapped) {
  if (!tapped.request || tapped.message == nullptr) return "";
  const Message* message = tapped.message.get();
  if (const auto* asked = dynamic_cast<const v1::RequestPermitRequest*>(message)) {
    return StatementOf(asked->query()).author();
  }
  if (const auto* report = dynamic_cast<const v1::ReportRequest*>(message)) {
    return report->halves_size() == 0 ? "" : StatementOf(report->halves(0)).author();
  }
  if (const auto* provide = dynamic_cast<const v1::ProvideRequest*>(message)) {
    return StatementOf(provide->permit()).permit().requester();
  }
  if (const auto* deliver = dynamic_cast<const v1::DeliverRequest*>(message)) {
    return StatementOf(deliver->provision()).author();
  }
  if (dynamic_cast<const v1::ReceiveCodesRequest*>(message) != nullptr) return "broker";
  if (dynamic_cast<const v1::DeriveCodesRequest*>(message) != nullptr) return "juki";
  if (const auto* submit = dynamic_cast<const v1::SubmitAcquisitionsRequest*>(message)) {
    return submit->institution();
  }
  const FieldDescriptor* municipality = message->GetDescriptor()->FindFieldByName("municipality");
  if (municipality != nullptr) return message->GetReflection()->GetString(*message, municipality);
  return "";
}

bool Calls(const Tapped& tapped, absl::string_view service) {
  return absl::StartsWith(tapped.method, absl::StrCat("/nakadachi.v1.", service, "/"));
}

// A platform asks for ledgers' heads on behalf of all its institutions, and any platform may.
constexpr char kEveryMember[] = "every member";

std::string ReceiverOf(const Tapped& tapped, const std::map<const void*, std::string>& callers) {
  if (Calls(tapped, "LedgerService")) {
    if (!tapped.request) return kEveryMember;
    const Message& message = *tapped.message;
    const FieldDescriptor* institution = message.GetDescriptor()->FindFieldByName("institution");
    return message.GetReflection()->GetString(message, institution);
  }
  const auto caller = callers.find(tapped.channel);
  const std::string& by = caller == callers.end() ? "" : caller->second;
  if (!tapped.request || Calls(tapped, "MunicipalService")) return by;
  if (Calls(tapped, "PermitService") || Calls(tapped, "CodeService")) return "broker";
  if (Calls(tapped, "JukiService")) return "juki";
  const Message* message = tapped.message.get();
  if (const auto* provide = dynamic_cast<const v1::ProvideRequest*>(message)) {
    return StatementOf(provide->permit()).permit().provider();
  }
  if (const auto* deliver = dynamic_cast<const v1::DeliverRequest*>(message)) {
    return StatementOf(deliver->provision()).provision().requester();
  }
  if (const auto* codes = dynamic_cast<const v1::ReceiveCodesRequest*>(message)) {
    return codes->institution();
  }
  return "";
}

bool OfTheOperator(const Tapped& tapped) { return Calls(tapped, "BrokerOperator"); }

struct Found {
  std::set<std::string> holders;
  std::set<std::string> fields;
};

bool Exchanged(const std::string& a, const std::string& b, const std::set<Pair>& exchanged) {
  return a == b || exchanged.count({std::min(a, b), std::max(a, b)}) > 0;
}

bool MayBeCommon(const Found& found, const std::set<Pair>& exchanged) {
  const auto all = [&](const auto& predicate) {
    return std::all_of(found.fields.begin(), found.fields.end(), predicate);
  };
  const auto is_public = [](const std::string& field) { return PublicFields().count(field) > 0; };
  const auto is_content = [](const std::string& field) { return ContentFields().count(field) > 0; };
  const auto of_exchange = [&](const std::string& field) {
    return is_public(field) || ExchangeFields().count(field) > 0;
  };
  if (all(is_public)) return true;
  // One of them is the provider of all others.
  if (all(is_content)) {
    return std::any_of(found.holders.begin(), found.holders.end(), [&](const std::string& from) {
      return std::all_of(found.holders.begin(), found.holders.end(),
                         [&](const std::string& to) { return Exchanged(from, to, exchanged); });
    });
  }
  return all(of_exchange) && found.holders.size() == 2 &&
         Exchanged(*found.holders.begin(), *found.holders.rbegin(), exchanged);
}

// Asks for nothing and tells of nobody.
bool IsStatus(const Tapped& tapped) {
  return absl::EndsWith(tapped.method, "/GetIntermediateStatus") ||
         absl::EndsWith(tapped.method, "/GetJukiStatus");
}

}  // namespace

void Holding::AddValue(absl::string_view field, absl::string_view value) {
  bytes.append(value.data(), value.size());
  bytes.push_back('\n');
  if (value.size() >= kShortestTelling) fields[std::string(value)].insert(std::string(field));
}

void Holding::AddMessage(const Message& message) {
  bytes += message.SerializeAsString();
  Walk(*this).Through(message);
}

void Holding::AddStored(const Stored& stored) {
  const std::string name = absl::StrCat("stored.", stored.family);
  bytes += absl::StrCat(stored.key, stored.value);
  // One letter of kind in front, or a time as well, as layout.h says.
  absl::string_view key = stored.key;
  const bool ends = stored.family == "provisions" && key.size() == 1 + kU64Size + 32;
  if (ends) key.remove_prefix(1 + kU64Size);
  const bool lettered = stored.family == "codes" || stored.family == "exchanges" ||
                        (stored.family == "outbox" && key.size() > kU64Size + 1);
  if (lettered) key.remove_prefix(1);
  const bool by_index = stored.family == "commitments" || stored.family == "statements";
  if (!by_index) AddValue(name + ".key", key);
  if (stored.family == "statements") {
    AddValue("stored.statements.salt", stored.value.substr(0, kSaltSize));
    return AddSerialised<v1::Statement>(stored.value.substr(kSaltSize), *this);
  }
  if (stored.family == "replica") {
    return AddSerialised<v1::ReplicaSet>(stored.value.substr(kU64Size), *this);
  }
  if (stored.family == "codes" && stored.key[0] == 'a') {
    return AddSerialised<stored::v1::PersonCode>(stored.value, *this);
  }
  if (stored.family == "provisions" && !ends) {
    return AddSerialised<stored::v1::AnsweredPermit>(stored.value, *this);
  }
  if (stored.family == "reviews") {
    return AddSerialised<stored::v1::StoredReview>(stored.value, *this);
  }
  if (stored.family == "exchanges" && stored.key[0] == 'r') {
    return AddSerialised<stored::v1::StoredExchange>(stored.value, *this);
  }
  if (stored.family == "outbox" && stored.key[0] == 'd') {
    return AddSerialised<stored::v1::OutboxEntry>(stored.value, *this);
  }
  if (stored.value.size() > kU64Size) AddValue(name + ".value", stored.value);  // else a counter
}

std::map<std::string, Holding> ByReceiver(const std::vector<Tapped>& heard) {
  std::map<const void*, std::string> callers;
  for (const Tapped& tapped : heard) {
    const std::string caller = CallerBy(tapped);
    if (caller.empty()) continue;
    const auto [known, fresh] = callers.emplace(tapped.channel, caller);
    NAKADACHI_CHECK(fresh || known->second == caller);
  }
  std::map<std::string, Holding> holdings;
  for (const Tapped& tapped : heard) {
    if (OfTheOperator(tapped)) continue;
    const std::string receiver = ReceiverOf(tapped, callers);
    if (receiver.empty() && IsStatus(tapped)) continue;
    if (receiver.empty()) std::fprintf(stderr, "received by whom: %s\n", tapped.method.c_str());
    NAKADACHI_CHECK(!receiver.empty());
    Holding& holding = holdings[receiver];
    if (tapped.message != nullptr) holding.AddMessage(*tapped.message);
    if (tapped.message == nullptr) holding.AddValue("status", tapped.status);
  }
  for (const Tapped& tapped : heard) {
    if (!Calls(tapped, "LedgerService") || tapped.request || tapped.message == nullptr) continue;
    for (auto& [receiver, holding] : holdings) holding.AddMessage(*tapped.message);
  }
  holdings.erase(kEveryMember);
  return holdings;
}

std::vector<std::string> CommonToTwo(const std::map<std::string, Holding>& holdings,
                                     const std::set<std::string>& institutions,
                                     const std::set<Pair>& exchanged) {
  std::map<std::string, Found> by_value;
  for (const std::string& institution : institutions) {
    for (const auto& [value, fields] : holdings.at(institution).fields) {
      Found& found = by_value[value];
      found.holders.insert(institution);
      found.fields.insert(fields.begin(), fields.end());
    }
  }
  std::set<std::string> told;
  for (const auto& [value, found] : by_value) {
    if (found.holders.size() < 2 || MayBeCommon(found, exchanged)) continue;
    told.insert(absl::StrCat(absl::StrJoin(found.holders, " and "), ": ",
                             absl::StrJoin(found.fields, ", ")));
  }
  return {told.begin(), told.end()};
}

}  // namespace nakadachi::integration

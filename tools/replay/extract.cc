#include "tools/replay/extract.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tools/replay/rules.h"

namespace nakadachi::replay {
namespace {

// What names something by other than 32 bytes names nothing: its digest equals no commitment.
Hash KeyOf(const std::string& bytes) {
  Hash hash;
  if (bytes.size() != hash.size()) return Sha256("nakadachi/replay/no-commitment", bytes);
  std::memcpy(hash.data(), bytes.data(), hash.size());
  return hash;
}

PermitNumber NumberOf(const std::string& bytes) {
  PermitNumber number{};
  std::memcpy(number.data(), bytes.data(), std::min(bytes.size(), number.size()));
  return number;
}

std::string Lower(absl::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", "-"}});
}

bool MayRecord(v1::Statement::KindCase kind, bool is_broker) {
  switch (kind) {
    case v1::Statement::kPermit:
    case v1::Statement::kRefusal:
    case v1::Statement::kDirectory:
      return is_broker;
    case v1::Statement::kQuery:
    case v1::Statement::kProvision:
    case v1::Statement::kReceipt:
      return !is_broker;
    default:
      return true;
  }
}

bool VersionsAreOfItems(const v1::Provision& provision) {
  const Names& items = provision.items();
  return std::all_of(provision.versions().begin(), provision.versions().end(),
                     [&](const auto& version) {
                       return std::find(items.begin(), items.end(), version.item()) != items.end();
                     });
}

QueryFact Of(const v1::Query& query, Interners& interners) {
  QueryFact fact{};
  fact.provider = interners.institutions.Intern(query.provider());
  fact.question = interners.questions.Intern(QuestionText(query.procedure(), query.items()));
  fact.department = interners.departments.Intern(query.department());
  fact.non_disclosure = query.non_disclosure();
  fact.well_formed = Broken(query).empty();
  return fact;
}

DecisionFact Of(const v1::Permit& permit, int64_t time_ms, Interners& interners) {
  DecisionFact fact{};
  fact.query = KeyOf(permit.query_commitment());
  fact.number = NumberOf(permit.permit_number());
  fact.valid_from_ms = permit.valid_from_ms();
  fact.valid_until_ms = permit.valid_until_ms();
  fact.directory_size = permit.directory_size();
  fact.list_version = permit.list_version();
  fact.requester = interners.institutions.Intern(permit.requester());
  fact.provider = interners.institutions.Intern(permit.provider());
  fact.question = interners.questions.Intern(QuestionText(permit.procedure(), permit.items()));
  fact.department = interners.departments.Intern(permit.department());
  fact.basis = interners.bases.Intern(BasisText(permit.legal_basis()));
  fact.permit = true;
  fact.non_disclosure = permit.non_disclosure();
  fact.well_formed = Broken(permit, time_ms).empty();
  return fact;
}

DecisionFact Of(const v1::Refusal& refusal, Interners& interners) {
  DecisionFact fact{};
  fact.query = KeyOf(refusal.query_commitment());
  fact.list_version = refusal.list_version();
  fact.requester = interners.institutions.Intern(refusal.requester());
  fact.provider = interners.institutions.Intern(refusal.provider());
  fact.question = interners.questions.Intern(QuestionText(refusal.procedure(), refusal.items()));
  fact.department = interners.departments.Intern(refusal.department());
  fact.reason = static_cast<uint8_t>(refusal.reason());
  fact.well_formed = Broken(refusal).empty();
  return fact;
}

AnswerFact Of(const v1::Provision& provision, Interners& interners) {
  AnswerFact fact{};
  fact.permit = KeyOf(provision.permit_commitment());
  fact.number = NumberOf(provision.permit_number());
  fact.requester = interners.institutions.Intern(provision.requester());
  fact.provider = interners.institutions.Intern(provision.provider());
  fact.question = interners.questions.Intern(
      VersionsAreOfItems(provision)
          ? QuestionText(provision.procedure(), provision.items())
          : QuestionText(provision.procedure(), ItemsAnswered(provision)));
  fact.outcome = static_cast<uint8_t>(provision.outcome());
  fact.reason = static_cast<uint8_t>(provision.reason());
  fact.after_review = provision.after_review();
  fact.well_formed = Broken(provision).empty();
  return fact;
}

AnswerFact Of(const v1::Receipt& receipt, Interners& interners) {
  AnswerFact fact{};
  fact.permit = KeyOf(receipt.permit_commitment());
  fact.provision = KeyOf(receipt.provision_commitment());
  fact.number = NumberOf(receipt.permit_number());
  fact.requester = interners.institutions.Intern(receipt.requester());
  fact.provider = interners.institutions.Intern(receipt.provider());
  fact.question = Interner::kUnlisted;
  fact.receipt = true;
  fact.verified = receipt.verified();
  fact.well_formed = Broken(receipt).empty();
  return fact;
}

bool IsTold(absl::string_view operation) {
  constexpr absl::string_view kTold[] = {"erasure", "erased",        "fork-cleared", "fork-found",
                                         "hold",    "hold-released", "inspection"};
  return std::find(std::begin(kTold), std::end(kTold), operation) != std::end(kTold);
}

}  // namespace

std::string QuestionText(absl::string_view procedure, const Names& items) {
  std::string text(procedure);
  for (const std::string& item : items) {
    text.push_back('\0');
    text.append(item);
  }
  return text;
}

Question ParseQuestion(absl::string_view text) {
  std::vector<std::string> parts = absl::StrSplit(text, '\0');
  Question question;
  question.procedure = std::move(parts.front());
  question.items.assign(std::make_move_iterator(parts.begin() + 1),
                        std::make_move_iterator(parts.end()));
  return question;
}

Names ItemsAnswered(const v1::Provision& provision) {
  Names items = provision.items();
  for (const v1::Provision::Version& version : provision.versions()) {
    if (std::find(items.begin(), items.end(), version.item()) != items.end()) continue;
    *items.Add() = version.item();
  }
  return items;
}

absl::string_view KindName(v1::Statement::KindCase kind) {
  switch (kind) {
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
    case v1::Statement::KIND_NOT_SET:
      break;
  }
  return "unknown";
}

std::string ReasonName(int reason) {
  return v1::RefusalReason_IsValid(reason)
             ? Lower(v1::RefusalReason_Name(static_cast<v1::RefusalReason>(reason)))
             : "unknown";
}

std::string OutcomeName(int outcome) {
  return v1::Outcome_IsValid(outcome) ? Lower(v1::Outcome_Name(static_cast<v1::Outcome>(outcome)))
                                      : "unknown";
}

void Extract(const v1::Statement& statement, const Hash& commitment, Place place, bool is_broker,
             Interners& interners, Facts* facts) {
  ++facts->kinds[statement.kind_case()];
  facts->times.emplace_back(place.index, statement.time_ms());
  if (!MayRecord(statement.kind_case(), is_broker)) {
    facts->misplaced.push_back(place.index);
    return;
  }
  const auto placed = [&](auto fact, auto* into) {
    fact.commitment = commitment;
    fact.index = place.index;
    fact.time_ms = statement.time_ms();
    into->push_back(fact);
  };
  const auto placed_in_log = [&](auto fact, auto* into) {
    fact.log = place.log;
    placed(fact, into);
  };
  switch (statement.kind_case()) {
    case v1::Statement::kQuery:
      return placed_in_log(Of(statement.query(), interners), &facts->queries);
    case v1::Statement::kPermit:
      return placed(Of(statement.permit(), statement.time_ms(), interners), &facts->decisions);
    case v1::Statement::kRefusal:
      return placed(Of(statement.refusal(), interners), &facts->decisions);
    case v1::Statement::kProvision:
      return placed_in_log(Of(statement.provision(), interners), &facts->answers);
    case v1::Statement::kReceipt:
      return placed_in_log(Of(statement.receipt(), interners), &facts->answers);
    case v1::Statement::kDirectory:
      facts->directory.emplace_back(place.index, statement);
      return;
    case v1::Statement::kOperation:
      if (statement.operation().retention_case() != v1::Operation::RETENTION_NOT_SET)
        facts->retention.push_back({place.index, statement.time_ms(), statement.operation()});
      if (!IsTold(statement.operation().kind())) return;
      facts->operations.push_back({place.index, statement.time_ms(), statement.operation().kind()});
      return;
    default:
      return;
  }
}

}  // namespace nakadachi::replay

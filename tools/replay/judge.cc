#include "tools/replay/judge.h"

#include <algorithm>

#include "common/permission/permission_list.h"

namespace nakadachi::replay {
namespace {

constexpr size_t kRemembered = 100'000;

uint32_t CategoryNumber(const std::string& category) {
  const std::vector<std::string>& all = permission::Categories();
  return static_cast<uint32_t>(std::find(all.begin(), all.end(), category) - all.begin()) + 1;
}

uint8_t ReasonOf(permission::Verdict verdict) {
  switch (verdict) {
    case permission::Verdict::kPermitted:
      return v1::REFUSAL_REASON_UNSPECIFIED;
    case permission::Verdict::kUnknownProcedure:
      return v1::UNKNOWN_PROCEDURE;
    case permission::Verdict::kUnknownItem:
      return v1::UNKNOWN_ITEM;
    default:
      return v1::NOT_PERMITTED;
  }
}

Question QuestionOf(const v1::Statement& statement) {
  switch (statement.kind_case()) {
    case v1::Statement::kPermit:
      return ParseQuestion(
          QuestionText(statement.permit().procedure(), statement.permit().items()));
    case v1::Statement::kRefusal:
      return ParseQuestion(
          QuestionText(statement.refusal().procedure(), statement.refusal().items()));
    default:
      return {};
  }
}

}  // namespace

Judge::Judge(const History* history, Interners* interners, const Rereader* rereader)
    : history_(history), interners_(interners), rereader_(rereader) {}

const Judge::Known& Judge::KnownOf(uint32_t institution) {
  static const auto& nobody = *new Known();
  if (institution == Interner::kUnlisted) return nobody;
  if (institution >= known_.size()) {
    known_.resize(institution + 1);
    asked_.resize(institution + 1);
  }
  Known& known = known_[institution];
  if (asked_[institution]) return known;
  asked_[institution] = true;
  known.joined = history_->Find(interners_->institutions.Text(institution));
  if (known.joined != nullptr) known.category = CategoryNumber(known.joined->category);
  return known;
}

const History::Joined* Judge::MemberAt(uint32_t institution, int64_t time_ms) {
  const History::Joined* joined = KnownOf(institution).joined;
  return joined != nullptr && joined->joined_ms <= time_ms ? joined : nullptr;
}

const Ruling& Judge::Rule(const PublishedList& list, const Asked& asked, int64_t time_ms) {
  const absl::CivilDay day = permission::JapanDay(time_ms);
  if (asked.question == Interner::kUnlisted) return last_ = Decide(list, asked, day);
  const Key key{list.version, day - absl::CivilDay(1970, 1, 1), KnownOf(asked.requester).category,
                KnownOf(asked.provider).category, asked.question};
  const auto remembered = rulings_.find(key);
  if (remembered != rulings_.end()) return remembered->second;
  if (rulings_.size() >= kRemembered) rulings_.clear();
  return rulings_.emplace(key, Decide(list, asked, day)).first->second;
}

Ruling Judge::Decide(const PublishedList& list, const Asked& asked, absl::CivilDay day) {
  permission::Question question;
  Question words;
  if (asked.question != Interner::kUnlisted) {
    words = ParseQuestion(interners_->questions.Text(asked.question));
  } else if (const auto statement = rereader_->Read(asked.place)) {
    words = QuestionOf(*statement);
  }
  question.procedure = std::move(words.procedure);
  question.items = std::move(words.items);
  question.date = day;
  const History::Joined* requester = KnownOf(asked.requester).joined;
  const History::Joined* provider = KnownOf(asked.provider).joined;
  if (requester != nullptr) question.requester_category = requester->category;
  if (provider != nullptr) question.provider_category = provider->category;
  const permission::Decision decision = permission::Decide(*list.list, question);
  Ruling ruling;
  ruling.permitted = decision.permitted;
  ruling.reason = ReasonOf(decision.verdict);
  ruling.verdict = std::string(permission::VerdictName(decision.verdict));
  ruling.basis = BasisText(decision.legal_basis);
  if (ruling.permitted) ruling.basis_number = interners_->bases.Intern(ruling.basis);
  return ruling;
}

}  // namespace nakadachi::replay

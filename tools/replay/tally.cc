#include "tools/replay/tally.h"

#include <algorithm>

namespace nakadachi::replay {
namespace {

constexpr char kOther[] = "(other)";

void MergeUses(const std::map<std::string, std::unique_ptr<Use>>& from,
               std::map<std::string, Use>* to) {
  for (const auto& [name, use] : from) (*to)[name].Merge(*use);
}

}  // namespace

Tally::Tally(const History* history, Interners* interners, const Rereader* rereader,
             uint64_t broker_size)
    : sample(broker_size),
      judge(history, interners, rereader),
      history_(history),
      interners_(interners) {}

Use& Tally::Named(const std::string& name, Uses* uses, uint32_t number,
                  std::vector<Use*>* by_number) {
  std::unique_ptr<Use>& use = (*uses)[name];
  if (use == nullptr) use = std::make_unique<Use>();
  if (number != Interner::kUnlisted) (*by_number)[number] = use.get();
  return *use;
}

bool Tally::IsListed(const std::string& procedure) const {
  const auto lists = history_->directory().Lists();
  return std::any_of(lists.begin(), lists.end(),
                     [&](const auto& list) { return list->list->HasProcedure(procedure); });
}

Use& Tally::OfQuestion(uint32_t question) {
  if (question == Interner::kUnlisted) return Named(kOther, &procedures_, question, &by_question_);
  if (question >= by_question_.size()) by_question_.resize(question + 1);
  if (by_question_[question] != nullptr) return *by_question_[question];
  const std::string procedure = ParseQuestion(interners_->questions.Text(question)).procedure;
  return Named(IsListed(procedure) ? procedure : kOther, &procedures_, question, &by_question_);
}

Use& Tally::OfInstitution(uint32_t institution, Uses* uses, std::vector<Use*>* by_number) {
  if (institution == Interner::kUnlisted) return Named(kOther, uses, institution, by_number);
  if (institution >= by_number->size()) by_number->resize(institution + 1);
  if ((*by_number)[institution] != nullptr) return *(*by_number)[institution];
  const std::string& code = interners_->institutions.Text(institution);
  return Named(history_->Find(code) != nullptr ? code : kOther, uses, institution, by_number);
}

Use& Tally::OfRequester(uint32_t institution) {
  return OfInstitution(institution, &requesters_, &by_requester_);
}

Use& Tally::OfProvider(uint32_t institution) {
  return OfInstitution(institution, &providers_, &by_provider_);
}

void Tally::MergeInto(Report* report) const {
  Figures& all = report->figures;
  all.exchanges += figures.exchanges;
  all.completed += figures.completed;
  all.refused += figures.refused;
  all.undecided += figures.undecided;
  all.open += figures.open;
  all.lapsed += figures.lapsed;
  all.unreceipted += figures.unreceipted;
  all.redecided += figures.redecided;
  all.not_redecidable += figures.not_redecidable;
  all.not_judged += figures.not_judged;
  MergeUses(procedures_, &report->procedures);
  MergeUses(requesters_, &report->as_requester);
  MergeUses(providers_, &report->as_provider);
  report->timeline.Merge(timeline);
}

}  // namespace nakadachi::replay

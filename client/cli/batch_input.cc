#include "client/cli/batch_input.h"

#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/csv.h"
#include "common/base/ids.h"
#include "common/base/status.h"
#include "common/storage/database.h"

namespace nakadachi::cli {
namespace {

v1::QueryRequest QuestionOf(const BatchSettings& settings) {
  v1::QueryRequest question;
  question.set_municipality(settings.municipality);
  question.set_provider(settings.provider);
  question.set_procedure(settings.procedure);
  for (const std::string& item : settings.items) question.add_items(item);
  question.set_department(settings.department);
  question.set_staff_pseudonym(settings.staff_pseudonym);
  question.set_non_disclosure(settings.non_disclosure);
  return question;
}

class BatchReader {
 public:
  BatchReader(const CsvReader& reader, const CsvRow& row) : reader_(reader), row_(row) {}

  absl::StatusOr<v1::QueryRequest> Read(v1::QueryRequest question) const {
    const auto person = AddresseeNumber::Parse(Cell("addressee_number"), At("addressee_number"));
    if (!person.ok()) return person.status();
    question.set_addressee_number(person->Reveal());
    if (!Cell("provider").empty()) question.set_provider(Cell("provider"));
    const auto provider = LocalGovernmentCode::Parse(question.provider(), At("provider"));
    if (!provider.ok()) return provider.status();
    if (!Cell("procedure").empty()) question.set_procedure(Cell("procedure"));
    if (!Cell("items").empty()) {
      question.clear_items();
      const std::vector<std::string> items =
          absl::StrSplit(Cell("items"), ';', absl::SkipWhitespace());
      for (const std::string& item : items) question.add_items(item);
    }
    if (question.items().empty()) return InvalidField(At("items"), "empty", "names no item");
    const std::string& hidden = Cell("non_disclosure");
    if (!hidden.empty() && hidden != "0" && hidden != "1") {
      return InvalidField(At("non_disclosure"), "flag", "neither 0 nor 1");
    }
    if (!hidden.empty()) question.set_non_disclosure(hidden == "1");
    return question;
  }

 private:
  const std::string& Cell(absl::string_view column) const { return reader_.Cell(row_, column); }
  std::string At(absl::string_view column) const {
    for (const std::string& name : reader_.header()) {
      if (name == column) return reader_.Where(row_, column);
    }
    return absl::StrCat("line ", row_.line, " (", column, ")");
  }

  const CsvReader& reader_;
  const CsvRow& row_;
};

bool MayReadOn(const absl::Status& status) {
  const std::string rule = GetFieldRule(status).rule;
  return rule == "columns" || rule == "utf-8";
}

}  // namespace

Hash SettingsDigest(const BatchSettings& settings) {
  return Sha256(QuestionOf(settings).SerializeAsString());
}

std::string BatchRequestId(const Hash& input_digest, const Hash& settings_digest, uint64_t row) {
  const Hash hash = Sha256(absl::string_view("nakadachi/query-batch/v1\0", 25),
                           AsView(input_digest), AsView(settings_digest), storage::KeyU64(row));
  return std::string(AsView(hash).substr(0, 16));
}

absl::StatusOr<std::vector<v1::QueryRequest>> ReadBatch(const std::string& csv,
                                                        const BatchSettings& settings,
                                                        std::vector<absl::Status>* problems) {
  const Hash input_digest = Sha256(csv);
  const Hash settings_digest = SettingsDigest(settings);
  const v1::QueryRequest defaults = QuestionOf(settings);
  std::istringstream in(csv);
  NAKADACHI_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Create(in, {"addressee_number"}));
  std::vector<v1::QueryRequest> questions;
  CsvRow row;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (more.ok() && !*more) break;
    absl::StatusOr<v1::QueryRequest> question =
        more.ok() ? BatchReader(reader, row).Read(defaults) : more.status();
    if (!question.ok()) {
      problems->push_back(question.status());
      if (more.ok() || MayReadOn(more.status())) continue;
      break;
    }
    question->set_request_id(BatchRequestId(input_digest, settings_digest, questions.size() + 1));
    questions.push_back(*std::move(question));
  }
  if (!problems->empty()) return problems->front();
  return questions;
}

}  // namespace nakadachi::cli

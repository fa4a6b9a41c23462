#include "client/cli/batch_input.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/ids.h"
#include "common/base/status.h"
#include "common/crypto/sha256_stream.h"
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
    if (question.provider().empty()) {
      return InvalidField(At("provider"), "missing", "names nobody, and neither does --provider");
    }
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

void ToBegin(std::istream& in) {
  in.clear();
  in.seekg(0);
}

Hash DigestOf(std::istream& in) {
  ToBegin(in);
  return Sha256OfStream(in);
}

absl::Status Changed() {
  return FieldError(absl::StatusCode::kFailedPrecondition, "batch", "changed",
                    "the file was changed while it was read");
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

BatchInput::BatchInput(std::istream& in, const BatchSettings& settings)
    : in_(in),
      defaults_(QuestionOf(settings)),
      settings_digest_(SettingsDigest(settings)),
      input_digest_(DigestOf(in)) {}

absl::StatusOr<std::unique_ptr<BatchInput>> BatchInput::Open(std::istream& in,
                                                             const BatchSettings& settings,
                                                             BatchProblems* problems) {
  std::unique_ptr<BatchInput> input(new BatchInput(in, settings));
  NAKADACHI_RETURN_IF_ERROR(input->Check(problems));
  input->Rewind();
  return input;
}

std::string BatchInput::RequestId(uint64_t row) const {
  if (row < 1 || row > size_) return "";
  return BatchRequestId(input_digest_, settings_digest_, row);
}

// Once for the whole file, not row by row.
absl::Status BatchInput::CheckSaysWhom(const CsvReader& reader) const {
  if (!defaults_.provider().empty()) {
    return LocalGovernmentCode::Parse(defaults_.provider(), "provider").status();
  }
  for (const std::string& name : reader.header()) {
    if (name == "provider") return absl::OkStatus();
  }
  return InvalidField("provider", "missing",
                      "say with --provider whom to ask, or row by row in a column provider");
}

void BatchInput::Rewind() {
  row_ = 0;
  reader_.reset();
}

absl::Status BatchInput::Check(BatchProblems* problems) {
  v1::QueryRequest question;
  while (true) {
    const absl::StatusOr<bool> more = Read(&question);
    if (more.ok() && !*more) break;
    if (more.ok()) {
      ++size_;
      continue;
    }
    if (++problems->count <= BatchProblems::kKept) problems->first.push_back(more.status());
    if (!reader_.has_value()) break;
  }
  return problems->count == 0 ? absl::OkStatus() : problems->first.front();
}

// Without a reader afterwards, nothing more can be read.
absl::StatusOr<bool> BatchInput::Read(v1::QueryRequest* question) {
  if (!reader_.has_value()) {
    ToBegin(in_);
    NAKADACHI_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::Create(in_, {"addressee_number"}));
    NAKADACHI_RETURN_IF_ERROR(CheckSaysWhom(reader));
    reader_ = std::move(reader);
  }
  const absl::StatusOr<bool> more = reader_->Next(&cells_);
  if (!more.ok() && !MayReadOn(more.status())) reader_.reset();
  if (!more.ok() || !*more) return more;
  NAKADACHI_ASSIGN_OR_RETURN(*question, BatchReader(*reader_, cells_).Read(defaults_));
  return true;
}

absl::StatusOr<bool> BatchInput::Next(v1::QueryRequest* question) {
  const absl::StatusOr<bool> more = Read(question);
  if (!more.ok()) return Changed();
  if (*more && row_ == size_) return Changed();
  if (!*more) {
    if (row_ != size_ || DigestOf(in_) != input_digest_) return Changed();
    return false;
  }
  question->set_request_id(RequestId(++row_));
  return true;
}

}  // namespace nakadachi::cli

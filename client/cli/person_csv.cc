#include "client/cli/person_csv.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/base/csv.h"
#include "common/base/ids.h"
#include "common/base/status.h"

namespace nakadachi::cli {
namespace {

absl::StatusOr<PersonRow> ParseRow(const CsvReader& reader, const CsvRow& row) {
  const auto addressee = AddresseeNumber::Parse(reader.Cell(row, "addressee_number"),
                                                reader.Where(row, "addressee_number"));
  if (!addressee.ok()) return addressee.status();
  const auto individual = IndividualNumber::Parse(reader.Cell(row, "individual_number"),
                                                  reader.Where(row, "individual_number"));
  if (!individual.ok()) return individual.status();
  const std::string& resident_code = reader.Cell(row, "resident_code");
  if (!resident_code.empty()) {
    ResidentCodeRule any;
    any.checked = false;
    NAKADACHI_RETURN_IF_ERROR(
        ResidentCode::Parse(resident_code, reader.Where(row, "resident_code"), any).status());
  }
  return PersonRow{row.line, {*addressee, *individual}, resident_code};
}

// Numbers of a file, each of which stands for one person, with the lines where they stand.
class Numbers {
 public:
  absl::Status Add(const CsvReader& reader, const CsvRow& row, absl::string_view column) {
    const auto [place, fresh] = lines_.try_emplace(reader.Cell(row, column), row.line);
    if (fresh) return absl::OkStatus();
    return InvalidField(reader.Where(row, column), "duplicate",
                        absl::StrCat("stands in line ", place->second, " already"));
  }

 private:
  absl::flat_hash_map<std::string, int> lines_;
};

bool MayReadOn(const absl::Status& status) {
  const std::string rule = GetFieldRule(status).rule;
  return rule == "columns" || rule == "utf-8";
}

}  // namespace

absl::StatusOr<std::vector<PersonRow>> ReadPersons(std::istream& in,
                                                   std::vector<absl::Status>* problems) {
  NAKADACHI_ASSIGN_OR_RETURN(CsvReader reader,
                             CsvReader::Create(in, {"addressee_number", "individual_number"}));
  std::vector<PersonRow> rows;
  Numbers addressees;
  Numbers individuals;
  CsvRow row;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) {
      problems->push_back(more.status());
      if (MayReadOn(more.status())) continue;
      break;
    }
    if (!*more) break;
    absl::StatusOr<PersonRow> parsed = ParseRow(reader, row);
    absl::Status problem = parsed.status();
    if (problem.ok()) problem = addressees.Add(reader, row, "addressee_number");
    if (problem.ok()) problem = individuals.Add(reader, row, "individual_number");
    if (problem.ok()) {
      rows.push_back(*std::move(parsed));
    } else {
      problems->push_back(std::move(problem));
    }
  }
  if (!problems->empty()) return problems->front();
  return rows;
}

}  // namespace nakadachi::cli

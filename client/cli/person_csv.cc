#include "client/cli/person_csv.h"

#include "absl/container/flat_hash_set.h"
#include "common/base/csv.h"
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
  return PersonRow{row.line, {*addressee, *individual}, reader.Cell(row, "resident_code")};
}

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
  absl::flat_hash_set<std::string> seen;
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
    if (parsed.ok() && !seen.insert(parsed->person.addressee_number.Reveal()).second) {
      parsed = InvalidField(reader.Where(row, "addressee_number"), "duplicate",
                            "stands further up already");
    }
    if (parsed.ok()) {
      rows.push_back(*std::move(parsed));
    } else {
      problems->push_back(parsed.status());
    }
  }
  if (!problems->empty()) return problems->front();
  return rows;
}

}  // namespace nakadachi::cli

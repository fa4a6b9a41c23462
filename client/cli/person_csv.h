// The file from which persons are registered: addressee_number, individual_number, and where
// residents are to be registered at juki net optionally resident_code. It holds individual
// numbers: no error says more of it than line and column.
#ifndef NAKADACHI_CLIENT_CLI_PERSON_CSV_H_
#define NAKADACHI_CLIENT_CLI_PERSON_CSV_H_

#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/municipal_client.h"

namespace nakadachi::cli {

struct PersonRow {
  int line = 0;
  client::MunicipalClient::Person person;
  // Eleven digits, of which the last is unchecked: its rule is juki net's own. Empty: juki net
  // assigns one.
  std::string resident_code;
};

// All rows, or INVALID_ARGUMENT with line and column; every problem's text goes to `problems`.
// Beside the identifiers' rules: "duplicate", an addressee number or an individual number twice.
absl::StatusOr<std::vector<PersonRow>> ReadPersons(std::istream& in,
                                                   std::vector<absl::Status>* problems);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_PERSON_CSV_H_

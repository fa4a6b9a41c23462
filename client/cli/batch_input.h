// The questions of a batch: a CSV of addressee_number and, where the command line does not say it
// for all, provider, procedure, items, non_disclosure.
#ifndef NAKADACHI_CLIENT_CLI_BATCH_INPUT_H_
#define NAKADACHI_CLIENT_CLI_BATCH_INPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"
#include "nakadachi/v1/intermediate.pb.h"

namespace nakadachi::cli {

// What holds for every question where its row says nothing else.
struct BatchSettings {
  std::string municipality;
  std::string provider;
  std::string procedure;
  std::vector<std::string> items;
  std::string department;
  std::string staff_pseudonym;
  bool non_disclosure = false;
};

// The request id of a row: the first 16 bytes of SHA-256("nakadachi/query-batch/v1" || 0x00 ||
// input digest || settings digest || row, 8 bytes big-endian). The same file with the same
// settings asks the same questions under the same ids, whenever and however often it is run.
std::string BatchRequestId(const Hash& input_digest, const Hash& settings_digest, uint64_t row);
// SHA-256 of the settings' serialised form as a QueryRequest.
Hash SettingsDigest(const BatchSettings& settings);

// The questions, in order, their request ids set; row numbers count from 1. INVALID_ARGUMENT with
// line and column; every problem goes to `problems`. In a cell, items are separated by ';'.
absl::StatusOr<std::vector<v1::QueryRequest>> ReadBatch(const std::string& csv,
                                                        const BatchSettings& settings,
                                                        std::vector<absl::Status>* problems);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_BATCH_INPUT_H_

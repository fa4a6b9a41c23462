// The questions of a batch: a CSV of addressee_number and, where the command line does not say it
// for all, provider, procedure, items, non_disclosure.
#ifndef NAKADACHI_CLIENT_CLI_BATCH_INPUT_H_
#define NAKADACHI_CLIENT_CLI_BATCH_INPUT_H_

#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/csv.h"
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

// What is wrong with a file; of any number of problems the first are kept.
struct BatchProblems {
  static constexpr size_t kKept = 20;
  uint64_t count = 0;
  std::vector<absl::Status> first;
};

// The questions in order, read from the file again and again: memory does not grow with it.
// Not thread-safe.
class BatchInput {
 public:
  // Reads the whole of `in`, which can be rewound and outlives the input. INVALID_ARGUMENT with
  // line and column; what else is wrong goes to `problems`. In a cell, items are separated by ';'.
  static absl::StatusOr<std::unique_ptr<BatchInput>> Open(std::istream& in,
                                                          const BatchSettings& settings,
                                                          BatchProblems* problems);

  uint64_t size() const { return size_; }
  // Rows count from 1; empty where there is no such row.
  std::string RequestId(uint64_t row) const;

  // The next question, its request id set; false behind the last. FAILED_PRECONDITION, rule
  // "changed", where the file is not the one that was opened, which may be noticed at its end only.
  absl::StatusOr<bool> Next(v1::QueryRequest* question);
  uint64_t row() const { return row_; }  // of the question that Next gave
  void Rewind();

 private:
  BatchInput(std::istream& in, const BatchSettings& settings);
  absl::Status Check(BatchProblems* problems);
  absl::Status CheckSaysWhom(const CsvReader& reader) const;
  absl::StatusOr<bool> Read(v1::QueryRequest* question);

  std::istream& in_;
  const v1::QueryRequest defaults_;
  const Hash settings_digest_;
  const Hash input_digest_;
  uint64_t size_ = 0;
  uint64_t row_ = 0;
  std::optional<CsvReader> reader_;
  CsvRow cells_;
};

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_BATCH_INPUT_H_

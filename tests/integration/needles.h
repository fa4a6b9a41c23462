// Finds known secrets in bytes, in the forms in which they would leak.
#ifndef NAKADACHI_TESTS_INTEGRATION_NEEDLES_H_
#define NAKADACHI_TESTS_INTEGRATION_NEEDLES_H_

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nakadachi::integration {

// Each needle is looked for as it is, as hexadecimal in both cases, and as base64 at each of the
// three places where it may begin in what is encoded. Not thread-safe.
class Needles {
 public:
  // At least 10 bytes, so that every form has 8.
  void Add(const std::string& label, absl::string_view bytes);
  size_t size() const { return count_; }

  // The labels of what `haystack` holds.
  std::set<std::string> FindIn(absl::string_view haystack) const;

 private:
  struct Form {
    std::string label;
    std::string bytes;
  };
  void AddForm(const std::string& label, std::string bytes);

  size_t count_ = 0;
  std::unordered_map<uint64_t, std::vector<Form>> by_start_;
};

// "<file>: <label>" for each needle in a file below `folder`.
std::vector<std::string> FindInFiles(const Needles& needles, const std::string& folder);

// What a sealed database holds, opened with its keys.
struct Stored {
  std::string family;
  std::string key;
  std::string value;
};
// All families that the database in `folder` has. The database must not be open.
absl::StatusOr<std::vector<Stored>> ReadDatabase(const std::string& folder,
                                                 const std::string& owner,
                                                 const std::string& key_encryption_key);

}  // namespace nakadachi::integration

#endif  // NAKADACHI_TESTS_INTEGRATION_NEEDLES_H_

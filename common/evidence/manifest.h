// evidence.json at the root of an export: what it is meant to hold. A note by whoever made it;
// nothing that is proven rests on it.
#ifndef NAKADACHI_COMMON_EVIDENCE_MANIFEST_H_
#define NAKADACHI_COMMON_EVIDENCE_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"

namespace nakadachi::evidence {

inline constexpr char kManifestName[] = "evidence.json";

struct Manifest {
  static constexpr uint32_t kFormat = 1;

  std::string network;       // as the broker calls it; possibly empty
  std::vector<Author> logs;  // each a folder of that name
  int64_t from_ms = 0;       // bodies of statements from then
  int64_t until_ms = 0;      // exclusive; 0: open
  bool bodies = true;        // false: commitments only
  // Logs whose bodies were not asked for or out of reach, by their folders; none: not noted.
  std::optional<std::set<std::string>> commitments_only;
  int64_t exported_ms = 0;
  std::string exported_by;  // the inspector's certificate name; no personal data

  std::string ToJson() const;
  // INVALID_ARGUMENT with the member's name and rule "json", "format" (of another version),
  // "member" (absent or of the wrong type) or "author". Unknown members are ignored.
  static absl::StatusOr<Manifest> FromJson(absl::string_view text);
};

// NOT_FOUND "missing" where `root` is no export; else errors of ReadFile and FromJson.
absl::StatusOr<Manifest> ReadManifest(const std::string& root);
// Replaces it, durable on return.
absl::Status WriteManifest(const std::string& root, const Manifest& manifest);

// "<root>/<author>".
std::string LogFolder(const std::string& root, const Author& author);

}  // namespace nakadachi::evidence

#endif  // NAKADACHI_COMMON_EVIDENCE_MANIFEST_H_

#include "common/evidence/manifest.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/evidence/disk.h"

namespace nakadachi::evidence {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxBytes = 1 << 20;

absl::Status MemberError(absl::string_view member) {
  return InvalidField(member, "member", "is absent or not of its type");
}

absl::StatusOr<int64_t> Integer(const Json& json, const char* member) {
  const auto it = json.find(member);
  if (it == json.end() || !it->is_number_integer()) return MemberError(member);
  return it->get<int64_t>();
}

absl::StatusOr<std::string> Text(const Json& json, const char* member) {
  const auto it = json.find(member);
  if (it == json.end() || !it->is_string()) return MemberError(member);
  return it->get<std::string>();
}

absl::StatusOr<std::vector<Author>> Logs(const Json& json, absl::string_view member) {
  const auto it = json.find(member);
  if (it == json.end() || !it->is_array()) return MemberError(member);
  std::vector<Author> logs;
  for (size_t i = 0; i < it->size(); ++i) {
    const std::string field = absl::StrCat(member, "[", i, "]");
    const Json& log = (*it)[i];
    absl::StatusOr<Author> author =
        Author::Parse(log.is_string() ? log.get<std::string>() : "", field);
    if (!author.ok()) return InvalidField(field, "author", "is no institution's code");
    logs.push_back(*std::move(author));
  }
  return logs;
}

}  // namespace

std::string Manifest::ToJson() const {
  Json json = {{"format", kFormat},          {"network", network},        {"logs", Json::array()},
               {"from_ms", from_ms},         {"until_ms", until_ms},      {"bodies", bodies},
               {"exported_ms", exported_ms}, {"exported_by", exported_by}};
  for (const Author& log : logs) json["logs"].push_back(log.ToString());
  if (commitments_only.has_value()) json["commitments_only"] = *commitments_only;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Manifest> Manifest::FromJson(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return InvalidField("", "json", "is not a JSON object");
  NAKADACHI_ASSIGN_OR_RETURN(const int64_t format, Integer(json, "format"));
  if (format != kFormat) return InvalidField("format", "format", absl::StrCat("must be ", kFormat));
  Manifest manifest;
  NAKADACHI_ASSIGN_OR_RETURN(manifest.network, Text(json, "network"));
  NAKADACHI_ASSIGN_OR_RETURN(manifest.logs, Logs(json, "logs"));
  if (json.contains("commitments_only")) {
    NAKADACHI_ASSIGN_OR_RETURN(const std::vector<Author> logs, Logs(json, "commitments_only"));
    manifest.commitments_only.emplace();
    for (const Author& log : logs) manifest.commitments_only->insert(log.ToString());
  }
  NAKADACHI_ASSIGN_OR_RETURN(manifest.from_ms, Integer(json, "from_ms"));
  NAKADACHI_ASSIGN_OR_RETURN(manifest.until_ms, Integer(json, "until_ms"));
  const auto bodies = json.find("bodies");
  if (bodies == json.end() || !bodies->is_boolean()) return MemberError("bodies");
  manifest.bodies = bodies->get<bool>();
  NAKADACHI_ASSIGN_OR_RETURN(manifest.exported_ms, Integer(json, "exported_ms"));
  NAKADACHI_ASSIGN_OR_RETURN(manifest.exported_by, Text(json, "exported_by"));
  return manifest;
}

absl::StatusOr<Manifest> ReadManifest(const std::string& root) {
  std::string text;
  NAKADACHI_RETURN_IF_ERROR(ReadFile(absl::StrCat(root, "/", kManifestName), kMaxBytes, &text));
  absl::StatusOr<Manifest> manifest = Manifest::FromJson(text);
  if (!manifest.ok()) return UnderField(kManifestName, manifest.status());
  return manifest;
}

absl::Status WriteManifest(const std::string& root, const Manifest& manifest) {
  return Disk::Open()->WriteDurably(absl::StrCat(root, "/", kManifestName), manifest.ToJson());
}

std::string LogFolder(const std::string& root, const Author& author) {
  return absl::StrCat(root, "/", author.ToString());
}

}  // namespace nakadachi::evidence

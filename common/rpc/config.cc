#include "common/rpc/config.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/csv.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"
#include "nakadachi/v1/config.pb.h"

namespace nakadachi::rpc {
namespace {

absl::Status JsonError(const std::string& path, absl::string_view message) {
  constexpr absl::string_view kUnknown = "Cannot find field";
  if (!absl::StrContains(message, kUnknown)) {
    // protobuf quotes the file below its message, and may cut it within a character.
    message = message.substr(0, message.find('\n'));
    return InvalidField(path, "json", IsUtf8(message) ? message : "is no JSON that can be read");
  }
  // protobuf writes "(folder.of.field) name: Cannot find field.", without the brackets at the top.
  std::string field(message.substr(0, message.find(absl::StrCat(": ", kUnknown))));
  return InvalidField(absl::StrCat(path, ": ", field), "unknown-field", "no such field");
}

}  // namespace

absl::Status LoadConfig(const std::string& path, google::protobuf::Message* config) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::string text, ReadPublicFile(path));
  const auto status = google::protobuf::util::JsonStringToMessage(text, config);
  if (status.ok()) return absl::OkStatus();
  return JsonError(path, absl::string_view(status.message().data(), status.message().size()));
}

std::string ResolvePath(const std::string& base_folder, const std::string& path) {
  if (path.empty() || path.front() == '/' || base_folder.empty()) return path;
  return absl::StrCat(base_folder, base_folder.back() == '/' ? "" : "/", path);
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::StatusOr<Clock*> ChooseClock(Clock* given, const v1::Runtime& runtime,
                                   const std::string& base_folder, std::unique_ptr<Clock>* own) {
  if (given != nullptr) return given;
  if (runtime.clock_offset_file().empty()) return &SystemClock();
  NAKADACHI_ASSIGN_OR_RETURN(
      *own, OpenOffsetClock(ResolvePath(base_folder, runtime.clock_offset_file())));
  return own->get();
}

absl::Status WritePortFile(const std::string& path, const std::map<std::string, int>& ports) {
  const auto replace = nlohmann::json::error_handler_t::replace;  // the default throws
  const std::string text = nlohmann::json(ports).dump(-1, ' ', false, replace);
  return WritePublicFile(path, text + "\n", Overwrite::kAllowed);
}

absl::StatusOr<std::map<std::string, int>> ReadPortFile(const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::string text, ReadPublicFile(path));
  const auto file = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object()) return InvalidField(path, "json", "not a JSON object");
  std::map<std::string, int> ports;
  for (const auto& [name, port] : file.items()) {
    if (!port.is_number_unsigned() || port < 1 || port > 65535) {
      return InvalidField(absl::StrCat(path, ": ", name), "port", "not a port");
    }
    ports[name] = port.get<int>();
  }
  return ports;
}

}  // namespace nakadachi::rpc

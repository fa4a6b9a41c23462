#include "common/rpc/config.h"

#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"

namespace nakadachi::rpc {
namespace {

absl::Status JsonError(const std::string& path, absl::string_view message) {
  constexpr absl::string_view kUnknown = "Cannot find field";
  if (!absl::StrContains(message, kUnknown)) return InvalidField(path, "json", message);
  // protobuf writes "(folder.of.field) name: Cannot find field.", without the brackets at the top.
  std::string field(message.substr(0, message.find(absl::StrCat(": ", kUnknown))));
  return InvalidField(absl::StrCat(path, ": ", field), "unknown-field", "no such field");
}

absl::Status ParseJson(const std::string& path, google::protobuf::Message* message) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::string text, ReadPublicFile(path));
  const auto status = google::protobuf::util::JsonStringToMessage(text, message);
  if (status.ok()) return absl::OkStatus();
  return JsonError(path, absl::string_view(status.message().data(), status.message().size()));
}

}  // namespace

absl::Status LoadConfig(const std::string& path, google::protobuf::Message* config) {
  return ParseJson(path, config);
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

absl::Status WritePortFile(const std::string& path, const std::map<std::string, int>& ports) {
  google::protobuf::Struct file;
  for (const auto& [name, port] : ports) (*file.mutable_fields())[name].set_number_value(port);
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(file, &text);
  if (!status.ok()) return InvalidField(path, "json", "a listener's name is not UTF-8");
  return WritePublicFile(path, absl::StrCat(text, "\n"), Overwrite::kAllowed);
}

absl::StatusOr<std::map<std::string, int>> ReadPortFile(const std::string& path) {
  google::protobuf::Struct file;
  NAKADACHI_RETURN_IF_ERROR(ParseJson(path, &file));
  std::map<std::string, int> ports;
  for (const auto& [name, value] : file.fields()) {
    const double port = value.number_value();
    if (!(port >= 1 && port <= 65535)) {
      return InvalidField(absl::StrCat(path, ": ", name), "port", "not a port");
    }
    ports[name] = static_cast<int>(port);
  }
  return ports;
}

}  // namespace nakadachi::rpc

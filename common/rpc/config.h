// Files that a server is started with and that tell others where it listens.
#ifndef NAKADACHI_COMMON_RPC_CONFIG_H_
#define NAKADACHI_COMMON_RPC_CONFIG_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace google::protobuf {
class Message;
}

namespace nakadachi::v1 {
class Runtime;
}

namespace nakadachi::rpc {

// Reads `path`, a JSON form of `config` (proto/nakadachi/v1/config.proto), over `config`.
// Errors: those of ReadPublicFile (common/crypto/private_file.h); INVALID_ARGUMENT with field
// "<path>: <field>", rule "unknown-field", or with field "<path>", rule "json".
absl::Status LoadConfig(const std::string& path, google::protobuf::Message* config);

// `path` as it stands in a file of `base_folder`; an absolute or an empty path stays as it is.
std::string ResolvePath(const std::string& base_folder, const std::string& path);
// The folder that `path` lies in; "." for a bare name.
std::string FolderOf(const std::string& path);

// The clock of a server: `given`, where there is one; else that of the configured offset file,
// which `own` holds then; else the system's. Errors: those of OpenOffsetClock
// (common/base/clock.h).
absl::StatusOr<Clock*> ChooseClock(Clock* given, const v1::Runtime& runtime,
                                   const std::string& base_folder, std::unique_ptr<Clock>* own);

// Listener name -> port, as JSON: {"network": 1234}. A reader sees the whole file or none.
absl::Status WritePortFile(const std::string& path, const std::map<std::string, int>& ports);
// NOT_FOUND while the server has not written it.
absl::StatusOr<std::map<std::string, int>> ReadPortFile(const std::string& path);

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_CONFIG_H_

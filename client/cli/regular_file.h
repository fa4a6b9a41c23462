// Input files that are read more than once.
#ifndef NAKADACHI_CLIENT_CLI_REGULAR_FILE_H_
#define NAKADACHI_CLIENT_CLI_REGULAR_FILE_H_

#include <fstream>
#include <string>

#include "absl/status/statusor.h"

namespace nakadachi::cli {

// NOT_FOUND, rule "missing"; INVALID_ARGUMENT, rule "regular", for a pipe, a folder or a device,
// which is not opened. The field is the path.
absl::StatusOr<std::ifstream> OpenRegularFile(const std::string& path);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_REGULAR_FILE_H_

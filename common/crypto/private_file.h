// Small files that hold keys and certificates.
#ifndef NAKADACHI_COMMON_CRYPTO_PRIVATE_FILE_H_
#define NAKADACHI_COMMON_CRYPTO_PRIVATE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"

namespace nakadachi {

// Errors of all these have the path as their field and one of the rules "missing" (NOT_FOUND),
// "mode" (FAILED_PRECONDITION: group or others have any right to a private file), "regular"
// (FAILED_PRECONDITION: not a regular file), "length" (INVALID_ARGUMENT: over 1 MiB), "exists"
// (ALREADY_EXISTS), "io" (UNAVAILABLE).

enum class Overwrite { kNever, kAllowed };

// The content of a file that its owner alone may read.
absl::StatusOr<Secret> ReadPrivateFile(const std::string& path);
// The content of any small file.
absl::StatusOr<std::string> ReadPublicFile(const std::string& path);

// Creates a file whole or not at all: on return it is durable, also under its name; a crash
// before leaves nothing under that name, or what stood there. Mode 0600, whatever the umask.
absl::Status WritePrivateFile(const std::string& path, const Secret& content, Overwrite overwrite);
// The same with mode 0644.
absl::Status WritePublicFile(const std::string& path, absl::string_view content,
                             Overwrite overwrite);

// Overwrites a private file, removes it, and syncs both; one that is missing is none to destroy.
// What a file system or a disk keeps elsewhere of what once stood there is out of its reach.
absl::Status DestroyPrivateFile(const std::string& path);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_CRYPTO_PRIVATE_FILE_H_

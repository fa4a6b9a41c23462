#include "common/crypto/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/base/posix_file.h"
#include "common/base/status.h"

namespace nakadachi {
namespace {

constexpr off_t kMaxBytes = 1 << 20;

absl::Status IoError(const std::string& path, const char* doing, int error) {
  return FieldError(absl::StatusCode::kUnavailable, path, "io",
                    std::string(doing) + ": " + std::strerror(error));
}

absl::Status CheckReadable(const std::string& path, const struct stat& info, bool is_private) {
  if (!S_ISREG(info.st_mode))
    return FieldError(absl::StatusCode::kFailedPrecondition, path, "regular",
                      "is not a regular file");
  if (is_private && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return FieldError(absl::StatusCode::kFailedPrecondition, path, "mode",
                      "holds a private key and must be accessible to its owner only (chmod 600)");
  if (info.st_size > kMaxBytes) return InvalidField(path, "length", "is over 1 MiB");
  return absl::OkStatus();
}

absl::Status Read(const std::string& path, bool is_private, std::string* content) {
  // Not blocking, lest a FIFO stop us before we can see that it is one.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.ok() && errno == ENOENT)
    return FieldError(absl::StatusCode::kNotFound, path, "missing", "no such file");
  if (!file.ok()) return IoError(path, "cannot open", errno);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return IoError(path, "cannot stat", errno);
  NAKADACHI_RETURN_IF_ERROR(CheckReadable(path, info, is_private));
  content->resize(static_cast<size_t>(info.st_size));
  size_t done = 0;
  while (done < content->size()) {
    const ssize_t n = ::read(file.get(), content->data() + done, content->size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError(path, "cannot read", errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  content->resize(done);
  return absl::OkStatus();
}

absl::Status WriteAndSync(const std::string& path, int fd, absl::string_view content, mode_t mode) {
  if (const int error = WriteAll(fd, content); error != 0)
    return IoError(path, "cannot write", error);
  if (::fchmod(fd, mode) != 0) return IoError(path, "cannot set the mode", errno);
  if (::fsync(fd) != 0) return IoError(path, "cannot sync", errno);
  return absl::OkStatus();
}

absl::Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int error = SyncFolder(folder);
  return error == 0 ? absl::OkStatus() : IoError(folder, "cannot sync", error);
}

// Gives `temporary` its final name.
absl::Status Name(const std::string& temporary, const std::string& path, Overwrite overwrite) {
  if (overwrite == Overwrite::kAllowed) {
    if (::rename(temporary.c_str(), path.c_str()) != 0)
      return IoError(path, "cannot rename", errno);
    return absl::OkStatus();
  }
  // link(2), unlike rename(2), refuses a name that is taken.
  if (::link(temporary.c_str(), path.c_str()) != 0) {
    if (errno == EEXIST)
      return FieldError(absl::StatusCode::kAlreadyExists, path, "exists",
                        "exists and is not overwritten");
    return IoError(path, "cannot create", errno);
  }
  ::unlink(temporary.c_str());
  return absl::OkStatus();
}

absl::Status Write(const std::string& path, absl::string_view content, mode_t mode,
                   Overwrite overwrite) {
  std::string temporary = path + ".XXXXXX";
  absl::Status status;
  {
    // Mode 0600 from the first instant and O_EXCL.
    const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!file.ok()) return IoError(path, "cannot create", errno);
    status = WriteAndSync(path, file.get(), content, mode);
  }
  if (status.ok()) status = Name(temporary, path, overwrite);
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return SyncFolderOf(path);
}

}  // namespace

absl::StatusOr<Secret> ReadPrivateFile(const std::string& path) {
  std::string content;
  const absl::Status status = Read(path, /*is_private=*/true, &content);
  Secret secret(content);
  Wipe(&content);
  if (!status.ok()) return status;
  return secret;
}

absl::StatusOr<std::string> ReadPublicFile(const std::string& path) {
  std::string content;
  NAKADACHI_RETURN_IF_ERROR(Read(path, /*is_private=*/false, &content));
  return content;
}

absl::Status WritePrivateFile(const std::string& path, const Secret& content, Overwrite overwrite) {
  return Write(path, content.Expose(), 0600, overwrite);
}

absl::Status WritePublicFile(const std::string& path, absl::string_view content,
                             Overwrite overwrite) {
  return Write(path, content, 0644, overwrite);
}

absl::Status DestroyPrivateFile(const std::string& path) {
  {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.ok() && errno == ENOENT) return absl::OkStatus();
    if (!file.ok()) return IoError(path, "cannot open", errno);
    struct stat info;
    if (::fstat(file.get(), &info) != 0) return IoError(path, "cannot stat", errno);
    NAKADACHI_RETURN_IF_ERROR(CheckReadable(path, info, /*is_private=*/true));
    const std::string zeros(static_cast<size_t>(info.st_size), '\0');
    NAKADACHI_RETURN_IF_ERROR(WriteAndSync(path, file.get(), zeros, 0600));
  }
  if (::unlink(path.c_str()) != 0) return IoError(path, "cannot remove", errno);
  return SyncFolderOf(path);
}

}  // namespace nakadachi

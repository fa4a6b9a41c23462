#include "common/evidence/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/posix_file.h"
#include "common/base/status.h"

namespace nakadachi::evidence {
namespace {

constexpr char kTemporary[] = ".tmp";
// Above that many files one call for the whole file system is the cheaper way.
constexpr size_t kMaxSingleSyncs = 64;

absl::Status IoError(absl::string_view path, absl::string_view doing, int error) {
  const std::string message = absl::StrCat(doing, ": ", std::strerror(error));
  if (error == ENOENT)
    return FieldError(absl::StatusCode::kNotFound, path, "missing", "no such file");
  if (error == ENOSPC || error == EDQUOT)
    return FieldError(absl::StatusCode::kResourceExhausted, path, "disk-full", message);
  return FieldError(absl::StatusCode::kUnavailable, path, "io", message);
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class MachineDisk final : public Disk {
 public:
  absl::Status Write(const std::string& path, absl::string_view content) override {
    NAKADACHI_RETURN_IF_ERROR(Replace(path, content, /*sync=*/false));
    files_.insert(path);
    folders_.insert(FolderOf(path));
    return absl::OkStatus();
  }

  absl::Status WriteDurably(const std::string& path, absl::string_view content) override {
    NAKADACHI_RETURN_IF_ERROR(Replace(path, content, /*sync=*/true));
    folders_.insert(FolderOf(path));
    return SyncFolders();
  }

  absl::Status Sync() override {
    if (files_.size() > kMaxSingleSyncs) {
      const Descriptor file(::open(files_.begin()->c_str(), O_RDONLY | O_CLOEXEC));
      if (!file.ok() || ::syncfs(file.get()) != 0)
        return IoError(*files_.begin(), "cannot sync the file system of", errno);
    } else {
      for (const std::string& path : files_)
        NAKADACHI_RETURN_IF_ERROR(SyncOne(path, O_RDONLY | O_CLOEXEC));
    }
    files_.clear();
    return SyncFolders();
  }

  absl::Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) {
      return errno == ENOENT ? absl::OkStatus() : IoError(path, "cannot remove", errno);
    }
    files_.erase(path);
    folders_.insert(FolderOf(path));
    // The folder of a partial tile goes with its last file; any other stays, it is not empty.
    if (::rmdir(FolderOf(path).c_str()) == 0) folders_.erase(FolderOf(path));
    known_.clear();
    return absl::OkStatus();
  }

 private:
  absl::Status Replace(const std::string& path, absl::string_view content, bool sync) {
    NAKADACHI_RETURN_IF_ERROR(MakeFolder(FolderOf(path)));
    const std::string temporary = path + kTemporary;
    {
      const Descriptor file(
          ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      if (!file.ok()) return IoError(path, "cannot create", errno);
      if (const int error = WriteAll(file.get(), content); error != 0)
        return IoError(path, "cannot write", error);
      if (sync && ::fsync(file.get()) != 0) return IoError(path, "cannot sync", errno);
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0)
      return IoError(path, "cannot rename", errno);
    return absl::OkStatus();
  }

  absl::Status SyncFolders() {
    for (const std::string& folder : folders_)
      NAKADACHI_RETURN_IF_ERROR(SyncOne(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    folders_.clear();
    return absl::OkStatus();
  }

  static absl::Status SyncOne(const std::string& path, int flags) {
    const Descriptor file(::open(path.c_str(), flags));
    if (!file.ok() || ::fsync(file.get()) != 0) return IoError(path, "cannot sync", errno);
    return absl::OkStatus();
  }

  absl::Status MakeFolder(const std::string& folder) {
    if (known_.count(folder) != 0) return absl::OkStatus();
    if (::mkdir(folder.c_str(), 0700) == 0) {
      folders_.insert(FolderOf(folder));
    } else if (errno == ENOENT && FolderOf(folder) != folder) {
      NAKADACHI_RETURN_IF_ERROR(MakeFolder(FolderOf(folder)));
      return MakeFolder(folder);
    } else if (errno != EEXIST) {
      return IoError(folder, "cannot make the folder", errno);
    }
    known_.insert(folder);
    return absl::OkStatus();
  }

  std::set<std::string> files_;    // written since the last Sync
  std::set<std::string> folders_;  // in which names changed since
  std::set<std::string> known_;    // folders that are there
};

// `done`: how much of `content` is the file's.
absl::Status ReadInto(const std::string& path, size_t max, std::string* content, size_t* done) {
  // Not blocking, lest a FIFO stop us before we can see that it is one.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.ok()) return IoError(path, "cannot open", errno);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return IoError(path, "cannot stat", errno);
  if (!S_ISREG(info.st_mode))
    return FieldError(absl::StatusCode::kUnavailable, path, "io", "is not a regular file");
  if (static_cast<uint64_t>(info.st_size) > max)
    return FieldError(absl::StatusCode::kDataLoss, path, "length",
                      absl::StrCat("is longer than ", max, " bytes"));
  content->resize(static_cast<size_t>(info.st_size));
  while (*done < content->size()) {
    const ssize_t n = ::read(file.get(), content->data() + *done, content->size() - *done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError(path, "cannot read", errno);
    if (n == 0) break;
    *done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace

bool IsTemporary(absl::string_view name) { return absl::EndsWith(name, kTemporary); }

std::unique_ptr<Disk> Disk::Open() { return std::make_unique<MachineDisk>(); }

absl::Status ReadFile(const std::string& path, size_t max, std::string* content) {
  // What the buffer held is not wiped first: most of it is about to be written over.
  size_t done = 0;
  const absl::Status status = ReadInto(path, max, content, &done);
  content->resize(done);
  return status;
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path) {
  std::vector<std::string> names;
  DIR* const folder = ::opendir(path.c_str());
  if (folder == nullptr && errno == ENOENT) return names;
  if (folder == nullptr) return IoError(path, "cannot open", errno);
  errno = 0;
  for (const dirent* entry = ::readdir(folder); entry != nullptr; entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  const int error = errno;
  ::closedir(folder);
  if (error != 0) return IoError(path, "cannot list", error);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace nakadachi::evidence

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/config.h"
#include "tools/simulator/server_process.h"

namespace nakadachi::simulator {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(30);
constexpr absl::Duration kLook = absl::Milliseconds(2);

const char* ProgramName(ServerKind kind) {
  switch (kind) {
    case ServerKind::kBroker:
      return "nakadachi-broker";
    case ServerKind::kJuki:
      return "nakadachi-juki";
    case ServerKind::kIntermediate:
      return "nakadachi-intermediate";
  }
  return "";
}

class Program final : public ServerProcess {
 public:
  Program(ServerKind kind, const std::string& bin_folder, const std::string& folder)
      : binary_(absl::StrCat(bin_folder, "/", ProgramName(kind))), folder_(folder) {}
  ~Program() override { Kill(); }

  absl::StatusOr<std::map<std::string, int>> Start() override {
    if (running()) return absl::FailedPreconditionError(absl::StrCat(folder_, " runs already"));
    const std::string port_file = absl::StrCat(folder_, "/ports.json");
    std::error_code ignored;
    std::filesystem::remove(port_file, ignored);
    if (const absl::Status spawned = Spawn(); !spawned.ok()) return spawned;
    const absl::Time give_up = absl::Now() + kStartLimit;
    while (absl::Now() < give_up) {
      auto ports = rpc::ReadPortFile(port_file);
      if (ports.ok()) return ports;
      if (!running()) return absl::UnavailableError(absl::StrCat("ended at once: ", LogTail()));
      absl::SleepFor(kLook);
    }
    Kill();
    return absl::DeadlineExceededError(absl::StrCat("does not listen: ", LogTail()));
  }

  absl::Status Stop(absl::Duration limit) override {
    if (!running()) return absl::OkStatus();
    kill(pid_, SIGTERM);
    const absl::Time give_up = absl::Now() + limit;
    while (running()) {
      if (absl::Now() > give_up) {
        Kill();
        return absl::DeadlineExceededError(
            absl::StrCat(folder_, " was not gone after ", absl::FormatDuration(limit)));
      }
      absl::SleepFor(kLook);
    }
    if (exit_status_ == 0) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(folder_, " ended badly: ", LogTail()));
  }

  void Kill() override {
    if (!running()) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, &exit_status_, 0);
    pid_ = 0;
  }

  bool running() override {
    if (pid_ == 0) return false;
    if (waitpid(pid_, &exit_status_, WNOHANG) == 0) return true;
    pid_ = 0;
    return false;
  }

  int pid() const override { return pid_; }

 private:
  absl::Status Spawn() {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string log = absl::StrCat(folder_, "/log");
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    std::string config = absl::StrCat(folder_, "/config.json");
    std::string option = "--config";
    std::array<char*, 4> arguments = {binary_.data(), option.data(), config.data(), nullptr};
    pid_t pid = 0;
    const int failed =
        posix_spawn(&pid, binary_.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
      return absl::NotFoundError(absl::StrCat("cannot run ", binary_, ": ", strerror(failed)));
    }
    pid_ = pid;
    return absl::OkStatus();
  }

  std::string LogTail() const {
    const int file = open(absl::StrCat(folder_, "/log").c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return "(no log)";
    constexpr off_t kTail = 2000;
    const off_t size = lseek(file, 0, SEEK_END);
    lseek(file, size > kTail ? size - kTail : 0, SEEK_SET);
    std::string text(kTail, '\0');
    const ssize_t got = read(file, text.data(), text.size());
    close(file);
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
  }

  std::string binary_;
  std::string folder_;
  pid_t pid_ = 0;
  int exit_status_ = 0;
};

}  // namespace

std::unique_ptr<ServerProcess> MakeProgram(ServerKind kind, const std::string& bin_folder,
                                           const std::string& folder) {
  return std::make_unique<Program>(kind, bin_folder, folder);
}

}  // namespace nakadachi::simulator

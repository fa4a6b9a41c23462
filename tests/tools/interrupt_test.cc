// Programs with processes and a folder of their own, ended by a signal in the middle.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tools/simulator/interruptible.h"

namespace nakadachi {
namespace {

namespace fs = std::filesystem;

constexpr char kScenario[] =
    "city 072028 Aizuwakamatsu\n"
    "city 041009 Sendai\n"
    "residents 072028 20\n"
    "move 10 from 072028 to 041009\n"
    "load 041009 asks 072028 for 60s in background\n"
    "finish\n";
constexpr char kServedScenario[] = "city 072028 Aizuwakamatsu\n";

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Eventually(const std::function<bool()>& holds) {
  const absl::Time give_up = absl::Now() + absl::Seconds(60);
  while (!holds()) {
    if (absl::Now() > give_up) return false;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return true;
}

class InterruptTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(folder_.path().empty());
    fs::create_directory(Work());
    const char* bin = std::getenv("NAKADACHI_BIN_DIR");
    ASSERT_NE(bin, nullptr);
    bin_ = bin;
  }

  std::string Work() const { return folder_.path() + "/work"; }
  std::string Output() const { return Read(folder_.path() + "/output"); }
  std::string Scenario(const std::string& text) const {
    const std::string path = folder_.path() + "/a.scenario";
    std::ofstream(path) << text;
    return path;
  }

  // With Work() as the folder of temporary files.
  pid_t Start(const std::string& program, std::vector<std::string> arguments) const {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (folder_.path() + "/output").c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<std::string> variables = {"TMPDIR=" + Work()};
    for (char** variable = environ; *variable != nullptr; ++variable) {
      if (std::string(*variable).rfind("TMPDIR=", 0) != 0) variables.emplace_back(*variable);
    }
    std::vector<char*> envp;
    for (std::string& variable : variables) envp.push_back(variable.data());
    envp.push_back(nullptr);
    pid_t pid = 0;
    const std::string path = absl::StrCat(bin_, "/", program);
    EXPECT_EQ(posix_spawn(&pid, path.c_str(), &actions, nullptr, argv.data(), envp.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  }

  // Processes whose command line names the test's folder, but for `but`.
  int Processes(pid_t but) const {
    int found = 0;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
      const std::string name = entry.path().filename().string();
      if (name == std::to_string(but)) continue;
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      if (Read(entry.path() / "cmdline").find(Work()) != std::string::npos) ++found;
    }
    return found;
  }

  int EndBy(int signal, pid_t pid) const {
    EXPECT_EQ(kill(pid, signal), 0);
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  const simulator::WorkFolder folder_{"", "interrupt"};
  std::string bin_;
};

TEST_F(InterruptTest, TheBenchmarkLeavesNothingBehind) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t pid = Start("nakadachi-bench", {"--quick", "--seconds", "60", "--only", "exchanges",
                                                "--folder", Work()});
    // Broker, juki net, two intermediate servers, three bare ones.
    ASSERT_TRUE(Eventually([&] { return Output().find("round 1") != std::string::npos; }))
        << Output();
    EXPECT_GE(Processes(pid), 7);
    EXPECT_EQ(EndBy(signal, pid), 128 + signal) << Output();
    EXPECT_EQ(Processes(pid), 0);
    EXPECT_TRUE(fs::is_empty(Work()));
  }
}

TEST_F(InterruptTest, ASimulationLeavesNothingBehind) {
  const std::string scenario = Scenario(kScenario);
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t pid = Start("nakadachi-simulate", {scenario});
    // Broker, juki net, two intermediate servers.
    ASSERT_TRUE(Eventually([&] { return Processes(pid) == 4; })) << Output();
    EXPECT_EQ(EndBy(signal, pid), 128 + signal) << Output();
    EXPECT_EQ(Processes(pid), 0);
    EXPECT_TRUE(fs::is_empty(Work()));
  }
}

TEST_F(InterruptTest, WhatIsToBeKeptStays) {
  const std::string kept = Work() + "/kept";
  const pid_t pid = Start("nakadachi-simulate", {"--keep", kept, Scenario(kScenario)});
  ASSERT_TRUE(Eventually([&] { return Processes(pid) >= 4; })) << Output();
  EXPECT_EQ(EndBy(SIGINT, pid), 128 + SIGINT);
  EXPECT_EQ(Processes(pid), 0);
  EXPECT_TRUE(fs::exists(kept + "/network/broker/data"));
}

TEST_F(InterruptTest, ServingEndsOrderly) {
  const pid_t pid = Start("nakadachi-simulate", {"--serve", Scenario(kServedScenario)});
  ASSERT_TRUE(Eventually([&] { return Output().find("until Ctrl-C") != std::string::npos; }))
      << Output();
  EXPECT_EQ(EndBy(SIGINT, pid), 0) << Output();
  EXPECT_EQ(Processes(pid), 0);
  EXPECT_TRUE(fs::is_empty(Work()));
}

TEST_F(InterruptTest, AWorkerThatDiesTakesItsProcessesAlong) {
  const std::string marker = Work() + "/marker";
  const std::string script = absl::StrCat("echo $$ >'", marker, "'; exec sleep 1000");
  const pid_t tested = fork();
  if (tested == 0) {
    std::_Exit(simulator::RunInterruptible([&] {
      pid_t pid = 0;
      std::vector<std::string> words = {"sh", "-c", script};
      std::vector<char*> argv = {words[0].data(), words[1].data(), words[2].data(), nullptr};
      posix_spawn(&pid, "/bin/sh", nullptr, nullptr, argv.data(), environ);
      Eventually([&] { return !Read(marker).empty(); });
      raise(SIGKILL);
      return 0;
    }));
  }
  int status = 0;
  ASSERT_EQ(waitpid(tested, &status, 0), tested);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGKILL);
  const int sleeper = std::stoi(Read(marker));
  EXPECT_EQ(kill(sleeper, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(InterruptTest, WhoDoesNotEndIsKilledAfterTheGrace) {
  const std::string marker = Work() + "/marker";
  const pid_t tested = fork();
  if (tested == 0) {
    std::_Exit(simulator::RunInterruptible(
        [&] {
          signal(SIGTERM, SIG_IGN);
          std::ofstream(marker) << "ready";
          while (true) pause();
          return 0;
        },
        absl::Milliseconds(50)));
  }
  ASSERT_TRUE(Eventually([&] { return !Read(marker).empty(); }));
  EXPECT_EQ(EndBy(SIGTERM, tested), 128 + SIGTERM);
}

}  // namespace
}  // namespace nakadachi

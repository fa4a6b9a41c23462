// nakadachi-broker as a process: exit codes, SIGTERM with calls in flight, kill -9 under load.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/config.h"
#include "tests/server/broker/broker_fixture.h"

namespace nakadachi::broker {
namespace {

std::string Program() {
  const char* folder = getenv("NAKADACHI_BIN_DIR");
  return folder == nullptr ? "" : std::string(folder) + "/nakadachi-broker";
}

// A child that is not outlived by its object.
class Child {
 public:
  explicit Child(const std::vector<std::string>& arguments) {
    std::string program = Program();
    std::vector<std::string> all = arguments;
    std::vector<char*> argv = {program.data()};
    for (std::string& argument : all) argv.push_back(argument.data());
    argv.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), nullptr, nullptr, argv.data(), environ), 0);
  }
  ~Child() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
  }
  void Signal(int signal) const { kill(pid_, signal); }
  // The exit code, or minus the signal that ended it.
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

class ProgramTest : public BrokerFixture {
 protected:
  ProgramTest() {
    if (Program().empty()) return;
    Admit(city_);
    Admit(other_city_);
    PublishList();
    Stop();
    // The process has the system's clock, and members that it can agree with.
    clock_.Set(absl::Now());
    WriteConfig();
  }
  void SetUp() override {
    if (Program().empty()) GTEST_SKIP() << "NAKADACHI_BIN_DIR is not set";
  }

  void WriteConfig() const {
    std::ofstream config(folder_.path() + "/broker.json");
    const auto tls = [](const std::string& name) {
      return absl::StrCat("{\"certificate\": \"", name, ".crt\", \"private_key\": \"", name,
                          ".key\", \"trust_root\": \"", name, ".root\"}");
    };
    config << "{\"runtime\": {\"data\": \"data\", \"port_file\": \"ports.json\","
           << "\"key_encryption_key\": \"wrap.hex\"},"
           << "\"network\": {\"address\": \"127.0.0.1:0\", \"tls\": " << tls("network") << "},"
           << "\"operator_listener\": {\"address\": \"127.0.0.1:0\", \"tls\": " << tls("operator")
           << "}, \"client_tls\": " << tls("network") << ", \"network_name\": \"test\","
           << "\"signing_key\": \"broker.keys\", \"code_key\": \"codes.hex\"}";
  }

  std::unique_ptr<Child> StartProcess() {
    const std::string ports = folder_.path() + "/ports.json";
    unlink(ports.c_str());
    auto child = std::make_unique<Child>(
        std::vector<std::string>{"--config", folder_.path() + "/broker.json"});
    const absl::Time until = absl::Now() + absl::Seconds(30);
    while (absl::Now() < until) {
      const auto read = rpc::ReadPortFile(ports);
      if (read.ok()) {
        port_ = read->at("network");
        return child;
      }
      absl::SleepFor(absl::Milliseconds(5));
    }
    ADD_FAILURE() << "the broker did not start";
    return child;
  }

  std::shared_ptr<grpc::Channel> ProcessChannel() const {
    return rpc::Connect(absl::StrCat("127.0.0.1:", port_), kTlsName,
                        network_authority_.Issue(rpc::Role::kIntermediate, {kCity}));
  }

  struct Acknowledged {
    v1::Recorded query;
    v1::Recorded decision;
  };
  // Asks from several threads until a call fails; keeps what was answered.
  class Load {
   public:
    Load(ProgramTest* test, int threads) {
      for (int i = 0; i < threads; ++i) {
        threads_.emplace_back([this, test] { Run(test); });
      }
    }
    std::vector<Acknowledged> Join() {
      for (std::thread& thread : threads_) thread.join();
      absl::MutexLock lock(&mutex_);
      return all_;
    }
    bool AwaitAnswers(size_t count) {
      absl::MutexLock lock(&mutex_);
      const auto enough = [this, count]()
                              ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return all_.size() >= count; };
      return mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30));
    }

   private:
    void Run(ProgramTest* test) {
      auto stub = v1::PermitService::NewStub(test->ProcessChannel());
      while (true) {
        v1::RequestPermitRequest request;
        test->clock_.Set(absl::Now());
        *request.mutable_query() = test->city_.Record(test->MakeQuery(test->city_));
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
        v1::RequestPermitResponse response;
        if (!stub->RequestPermit(&context, request, &response).ok()) return;
        absl::MutexLock lock(&mutex_);
        all_.push_back({request.query(), response.decision()});
      }
    }

    absl::Mutex mutex_;
    std::vector<Acknowledged> all_ ABSL_GUARDED_BY(mutex_);
    std::vector<std::thread> threads_;
  };

  // Each acknowledged query gets the same permit again.
  void ExpectAllKept(const std::vector<Acknowledged>& all) {
    auto channel = ProcessChannel();
    for (const Acknowledged& one : all) {
      const auto again = RequestPermitAs(channel.get(), one.query);
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ(again->statement(), one.decision.statement());
      EXPECT_EQ(again->leaf_index(), one.decision.leaf_index());
      ExpectPermit(again);
    }
  }

  int port_ = 0;
};

TEST_F(ProgramTest, ExitCodesTellWhatWasWrong) {
  EXPECT_EQ(Child({"--help"}).Wait(), 0);
  EXPECT_EQ(Child({"--version"}).Wait(), 0);
  EXPECT_EQ(Child({}).Wait(), 2);
  EXPECT_EQ(Child({"--config"}).Wait(), 2);
  EXPECT_EQ(Child({"--config", folder_.path() + "/none.json"}).Wait(), 1);
  EXPECT_EQ(Child({"--config", folder_.path() + "/wrap.hex"}).Wait(), 1);
}

TEST(BrokerConfigTest, WhatIsMissingIsNamed) {
  BrokerOptions options;
  std::vector<std::string> missing;
  while (missing.size() < 5) {
    const absl::Status status = BrokerServer::Start(options).status();
    const FieldRule rule = GetFieldRule(status);
    missing.push_back(rule.rule == "required" ? rule.field : "files");
    if (rule.field == "runtime.data") options.config.mutable_runtime()->set_data("none");
    if (rule.field == "runtime.key_encryption_key") {
      options.config.mutable_runtime()->set_key_encryption_key("none");
    }
    if (rule.field == "signing_key") options.config.set_signing_key("none");
    if (rule.field == "code_key") options.config.set_code_key("none");
  }
  EXPECT_EQ(missing, (std::vector<std::string>{"runtime.data", "runtime.key_encryption_key",
                                               "signing_key", "code_key", "files"}));
}

TEST_F(ProgramTest, SigtermEndsInTimeWithCallsInFlight) {
  std::unique_ptr<Child> child = StartProcess();
  Load load(this, 4);
  ASSERT_TRUE(load.AwaitAnswers(50));
  const absl::Time begin = absl::Now();
  child->Signal(SIGTERM);
  EXPECT_EQ(child->Wait(), 0);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  const std::vector<Acknowledged> all = load.Join();
  child = StartProcess();
  ExpectAllKept(all);
}

TEST_F(ProgramTest, NothingAcknowledgedIsLostByKill9) {
  std::vector<Acknowledged> all;
  for (size_t round = 0; round < 3; ++round) {
    std::unique_ptr<Child> child = StartProcess();
    Load load(this, 4);
    ASSERT_TRUE(load.AwaitAnswers(20 + 40 * round));
    child->Signal(SIGKILL);
    EXPECT_EQ(child->Wait(), -SIGKILL);
    for (Acknowledged& one : load.Join()) all.push_back(std::move(one));
  }
  std::unique_ptr<Child> child = StartProcess();
  ExpectAllKept(all);
}

}  // namespace
}  // namespace nakadachi::broker

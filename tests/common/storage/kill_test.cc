// A process that commits is killed at random instants; what it acknowledged is there, whole.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <random>

#include "storage_fixture.h"

namespace nakadachi::storage {
namespace {

constexpr uint64_t kNone = ~uint64_t{0};
constexpr size_t kThreads = 3;

class KillTest : public StorageTest {
 protected:
  KillTest() { last_acknowledged_.fill(kNone); }

  // Starts the committing process and kills it after `lines` acknowledgements.
  void CommitAndKill(uint64_t lines) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addclose(&actions, pipe[0]);
    std::array<std::string, 3> words = {COMMIT_UNTIL_KILLED, path_, key_hex_};
    std::array<char*, 4> argv = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    pid_t child = 0;
    ASSERT_EQ(::posix_spawn(&child, words[0].c_str(), &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    FILE* const out = ::fdopen(pipe[0], "r");
    unsigned thread = 0;
    unsigned long long number = 0;
    while (std::fscanf(out, "%u %llu\n", &thread, &number) == 2) {
      ASSERT_LT(thread, kThreads);
      last_acknowledged_[thread] = number;
      if (lines-- == 0) ::kill(child, SIGKILL);  // what was printed until it dies counts, too
    }
    std::fclose(out);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "ended by itself";
  }

  void ExpectAllThere() {
    OpenOptions options = Options(path_);
    options.key_provider = provider_.get();
    const auto database = Database::Open(options);
    ASSERT_TRUE(database.ok()) << database.status();
    const auto records = All(**database, kRecords);
    const auto hashes = All(**database, kHashes);
    ASSERT_TRUE(records.ok() && hashes.ok()) << records.status() << hashes.status();
    // Never half a commit: what is in one family is in the other.
    ASSERT_EQ(records->size(), hashes->size());
    std::array<uint64_t, kThreads> count{};
    for (auto record = records->begin(), hash = hashes->begin(); record != records->end();
         ++record, ++hash) {
      ASSERT_EQ(record->first, hash->first);
      const uint64_t thread = U64FromKey(absl::string_view(record->first).substr(0, 8));
      // Never out of order: a thread's commits have no gap.
      ASSERT_EQ(U64FromKey(absl::string_view(record->first).substr(8)), count[thread]++);
    }
    for (size_t thread = 0; thread < kThreads; ++thread) {
      if (last_acknowledged_[thread] == kNone) continue;
      EXPECT_GT(count[thread], last_acknowledged_[thread]) << "acknowledged and lost";
    }
  }

  const std::string key_hex_ = std::string(64, '7');
  const std::unique_ptr<KeyProvider> provider_ =
      MakeMemoryKeyProvider(Secret(*HexDecode(key_hex_, "key")));
  std::array<uint64_t, kThreads> last_acknowledged_{};
};

TEST_F(KillTest, AcknowledgedIsNeverLost) {
  std::mt19937 random(4201);
  for (int round = 0; round < 15; ++round) {
    SCOPED_TRACE(round);
    CommitAndKill(random() % 800);
    ExpectAllThere();
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace nakadachi::storage

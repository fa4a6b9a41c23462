// commit_until_killed FOLDER WRAPPING_KEY_HEX: commits from several threads for as long as it
// lives, and prints a line for each acknowledged commit: "<thread> <number>".
//
// Commit n of thread t puts the key (t, n) into both families; every fourth is not synced, is not
// printed, and comes before the next one of its thread.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/storage/database.h"

namespace nakadachi::storage {
namespace {

constexpr int kThreads = 3;

void CommitForever(Database& database, int thread, uint64_t next) {
  for (;; ++next) {
    const std::string key = KeyU64(static_cast<uint64_t>(thread)) + KeyU64(next);
    Batch batch(database);
    batch.Put(0, key, std::string(next % 13 == 0 ? 60000 : 300, static_cast<char>('a' + thread)));
    batch.Put(1, key, "hash");
    if (next % 4 == 3) {
      NAKADACHI_CHECK(database.CommitUnsynced(std::move(batch)).ok());
      continue;
    }
    NAKADACHI_CHECK(database.Commit(std::move(batch)).ok());
    const std::string line = std::to_string(thread) + " " + std::to_string(next) + "\n";
    NAKADACHI_CHECK(::write(STDOUT_FILENO, line.data(), line.size()) ==
                    static_cast<ssize_t>(line.size()));
  }
}

int Run(const std::string& folder, const std::string& key_hex) {
  const auto provider = MakeMemoryKeyProvider(Secret(*HexDecode(key_hex, "key")));
  OpenOptions options;
  options.path = folder;
  options.owner = "072028";
  options.families = {{"records", Form::kSealed}, {"hashes", Form::kPlain}};
  // So little that tables are written and logs replaced all the time.
  options.environment = Environment::Create(1 << 20);
  options.key_provider = provider.get();
  options.random = &SystemRandom();
  absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(options);
  if (!database.ok()) {
    std::fprintf(stderr, "%s\n", database.status().ToString().c_str());
    return 1;
  }
  std::vector<uint64_t> next(kThreads, 0);
  NAKADACHI_CHECK((*database)
                      ->Scan(1, {}, {},
                             [&](absl::string_view key, absl::string_view) {
                               next[U64FromKey(key.substr(0, 8))] = U64FromKey(key.substr(8)) + 1;
                               return true;
                             })
                      .ok());
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back(CommitForever, std::ref(**database), thread,
                         next[static_cast<size_t>(thread)]);
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace nakadachi::storage

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return nakadachi::storage::Run(argv[1], argv[2]);
}

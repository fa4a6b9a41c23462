#include "server/intermediate/directory_follower.h"

#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/storage/database.h"

namespace nakadachi::intermediate {
namespace {

constexpr int kStatements = 0;  // the only family: KeyU64(sequence) -> Recorded

using Page = std::vector<v1::Recorded>;
using Done = absl::AnyInvocable<void(absl::Status)>;

// The answer to one fetch; outlives the follower where the broker is slow.
struct Fetch {
  absl::Mutex mutex;
  bool answered ABSL_GUARDED_BY(mutex) = false;
  bool abandoned ABSL_GUARDED_BY(mutex) = false;
  absl::StatusOr<Page> page ABSL_GUARDED_BY(mutex) = absl::UnavailableError("shutting down");

  bool IsOver() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return answered || abandoned; }
};

class Follower final : public DirectoryFollower {
 public:
  Follower(std::unique_ptr<storage::Database> database, const Platform& platform,
           BrokerLink* broker, absl::Duration poll_every)
      : database_(std::move(database)),
        platform_(platform),
        broker_(broker),
        poll_every_(poll_every) {}
  ~Follower() override { Shutdown(); }

  absl::Status ApplyStored();
  void Start() {
    thread_ = std::thread([this] { Run(); });
  }
  void Reach(uint64_t sequence, Done done) override;
  void Shutdown() override;

 private:
  struct Waiter {
    uint64_t sequence;
    Done done;
  };

  void Run();
  std::vector<Waiter> AwaitWork();
  absl::Status FetchAll();
  absl::StatusOr<Page> FetchPage();
  absl::Status Accept(const v1::Recorded& recorded);
  absl::StatusOr<ledger::Verified> Check(const v1::Recorded& recorded) const;
  void Answer(std::vector<Waiter> waiters, const absl::Status& fetched) const;

  const std::unique_ptr<storage::Database> database_;
  const Platform platform_;
  BrokerLink* const broker_;
  const absl::Duration poll_every_;
  std::thread thread_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Fetch> fetch_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<ledger::Verified> Follower::Check(const v1::Recorded& recorded) const {
  NAKADACHI_ASSIGN_OR_RETURN(ledger::Verified verified,
                             platform_.verifier->Verify(recorded, platform_.clock->NowMs()));
  if (!verified.author.IsBroker()) {
    return InvalidField("directory.author", "author", "is not the broker");
  }
  NAKADACHI_RETURN_IF_ERROR(platform_.directory->Check(verified.statement));
  return verified;
}

absl::Status Follower::ApplyStored() {
  absl::Status problem;
  NAKADACHI_RETURN_IF_ERROR(
      database_->Scan(kStatements, "", "", [&](absl::string_view, absl::string_view value) {
        v1::Recorded recorded;
        if (!recorded.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
          problem = absl::DataLossError("a stored directory statement cannot be read");
          return false;
        }
        absl::StatusOr<ledger::Verified> verified = Check(recorded);
        problem =
            verified.ok() ? platform_.directory->Apply(verified->statement) : verified.status();
        return problem.ok();
      }));
  return problem;
}

void Follower::Reach(uint64_t sequence, Done done) {
  if (platform_.directory->sequence() >= sequence) return done(absl::OkStatus());
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_) {
      waiters_.push_back({sequence, std::move(done)});
      return;
    }
  }
  done(absl::UnavailableError("shutting down"));
}

void Follower::Shutdown() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (fetch_ != nullptr) {
      absl::MutexLock fetch_lock(&fetch_->mutex);
      fetch_->abandoned = true;
    }
  }
  if (thread_.joinable()) thread_.join();
}

void Follower::Run() {
  // A failed poll is no news: the next one comes soon, and who waits is told.
  FetchAll().IgnoreError();
  while (true) {
    std::vector<Waiter> waiters = AwaitWork();
    Answer(std::move(waiters), FetchAll());
    absl::MutexLock lock(&mutex_);
    if (stopping_ && waiters_.empty()) return;
  }
}

// Until somebody waits, the next poll is due, or the end.
std::vector<Follower::Waiter> Follower::AwaitWork() {
  absl::MutexLock lock(&mutex_);
  const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !waiters_.empty();
  };
  mutex_.AwaitWithTimeout(absl::Condition(&has_work), poll_every_);
  return std::exchange(waiters_, {});
}

// Everything that the broker has beyond what is known here.
absl::Status Follower::FetchAll() {
  while (true) {
    NAKADACHI_ASSIGN_OR_RETURN(const Page page, FetchPage());
    if (page.empty()) return absl::OkStatus();
    for (const v1::Recorded& recorded : page) NAKADACHI_RETURN_IF_ERROR(Accept(recorded));
  }
}

absl::StatusOr<Page> Follower::FetchPage() {
  auto fetch = std::make_shared<Fetch>();
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return absl::UnavailableError("shutting down");
    fetch_ = fetch;
  }
  broker_->FetchDirectory(platform_.directory->sequence(), [fetch](absl::StatusOr<Page> page) {
    absl::MutexLock lock(&fetch->mutex);
    fetch->page = std::move(page);
    fetch->answered = true;
  });
  absl::MutexLock lock(&fetch->mutex);
  fetch->mutex.Await(absl::Condition(fetch.get(), &Fetch::IsOver));
  return std::move(fetch->page);
}

// Durable before it is applied: what was decided by it can be explained after a crash.
absl::Status Follower::Accept(const v1::Recorded& recorded) {
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::Verified verified, Check(recorded));
  storage::Batch batch(*database_);
  batch.Put(kStatements, storage::KeyU64(verified.statement.directory().sequence()),
            recorded.SerializeAsString());
  NAKADACHI_RETURN_IF_ERROR(database_->Commit(std::move(batch)));
  return platform_.directory->Apply(verified.statement);
}

void Follower::Answer(std::vector<Waiter> waiters, const absl::Status& fetched) const {
  const uint64_t sequence = platform_.directory->sequence();
  for (Waiter& waiter : waiters) {
    if (sequence >= waiter.sequence) {
      waiter.done(absl::OkStatus());
    } else if (!fetched.ok()) {
      waiter.done(fetched);
    } else {
      waiter.done(FieldError(absl::StatusCode::kOutOfRange, "directory", "sequence",
                             "the broker has no such statement"));
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryFollower>> DirectoryFollower::Open(
    const std::string& folder, storage::KeyProvider* key_provider, const Platform& platform,
    BrokerLink* broker, absl::Duration poll_every) {
  storage::OpenOptions options;
  options.path = folder;
  options.owner = "directory";
  options.families = {{"statements", storage::Form::kSealed}};
  options.environment = platform.environment;
  options.key_provider = key_provider;
  options.random = platform.random;
  NAKADACHI_ASSIGN_OR_RETURN(std::unique_ptr<storage::Database> database,
                             storage::Database::Open(options));
  auto follower = std::make_unique<Follower>(std::move(database), platform, broker, poll_every);
  NAKADACHI_RETURN_IF_ERROR(follower->ApplyStored());
  follower->Start();
  return follower;
}

}  // namespace nakadachi::intermediate

#include "common/ledger/ledger.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/types/span.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/ledger/commitment.h"
#include "common/ledger/stored_tree.h"
#include "common/ledger/tree_edge.h"

namespace nakadachi::ledger {
namespace {

constexpr size_t kSaltSize = 32;

int64_t TimeAfter(int64_t previous_ms, const Options& options) {
  return std::max(previous_ms, options.clock->NowMs());
}

StoredHead SignHead(const Options& options, uint64_t size, const Hash& root, int64_t time_ms) {
  StoredHead head;
  head.size = size;
  head.root = root;
  head.time_ms = time_ms;
  head.note =
      SignCheckpoint({Origin(options.author), head.size, head.root, head.time_ms}, *options.key);
  return head;
}

v1::Recorded MakeRecorded(std::string statement, std::string salt, uint64_t leaf_index,
                          const std::string& note) {
  v1::Recorded recorded;
  recorded.set_statement(std::move(statement));
  recorded.set_salt(std::move(salt));
  recorded.set_leaf_index(leaf_index);
  recorded.set_checkpoint(note);
  return recorded;
}

void AddToPath(const Hash& hash, std::string* path) {
  path->append(AsView(hash).data(), hash.size());
}

// A thread records what the others queue. It owns the edge; what others read of the tree is the
// last durable view.
class GroupLedger final : public Ledger {
 public:
  GroupLedger(const Options& options, TreeEdge edge, StoredHead head)
      : options_(options), reader_(options.store), edge_(std::move(edge)) {
    Publish(std::move(head));
    writer_ = std::thread([this] { Run(); });
  }
  ~GroupLedger() override { Shutdown(); }

  void Append(Prepared prepared, AlsoWrite also, Done done) override;
  void Shutdown() override;
  absl::StatusOr<v1::Recorded> Prove(uint64_t leaf_index) override;
  absl::StatusOr<std::vector<v1::Recorded>> ProveMany(uint64_t start, uint64_t end, size_t limit,
                                                      const Wanted& wanted) override;
  absl::StatusOr<std::vector<Hash>> ProveConsistency(uint64_t old_size, uint64_t new_size) override;
  absl::StatusOr<std::vector<Hash>> ProvePrefix(uint64_t old_size, uint64_t new_size) override;
  StoredHead Head() const override { return View()->head; }
  const Author& author() const override { return options_.author; }

 private:
  struct Item {
    Prepared prepared;
    AlsoWrite also;
    Done done;
  };

  void Run();
  bool TakeQueued(std::vector<Item>* items);
  void Record(absl::Span<Item> items);
  LedgerCommit MakeCommit(absl::Span<Item> items, int64_t time_ms);
  void Acknowledge(absl::Span<Item> items, const TreeView& view);

  std::shared_ptr<const TreeView> View() const;
  std::shared_ptr<const TreeView> Publish(StoredHead head);
  absl::StatusOr<v1::Recorded> ProveEntry(const TreeView& view, uint64_t leaf_index,
                                          StoredEntry entry);
  absl::StatusOr<std::vector<Hash>> ReadProof(const TreeView& view,
                                              const merkle::ProofNodes& nodes);

  const Options options_;
  TreeReader reader_;
  TreeEdge edge_;  // the writer's

  mutable absl::Mutex view_mutex_;
  std::shared_ptr<const TreeView> view_ ABSL_GUARDED_BY(view_mutex_);

  absl::Mutex queue_mutex_;
  absl::CondVar queue_filled_;
  std::vector<Item> queue_ ABSL_GUARDED_BY(queue_mutex_);
  bool writer_waits_ ABSL_GUARDED_BY(queue_mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(queue_mutex_) = false;

  absl::Mutex join_mutex_;
  std::thread writer_ ABSL_GUARDED_BY(join_mutex_);
};

void GroupLedger::Append(Prepared prepared, AlsoWrite also, Done done) {
  bool refused = false;
  bool wake = false;
  {
    absl::MutexLock lock(&queue_mutex_);
    refused = stopping_;
    if (!refused) {
      queue_.push_back({std::move(prepared), std::move(also), std::move(done)});
      // A writer at work finds the queue by itself.
      wake = std::exchange(writer_waits_, false);
    }
  }
  if (wake) queue_filled_.Signal();
  if (refused) done(absl::UnavailableError("the ledger is shut down"));
}

void GroupLedger::Shutdown() {
  {
    absl::MutexLock lock(&queue_mutex_);
    stopping_ = true;
    queue_filled_.Signal();
  }
  absl::MutexLock lock(&join_mutex_);
  if (writer_.joinable()) writer_.join();
}

void GroupLedger::Run() {
  std::vector<Item> items;
  while (TakeQueued(&items)) {
    const absl::Span<Item> all = absl::MakeSpan(items);
    for (size_t start = 0; start < all.size(); start += options_.max_batch)
      Record(all.subspan(start, options_.max_batch));
    items.clear();
  }
}

// False once the queue is empty for good. Swaps, so that both vectors keep their memory.
bool GroupLedger::TakeQueued(std::vector<Item>* items) {
  absl::MutexLock lock(&queue_mutex_);
  while (queue_.empty() && !stopping_) {
    writer_waits_ = true;
    queue_filled_.Wait(&queue_mutex_);
  }
  items->swap(queue_);
  return !items->empty();
}

void GroupLedger::Record(absl::Span<Item> items) {
  const int64_t time_ms = TimeAfter(View()->head.time_ms, options_);
  const absl::Status entered = options_.store->EnterPeriodOf(time_ms);
  if (!entered.ok()) {
    for (Item& item : items) item.done(entered);
    return;
  }
  LedgerCommit commit = MakeCommit(items, time_ms);
  StoredHead head = commit.head;
  const absl::Status committed = options_.store->Commit(std::move(commit));
  if (!committed.ok()) {
    edge_.RollBack();
    for (Item& item : items) item.done(committed);
    return;
  }
  for (const PlacedTile& full : edge_.FullTiles()) reader_.Remember(full);
  Acknowledge(items, *Publish(std::move(head)));
  edge_.Settle();
}

LedgerCommit GroupLedger::MakeCommit(absl::Span<Item> items, int64_t time_ms) {
  LedgerCommit commit;
  commit.first_index = edge_.size();
  commit.entries.reserve(items.size());
  for (Item& item : items) {
    const Prepared& prepared = item.prepared;
    commit.entries.push_back(
        {prepared.commitment, prepared.salt, prepared.statement, prepared.keep_always});
    if (item.also) {
      if (!commit.also.has_value()) commit.also = options_.store->NewBatch();
      item.also(edge_.size(), *commit.also);
    }
    edge_.Append(merkle::LeafHash(AsView(prepared.commitment)));
  }
  edge_.Seal();
  commit.tiles = edge_.ChangedTiles();
  commit.head = SignHead(options_, edge_.size(), edge_.root(), time_ms);
  return commit;
}

void GroupLedger::Acknowledge(absl::Span<Item> items, const TreeView& view) {
  uint64_t index = view.head.size - items.size();
  TreeEdge::PathPointers path;
  for (Item& item : items) {
    v1::Recorded recorded = MakeRecorded(std::move(item.prepared.statement),
                                         std::move(item.prepared.salt), index, view.head.note);
    const size_t length = edge_.Path(index, &path);
    std::string* const bytes = recorded.mutable_path();
    bytes->reserve(length * sizeof(Hash));
    for (size_t i = 0; i < length; ++i) AddToPath(*path[i], bytes);
    item.done(std::move(recorded));
    ++index;
  }
}

std::shared_ptr<const TreeView> GroupLedger::View() const {
  absl::MutexLock lock(&view_mutex_);
  return view_;
}

std::shared_ptr<const TreeView> GroupLedger::Publish(StoredHead head) {
  auto view = std::make_shared<const TreeView>(TreeView{std::move(head), edge_.LastTiles()});
  absl::MutexLock lock(&view_mutex_);
  view_ = view;
  return view;
}

absl::StatusOr<std::vector<Hash>> GroupLedger::ReadProof(const TreeView& view,
                                                         const merkle::ProofNodes& nodes) {
  return merkle::BuildProof(nodes,
                            [&](merkle::NodeId node) { return reader_.ReadNode(view, node); });
}

absl::StatusOr<v1::Recorded> GroupLedger::Prove(uint64_t leaf_index) {
  const std::shared_ptr<const TreeView> view = View();
  if (leaf_index >= view->head.size)
    return FieldError(absl::StatusCode::kOutOfRange, "leaf_index", "index",
                      "the ledger has no such entry");
  absl::StatusOr<StoredEntry> entry = options_.store->ReadEntry(leaf_index);
  if (!entry.ok()) return ReadError(entry.status(), "ledger.entry");
  NAKADACHI_ASSIGN_OR_RETURN(const bool erased, CheckEntry(*entry));
  if (erased)
    return FieldError(absl::StatusCode::kNotFound, "leaf_index", "erased",
                      "the statement was erased");
  return ProveEntry(*view, leaf_index, *std::move(entry));
}

absl::StatusOr<std::vector<v1::Recorded>> GroupLedger::ProveMany(uint64_t start, uint64_t end,
                                                                 size_t limit,
                                                                 const Wanted& wanted) {
  const std::shared_ptr<const TreeView> view = View();
  if (end > view->head.size)
    return FieldError(absl::StatusCode::kOutOfRange, "end", "index", "the ledger is not that long");
  std::vector<v1::Recorded> proven;
  absl::Status status;
  const auto prove = [&](uint64_t index, StoredEntry entry) -> absl::Status {
    NAKADACHI_ASSIGN_OR_RETURN(const bool erased, CheckEntry(entry));
    if (erased || !wanted(entry.statement)) return absl::OkStatus();
    NAKADACHI_ASSIGN_OR_RETURN(v1::Recorded recorded, ProveEntry(*view, index, std::move(entry)));
    proven.push_back(std::move(recorded));
    return absl::OkStatus();
  };
  const absl::Status read =
      options_.store->ReadEntries(start, end, [&](uint64_t index, StoredEntry entry) {
        status = prove(index, std::move(entry));
        return status.ok() && proven.size() < limit;
      });
  NAKADACHI_RETURN_IF_ERROR(status);
  if (!read.ok()) return ReadError(read, "ledger.entry");
  return proven;
}

absl::StatusOr<v1::Recorded> GroupLedger::ProveEntry(const TreeView& view, uint64_t leaf_index,
                                                     StoredEntry entry) {
  NAKADACHI_ASSIGN_OR_RETURN(
      const std::vector<Hash> path,
      ReadProof(view, merkle::InclusionProofNodes(leaf_index, view.head.size)));
  // An altered commitment has no place in the tree.
  if (!merkle::VerifyInclusion(leaf_index, view.head.size,
                               merkle::LeafHash(AsView(entry.commitment)), path, view.head.root)
           .ok())
    return StoreError("ledger.entry", "inclusion", "is not the one in the tree");
  v1::Recorded recorded =
      MakeRecorded(std::move(entry.statement), std::move(entry.salt), leaf_index, view.head.note);
  for (const Hash& hash : path) AddToPath(hash, recorded.mutable_path());
  return recorded;
}

absl::StatusOr<std::vector<Hash>> GroupLedger::ProveConsistency(uint64_t old_size,
                                                                uint64_t new_size) {
  const std::shared_ptr<const TreeView> view = View();
  if (new_size > view->head.size)
    return FieldError(absl::StatusCode::kOutOfRange, "new_size", "size",
                      "the ledger is not that long");
  if (old_size > new_size)
    return FieldError(absl::StatusCode::kOutOfRange, "old_size", "size",
                      "is larger than the new size");
  if (old_size == 0) return std::vector<Hash>();  // every tree follows from the empty one
  return ReadProof(*view, merkle::ConsistencyProofNodes(old_size, new_size));
}

absl::StatusOr<std::vector<Hash>> GroupLedger::ProvePrefix(uint64_t old_size, uint64_t new_size) {
  const std::shared_ptr<const TreeView> view = View();
  if (new_size > view->head.size)
    return FieldError(absl::StatusCode::kOutOfRange, "new_size", "size",
                      "the ledger is not that long");
  if (old_size == 0 || old_size >= new_size)
    return FieldError(absl::StatusCode::kOutOfRange, "old_size", "size",
                      "is not between nothing and the new size");
  return ReadProof(*view, merkle::PrefixProofNodes(old_size, new_size));
}

}  // namespace

bool OutlivesItsPeriod(const v1::Statement& statement) {
  if (statement.has_directory()) return true;
  if (!statement.has_operation()) return false;
  const v1::Operation& operation = statement.operation();
  return operation.retention_case() != v1::Operation::RETENTION_NOT_SET ||
         operation.kind() == "start";
}

Prepared Prepare(const v1::Statement& statement, Random& random) {
  Prepared prepared;
  prepared.keep_always = OutlivesItsPeriod(statement);
  prepared.statement = statement.SerializeAsString();
  prepared.salt = random.String(kSaltSize);
  prepared.commitment = Commit(prepared.salt, prepared.statement);
  return prepared;
}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const Options& options) {
  NAKADACHI_CHECK(options.key != nullptr && options.store != nullptr);
  NAKADACHI_CHECK(options.clock != nullptr && options.max_batch > 0);
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<StoredHead> head, options.store->ReadHead());
  const uint64_t size = head.has_value() ? head->size : 0;
  // What is written beside the ledger before its first append has a period, too.
  NAKADACHI_RETURN_IF_ERROR(
      options.store->EnterPeriodOf(TimeAfter(head.has_value() ? head->time_ms : 0, options)));
  NAKADACHI_RETURN_IF_ERROR(CheckNothingBehind(*options.store, size));
  if (!head.has_value()) {
    return std::make_unique<GroupLedger>(
        options, TreeEdge(), SignHead(options, 0, merkle::EmptyRoot(), TimeAfter(0, options)));
  }
  std::vector<Ed25519PublicKey> keys = options.previous_keys;
  keys.push_back(options.key->public_key());
  NAKADACHI_ASSIGN_OR_RETURN(const Ed25519PublicKey signer, CheckHead(*head, options.author, keys));
  NAKADACHI_ASSIGN_OR_RETURN(TreeEdge edge, LoadEdge(*options.store, *head));
  // The old key may be revoked by now: proofs must not wait for the next append to be good again.
  if (signer != options.key->public_key())
    head = SignHead(options, head->size, head->root, TimeAfter(head->time_ms, options));
  return std::make_unique<GroupLedger>(options, std::move(edge), *std::move(head));
}

absl::StatusOr<v1::Recorded> Ledger::AppendAndWait(Prepared prepared, AlsoWrite also) {
  absl::Notification finished;
  absl::StatusOr<v1::Recorded> result;
  Append(std::move(prepared), std::move(also), [&](absl::StatusOr<v1::Recorded> recorded) {
    result = std::move(recorded);
    finished.Notify();
  });
  finished.WaitForNotification();
  return result;
}

}  // namespace nakadachi::ledger

#include "server/intermediate/outbox.h"

#include <algorithm>
#include <atomic>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "server/intermediate/backoff.h"
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/layout.h"

namespace nakadachi::intermediate {
namespace {

constexpr size_t kHalvesInBatch = 256;
constexpr size_t kDeliveriesAtOnce = 32;
// Reporting is off the critical path; a moment's patience fills the batches.
constexpr absl::Duration kLinger = absl::Milliseconds(100);

constexpr absl::string_view kCursorKey = "c";
std::string AgainKey(uint64_t leaf_index) { return "b" + storage::KeyU64(leaf_index); }
std::string RefusedKey(uint64_t leaf_index) { return "x" + storage::KeyU64(leaf_index); }
std::string DeliveryKey(absl::string_view permit_number) {
  return absl::StrCat("d", permit_number);
}

// A requester that has lost its view of an exchange may find it again after a restart.
bool EndsDelivery(const absl::Status& status) {
  return !MayRetry(status) && !absl::IsNotFound(status);
}

bool IsHalf(absl::string_view bytes) {
  v1::Statement statement;
  return statement.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         (statement.has_provision() || statement.has_receipt());
}

// What the broker said: a status a half, or why the call failed.
using Reported = absl::StatusOr<std::vector<absl::Status>>;

// What happens outside the thread: links answer, writers wake it. Outlives the outbox where a
// link is slow.
struct Mailbox {
  struct Delivered {
    std::string permit_number;
    absl::StatusOr<v1::Recorded> receipt;
  };

  std::atomic<bool> woken{true};  // there may be something to send: at first there may
  absl::Mutex mutex;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  bool idle ABSL_GUARDED_BY(mutex) = false;  // the thread wants to know when it is woken
  std::optional<Reported> reported ABSL_GUARDED_BY(mutex);
  std::vector<Delivered> delivered ABSL_GUARDED_BY(mutex);

  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return stopping || reported.has_value() || !delivered.empty() || (idle && woken.load());
  }
};

class OutboxThread final : public Outbox {
 public:
  OutboxThread(Institution* institution, BrokerLink* broker, PeerLink* peers)
      : institution_(institution), broker_(broker), peers_(peers) {}
  ~OutboxThread() override { Shutdown(); }

  absl::Status ReadCursor();
  absl::Status OfferRefusedAgain();
  absl::Status FindDeliveries();
  void Start() {
    thread_ = std::thread([this] { Run(); });
  }

  void AddDelivery(const stored::v1::OutboxEntry& entry, storage::Batch& batch) override;
  void Wake() override;
  void WakeForDelivery() override;
  uint64_t size() const override;
  void Shutdown() override;

 private:
  struct News {
    bool stopping = false;
    std::optional<Reported> reported;
    std::vector<Mailbox::Delivered> delivered;
  };
  struct Halves {
    std::vector<uint64_t> in_flight;  // leaf indices, rising
    uint64_t next = 0;                // the cursor, once those in flight are settled
    int failures = 0;
    absl::Time due = absl::InfinitePast();
    bool more = false;  // there may be some to send
  };
  struct Delivery {
    bool in_flight = false;
    int failures = 0;
    absl::Time due = absl::InfinitePast();
  };

  void Run();
  News AwaitNews();
  absl::Time NextDue() const;

  void SendHalves();
  absl::StatusOr<std::vector<v1::Recorded>> GatherHalves();
  std::vector<v1::Recorded> ProveAgain(const std::vector<uint64_t>& indices);
  std::vector<v1::Recorded> ProveNew(size_t limit);
  void OnReported(const Reported& reported);
  void PauseHalves();
  void SetAside(uint64_t leaf_index, const absl::Status& reason, storage::Batch& batch) const;
  uint64_t Count(absl::string_view prefix) const;

  void SendDeliveries();
  void Send(const std::string& permit_number);
  void OnDelivered(const Mailbox::Delivered& delivered);
  void PauseDelivery(const std::string& permit_number);
  absl::Status CheckReceipt(const std::string& permit_number, const v1::Recorded& recorded) const;
  void EndDelivery(const std::string& permit_number, bool received = false);
  template <typename Message>
  std::optional<Message> Read(Family family, const std::string& key) const;

  Institution* const institution_;
  BrokerLink* const broker_;
  PeerLink* const peers_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::atomic<bool> new_deliveries_{false};  // in the store, not yet found
  // Halves below it were accepted, or stand in the database: to be sent again, or refused.
  std::atomic<uint64_t> cursor_{0};

  // The thread's own.
  Halves halves_;
  std::map<std::string, Delivery> deliveries_;  // by permit number
  std::thread thread_;
};

absl::Status OutboxThread::ReadCursor() {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                             institution_->database().Get(kOutbox, kCursorKey));
  if (value.has_value()) cursor_ = storage::U64FromKey(*value);
  return absl::OkStatus();
}

absl::Status OutboxThread::OfferRefusedAgain() {
  storage::Database& database = institution_->database();
  storage::Batch batch(database);
  NAKADACHI_RETURN_IF_ERROR(
      database.Scan(kOutbox, "x", "x", [&](absl::string_view key, absl::string_view) {
        batch.Delete(kOutbox, key);
        batch.Put(kOutbox, AgainKey(storage::U64FromKey(key.substr(1))), "");
        return true;
      }));
  return database.CommitUnsynced(std::move(batch));
}

void OutboxThread::AddDelivery(const stored::v1::OutboxEntry& entry, storage::Batch& batch) {
  batch.Put(kOutbox, DeliveryKey(entry.permit_number()), entry.SerializeAsString());
}

void OutboxThread::Wake() {
  if (mailbox_->woken.exchange(true)) return;
  absl::MutexLock lock(&mailbox_->mutex);  // its release lets the thread look
}

void OutboxThread::WakeForDelivery() {
  new_deliveries_ = true;
  Wake();
}

uint64_t OutboxThread::size() const {
  uint64_t halves = 0;
  const auto count = [&](absl::string_view statement) {
    halves += IsHalf(statement) ? 1 : 0;
    return false;
  };
  ledger::Ledger& ledger = institution_->ledger();
  ledger.ProveMany(cursor_.load(), ledger.Head().size, 1, count).IgnoreError();
  return halves + Count("b") + Count("d") + Count("x");
}

uint64_t OutboxThread::Count(absl::string_view prefix) const {
  uint64_t count = 0;
  institution_->database()
      .Scan(kOutbox, prefix, prefix,
            [&](absl::string_view, absl::string_view) {
              ++count;
              return true;
            })
      .IgnoreError();
  return count;
}

void OutboxThread::Shutdown() {
  {
    absl::MutexLock lock(&mailbox_->mutex);
    mailbox_->stopping = true;
  }
  if (thread_.joinable()) thread_.join();
}

void OutboxThread::Run() {
  while (true) {
    News news = AwaitNews();
    if (news.stopping) return;
    if (news.reported.has_value()) OnReported(*news.reported);
    for (const Mailbox::Delivered& delivered : news.delivered) OnDelivered(delivered);
    if (new_deliveries_.exchange(false) && !FindDeliveries().ok()) new_deliveries_ = true;
    SendHalves();
    SendDeliveries();
  }
}

OutboxThread::News OutboxThread::AwaitNews() {
  absl::MutexLock lock(&mailbox_->mutex);
  mailbox_->idle = halves_.in_flight.empty() && (!halves_.more || halves_.failures > 0);
  mailbox_->mutex.AwaitWithDeadline(absl::Condition(mailbox_.get(), &Mailbox::HasNews), NextDue());
  if (mailbox_->woken.exchange(false) && !halves_.more) {
    halves_.more = true;
    halves_.due = std::max(halves_.due, absl::Now() + kLinger);
  }
  return {mailbox_->stopping, std::exchange(mailbox_->reported, std::nullopt),
          std::exchange(mailbox_->delivered, {})};
}

absl::Time OutboxThread::NextDue() const {
  absl::Time next = absl::InfiniteFuture();
  if (halves_.more && halves_.in_flight.empty()) next = halves_.due;
  size_t in_flight = 0;
  for (const auto& [commitment, delivery] : deliveries_) in_flight += delivery.in_flight;
  if (in_flight >= kDeliveriesAtOnce) return next;
  for (const auto& [commitment, delivery] : deliveries_) {
    if (!delivery.in_flight) next = std::min(next, delivery.due);
  }
  return next;
}

void OutboxThread::SendHalves() {
  if (!halves_.more || !halves_.in_flight.empty() || absl::Now() < halves_.due) return;
  halves_.next = cursor_.load();
  absl::StatusOr<std::vector<v1::Recorded>> halves = GatherHalves();
  if (!halves.ok()) return PauseHalves();
  if (halves->empty()) {
    halves_.more = false;
    cursor_ = halves_.next;  // kept with the next report
    return;
  }
  for (const v1::Recorded& half : *halves) halves_.in_flight.push_back(half.leaf_index());
  broker_->Report(*std::move(halves), [mailbox = mailbox_](Reported reported) {
    absl::MutexLock lock(&mailbox->mutex);
    mailbox->reported = std::move(reported);
  });
}

// Those that were put off first, then those from the cursor on.
absl::StatusOr<std::vector<v1::Recorded>> OutboxThread::GatherHalves() {
  std::vector<uint64_t> again;
  NAKADACHI_RETURN_IF_ERROR(institution_->database().Scan(
      kOutbox, "b", "b", [&](absl::string_view key, absl::string_view) {
        again.push_back(storage::U64FromKey(key.substr(1)));
        return again.size() < kHalvesInBatch;
      }));
  std::vector<v1::Recorded> halves = ProveAgain(again);
  if (halves.size() == kHalvesInBatch) return halves;
  std::vector<v1::Recorded> more = ProveNew(kHalvesInBatch - halves.size());
  halves.insert(halves.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
  return halves;
}

std::vector<v1::Recorded> OutboxThread::ProveAgain(const std::vector<uint64_t>& indices) {
  std::vector<v1::Recorded> halves;
  storage::Batch batch(institution_->database());
  for (const uint64_t index : indices) {
    absl::StatusOr<v1::Recorded> proven = institution_->ledger().Prove(index);
    if (proven.ok()) {
      halves.push_back(*std::move(proven));
    } else {
      SetAside(index, proven.status(), batch);
    }
  }
  institution_->database().CommitUnsynced(std::move(batch)).IgnoreError();
  return halves;
}

// Where an entry cannot be read, those before it, and it is passed over.
std::vector<v1::Recorded> OutboxThread::ProveNew(size_t limit) {
  ledger::Ledger& ledger = institution_->ledger();
  const uint64_t end = ledger.Head().size;
  auto halves = ledger.ProveMany(halves_.next, end, limit, IsHalf);
  if (halves.ok()) {
    halves_.next = halves->size() == limit ? halves->back().leaf_index() + 1 : end;
    return *std::move(halves);
  }
  std::vector<v1::Recorded> readable;
  for (; halves_.next < end && readable.size() < limit; ++halves_.next) {
    absl::StatusOr<v1::Recorded> proven = ledger.Prove(halves_.next);
    const absl::Status status = proven.status();
    if (status.ok() && IsHalf(proven->statement())) readable.push_back(*std::move(proven));
    if (status.ok() || absl::IsNotFound(status)) continue;
    storage::Batch batch(institution_->database());
    SetAside(halves_.next, status, batch);
    // Where the disk does not take it: what lies before it is sent, and it is met again.
    if (!institution_->database().CommitUnsynced(std::move(batch)).ok()) break;
  }
  return readable;
}

void OutboxThread::OnReported(const Reported& reported) {
  const std::vector<uint64_t> sent = std::exchange(halves_.in_flight, {});
  if (!reported.ok() || reported->size() != sent.size()) return PauseHalves();
  storage::Batch batch(institution_->database());
  bool any_put_off = false;
  for (size_t i = 0; i < sent.size(); ++i) {
    const absl::Status& status = (*reported)[i];
    const bool put_off = !status.ok() && MayRetry(status);
    any_put_off |= put_off;
    if (put_off) {
      batch.Put(kOutbox, AgainKey(sent[i]), "");
    } else if (!status.ok()) {
      SetAside(sent[i], status, batch);
    } else if (sent[i] < cursor_.load()) {
      batch.Delete(kOutbox, AgainKey(sent[i]));
    }
  }
  batch.Put(kOutbox, kCursorKey, storage::KeyU64(halves_.next));
  // Where the disk does not take it, or a crash loses it: they are sent again, and accepted again.
  if (!institution_->database().CommitUnsynced(std::move(batch)).ok()) return PauseHalves();
  cursor_ = halves_.next;
  if (any_put_off) return PauseHalves();
  halves_.failures = 0;
  if (sent.size() < kHalvesInBatch) halves_.due = absl::Now() + kLinger;
}

void OutboxThread::PauseHalves() {
  ++halves_.failures;
  halves_.due = absl::Now() + PauseAfter(halves_.failures, *institution_->platform().random);
}

// The operator must see it: a half that the broker refuses is a permit that stays open there.
void OutboxThread::SetAside(uint64_t leaf_index, const absl::Status& reason,
                            storage::Batch& batch) const {
  std::cerr << "outbox of " << institution_->code().ToString() << ": the statement at leaf "
            << leaf_index << " is set aside: " << reason.message() << std::endl;
  batch.Delete(kOutbox, AgainKey(leaf_index));
  batch.Put(kOutbox, RefusedKey(leaf_index), "");
}

absl::Status OutboxThread::FindDeliveries() {
  return institution_->database().Scan(kOutbox, "d", "d",
                                       [&](absl::string_view key, absl::string_view) {
                                         deliveries_.try_emplace(std::string(key.substr(1)));
                                         return true;
                                       });
}

void OutboxThread::SendDeliveries() {
  const absl::Time now = absl::Now();
  size_t room = kDeliveriesAtOnce;
  std::vector<std::string> due;
  for (const auto& [permit_number, delivery] : deliveries_) {
    if (delivery.in_flight) {
      --room;
    } else if (delivery.due <= now) {
      due.push_back(permit_number);
    }
  }
  due.resize(std::min(due.size(), room));
  for (const std::string& permit_number : due) Send(permit_number);
}

void OutboxThread::Send(const std::string& permit_number) {
  const auto entry = Read<stored::v1::OutboxEntry>(kOutbox, DeliveryKey(permit_number));
  const auto answer = Read<stored::v1::AnsweredPermit>(kProvisions, permit_number);
  const bool there = entry.has_value() && answer.has_value() &&
                     answer->payload().empty() == (answer->outcome() != v1::PROVIDED);
  if (!there || institution_->NowMs() >= entry->give_up_ms()) {
    return EndDelivery(permit_number);
  }
  absl::StatusOr<v1::Recorded> provision = institution_->ledger().Prove(answer->provision_index());
  if (!provision.ok()) return PauseDelivery(permit_number);
  v1::DeliverRequest request;
  *request.mutable_provision() = *std::move(provision);
  request.set_payload(answer->payload());
  deliveries_[permit_number].in_flight = true;
  peers_->Deliver(entry->route(), request,
                  [mailbox = mailbox_, permit_number](absl::StatusOr<v1::Recorded> receipt) {
                    absl::MutexLock lock(&mailbox->mutex);
                    mailbox->delivered.push_back({permit_number, std::move(receipt)});
                  });
}

void OutboxThread::OnDelivered(const Mailbox::Delivered& delivered) {
  const std::string& permit_number = delivered.permit_number;
  deliveries_[permit_number].in_flight = false;
  if (!delivered.receipt.ok()) {
    const bool over = EndsDelivery(delivered.receipt.status());
    return over ? EndDelivery(permit_number) : PauseDelivery(permit_number);
  }
  if (!CheckReceipt(permit_number, *delivered.receipt).ok()) return PauseDelivery(permit_number);
  EndDelivery(permit_number, /*received=*/true);
}

void OutboxThread::PauseDelivery(const std::string& permit_number) {
  Delivery& delivery = deliveries_[permit_number];
  ++delivery.failures;
  delivery.due = absl::Now() + PauseAfter(delivery.failures, *institution_->platform().random);
}

// OK where the requester has recorded a receipt for just what was delivered.
absl::Status OutboxThread::CheckReceipt(const std::string& permit_number,
                                        const v1::Recorded& recorded) const {
  NAKADACHI_ASSIGN_OR_RETURN(
      const ledger::Verified verified,
      institution_->platform().verifier->Verify(recorded, institution_->NowMs()));
  const auto entry = Read<stored::v1::OutboxEntry>(kOutbox, DeliveryKey(permit_number));
  const auto answer = Read<stored::v1::AnsweredPermit>(kProvisions, permit_number);
  if (!entry.has_value() || !answer.has_value()) {
    return absl::NotFoundError("the delivery is over");
  }
  const v1::Receipt& receipt = verified.statement.receipt();
  const bool same = verified.author.ToString() == entry->requester() &&
                    receipt.provision_commitment() == answer->provision_commitment() &&
                    receipt.permit_commitment() == entry->permit_commitment() &&
                    receipt.permit_number() == permit_number;
  return same ? absl::OkStatus()
              : InvalidField("receipt", "changed", "is not for what was delivered");
}

void OutboxThread::EndDelivery(const std::string& permit_number, bool received) {
  deliveries_.erase(permit_number);
  storage::Batch batch(institution_->database());
  batch.Delete(kOutbox, DeliveryKey(permit_number));
  auto review = Read<stored::v1::StoredReview>(kReviews, permit_number);
  if (received && review.has_value()) {
    review->mutable_review()->set_delivered(true);
    batch.Put(kReviews, permit_number, review->SerializeAsString());
  }
  // What stays is delivered again after the next Open, and answered by the same receipt.
  institution_->database().CommitUnsynced(std::move(batch)).IgnoreError();
}

// nullopt also where the value cannot be read: there is nothing to send then.
template <typename Message>
std::optional<Message> OutboxThread::Read(Family family, const std::string& key) const {
  const auto value = institution_->database().Get(family, key);
  Message message;
  if (!value.ok() || !value->has_value() || !message.ParseFromString(**value)) return std::nullopt;
  return message;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Outbox>> Outbox::Open(Institution* institution, BrokerLink* broker,
                                                     PeerLink* peers) {
  auto outbox = std::make_unique<OutboxThread>(institution, broker, peers);
  NAKADACHI_RETURN_IF_ERROR(outbox->ReadCursor());
  NAKADACHI_RETURN_IF_ERROR(outbox->OfferRefusedAgain());
  NAKADACHI_RETURN_IF_ERROR(outbox->FindDeliveries());
  outbox->Start();
  return outbox;
}

}  // namespace nakadachi::intermediate

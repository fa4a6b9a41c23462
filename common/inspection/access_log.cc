#include "common/inspection/access_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::inspection {
namespace {

std::string KeyOf(absl::string_view kind, absl::string_view id) {
  return absl::StrCat("access/", kind, "/", id);
}

}  // namespace

absl::StatusOr<stored::v1::Access> AccessLog::Record(const Access& access) {
  const std::string key = KeyOf(access.kind, access.id);
  absl::MutexLock lock(&mutex_);
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::Access> known, Find(access.kind, access.id));
  if (!known) return Append(access, key);
  if (known->pseudonym() != access.pseudonym || known->request() != access.request) {
    return FieldError(absl::StatusCode::kAlreadyExists, absl::StrCat(access.kind, "_id"),
                      absl::StrCat(access.kind, "-id-reused"), "stands for another request");
  }
  if (known->has_operation()) return *std::move(known);
  NAKADACHI_ASSIGN_OR_RETURN(v1::Recorded operation, parts_.ledger->Prove(known->leaf_index()));
  return Complete(*std::move(known), std::move(operation), key);
}

absl::StatusOr<std::optional<stored::v1::Access>> AccessLog::Find(absl::string_view kind,
                                                                  absl::string_view id) const {
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<std::string> value,
                             parts_.database->Get(parts_.family, KeyOf(kind, id)));
  if (!value) return std::optional<stored::v1::Access>();
  stored::v1::Access access;
  if (access.ParseFromString(*value)) return std::optional<stored::v1::Access>(std::move(access));
  return FieldError(absl::StatusCode::kDataLoss, "access", "stored-format", "cannot be read");
}

absl::StatusOr<stored::v1::Access> AccessLog::Append(const Access& access, const std::string& key) {
  v1::Statement statement;
  statement.set_author(parts_.ledger->author().ToString());
  statement.set_time_ms(parts_.clock->NowMs());
  v1::Operation& operation = *statement.mutable_operation();
  operation.set_kind(access.kind);
  operation.set_staff_pseudonym(access.pseudonym);
  operation.set_detail(access.detail);

  stored::v1::Access stored;
  stored.set_pseudonym(access.pseudonym);
  stored.set_request(access.request);
  NAKADACHI_ASSIGN_OR_RETURN(v1::Recorded recorded,
                             parts_.ledger->AppendAndWait(
                                 ledger::Prepare(statement, *parts_.random),
                                 [this, &stored, &key](uint64_t leaf_index, storage::Batch& batch) {
                                   stored.set_leaf_index(leaf_index);
                                   batch.Put(parts_.family, key, stored.SerializeAsString());
                                 }));
  return Complete(std::move(stored), std::move(recorded), key);
}

// Which checkpoint was handed out stays known, so that an answer that was lost can be given again.
absl::StatusOr<stored::v1::Access> AccessLog::Complete(stored::v1::Access recorded,
                                                       v1::Recorded operation,
                                                       const std::string& key) {
  *recorded.mutable_operation() = std::move(operation);
  storage::Batch batch(*parts_.database);
  batch.Put(parts_.family, key, recorded.SerializeAsString());
  NAKADACHI_RETURN_IF_ERROR(parts_.database->Commit(std::move(batch)));
  return recorded;
}

}  // namespace nakadachi::inspection

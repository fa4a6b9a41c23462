#include "tools/replay/search_index.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "tools/replay/extract.h"
#include "tools/replay/index_files.h"

namespace nakadachi::replay {
namespace {

uint32_t Of(Dimension dimension, const std::string& value) {
  return value.empty() ? 0 : Fingerprint(dimension, value);
}

template <typename Parties>
void SetParties(const Parties& parties, Searchable* to) {
  to->institutions = {parties.requester(), parties.provider()};
}

}  // namespace

absl::string_view DimensionName(Dimension dimension) {
  switch (dimension) {
    case Dimension::kInstitution:
      return "institution";
    case Dimension::kProcedure:
      return "procedure";
    case Dimension::kStaff:
      return "staff";
    case Dimension::kOutcome:
      return "outcome";
    case Dimension::kExchange:
      return "exchange";
    case Dimension::kPerson:
      return "person";
  }
  NAKADACHI_CHECK(false);
}

uint32_t Fingerprint(Dimension dimension, absl::string_view value) {
  const Hash digest = Sha256(DimensionName(dimension), absl::string_view("\0", 1), value);
  uint32_t fingerprint = 0;
  std::memcpy(&fingerprint, digest.data(), sizeof(fingerprint));
  return std::max<uint32_t>(fingerprint, 1);  // 0 is no value
}

Searchable SearchableOf(const v1::Statement& statement, absl::string_view commitment,
                        absl::string_view person) {
  Searchable found;
  const std::string own(commitment);
  switch (statement.kind_case()) {
    case v1::Statement::kQuery:
      found.institutions = {statement.author(), statement.query().provider()};
      found.procedure = statement.query().procedure();
      found.staff = statement.query().staff_pseudonym();
      found.exchanges = {own, ""};
      break;
    case v1::Statement::kPermit:
      SetParties(statement.permit(), &found);
      found.procedure = statement.permit().procedure();
      found.outcome = "permitted";
      found.exchanges = {statement.permit().query_commitment(), own};
      found.person = std::string(person);
      break;
    case v1::Statement::kRefusal:
      SetParties(statement.refusal(), &found);
      found.procedure = statement.refusal().procedure();
      found.outcome = absl::StrCat("refused-", ReasonName(statement.refusal().reason()));
      found.exchanges = {statement.refusal().query_commitment(), ""};
      break;
    case v1::Statement::kProvision: {
      const v1::Provision& provision = statement.provision();
      SetParties(provision, &found);
      found.procedure = provision.procedure();
      found.outcome = provision.outcome() == v1::REFUSED
                          ? absl::StrCat("refused-", ReasonName(provision.reason()))
                          : OutcomeName(provision.outcome());
      found.exchanges = {"", provision.permit_commitment()};
      break;
    }
    case v1::Statement::kReceipt:
      SetParties(statement.receipt(), &found);
      found.exchanges = {"", statement.receipt().permit_commitment()};
      break;
    case v1::Statement::kOperation:
      found.institutions = {statement.author(), ""};
      found.staff = statement.operation().staff_pseudonym();
      break;
    case v1::Statement::kDirectory:
    case v1::Statement::KIND_NOT_SET:
      found.institutions = {statement.author(), ""};
      break;
  }
  return found;
}

Row RowOf(const Searchable& found, int64_t time_ms, uint32_t log, uint64_t index) {
  Row row{};
  row.time_ms = time_ms;
  row.index = index;
  row.log = log;
  for (size_t i = 0; i < 2; ++i) {
    row.institutions[i] = Of(Dimension::kInstitution, found.institutions[i]);
    row.exchanges[i] = Of(Dimension::kExchange, found.exchanges[i]);
  }
  row.procedure = Of(Dimension::kProcedure, found.procedure);
  row.staff = Of(Dimension::kStaff, found.staff);
  row.outcome = Of(Dimension::kOutcome, found.outcome);
  row.person = Of(Dimension::kPerson, found.person);
  return row;
}

absl::Status StaleIndex(absl::string_view why) {
  return FieldError(absl::StatusCode::kFailedPrecondition, "index", "stale-index",
                    absl::StrCat(why, ": make it again with `nakadachi-replay index`"));
}

absl::StatusOr<MappedFile> MappedFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return FieldError(absl::StatusCode::kNotFound, path, "no-index", std::strerror(errno));
  }
  struct stat about {};
  MappedFile file;
  if (fstat(fd, &about) == 0 && about.st_size > 0) {
    file.size_ = static_cast<size_t>(about.st_size);
    file.data_ = mmap(nullptr, file.size_, PROT_READ, MAP_SHARED, fd, 0);
  }
  close(fd);
  if (file.data_ == MAP_FAILED) {
    file.data_ = nullptr;
    return FieldError(absl::StatusCode::kUnavailable, path, "io", std::strerror(errno));
  }
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

absl::StatusOr<SearchIndex> SearchIndex::Open(const std::string& export_folder,
                                              const EvidenceSet& evidence) {
  SearchIndex index;
  auto about = MappedFile::Open(IndexFile(export_folder, kAboutName));
  if (!about.ok()) return StaleIndex(absl::StrCat("there is none in ", export_folder));
  if (about->bytes() != AboutText(evidence))
    return StaleIndex(absl::StrCat(export_folder, " has changed since"));
  NAKADACHI_ASSIGN_OR_RETURN(index.rows_, MappedFile::Open(IndexFile(export_folder, kRowsName)));
  const auto rows = static_cast<uint64_t>(index.rows_.end<Row>() - index.rows_.begin<Row>());
  NAKADACHI_ASSIGN_OR_RETURN(index.persons_,
                             MappedFile::Open(IndexFile(export_folder, kPersonsName)));
  for (size_t d = 0; d < kDimensions; ++d) {
    const std::string name = PostingsName(static_cast<Dimension>(d));
    NAKADACHI_ASSIGN_OR_RETURN(index.postings_[d],
                               MappedFile::Open(IndexFile(export_folder, name)));
  }
  if (rows > UINT32_MAX) return StaleIndex("it is too long");
  return index;
}

absl::StatusOr<Row> SearchIndex::At(uint32_t number) const {
  const Row* row = rows_.begin<Row>() + number;
  if (row >= rows_.end<Row>()) return StaleIndex("it is damaged");
  return *row;
}

std::pair<uint32_t, uint32_t> SearchIndex::RowsOf(int64_t from_ms, int64_t until_ms) const {
  const Row* begin = rows_.begin<Row>();
  const Row* end = rows_.end<Row>();
  const auto earlier = [](const Row& row, int64_t time_ms) { return row.time_ms < time_ms; };
  const Row* first = std::lower_bound(begin, end, from_ms, earlier);
  const Row* last = std::lower_bound(first, end, until_ms, earlier);
  return {static_cast<uint32_t>(first - begin), static_cast<uint32_t>(last - begin)};
}

std::pair<const Posting*, const Posting*> SearchIndex::Find(
    Dimension dimension, absl::string_view value, std::pair<uint32_t, uint32_t> rows) const {
  const MappedFile& file = postings_[static_cast<size_t>(dimension)];
  const Posting above = static_cast<Posting>(Fingerprint(dimension, value)) << 32;
  const Posting* first =
      std::lower_bound(file.begin<Posting>(), file.end<Posting>(), above | rows.first);
  const Posting* last = std::lower_bound(first, file.end<Posting>(), above | rows.second);
  return {first, last};
}

}  // namespace nakadachi::replay

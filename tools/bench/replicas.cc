#include "tools/bench/replicas.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/permission/permission_list.h"
#include "common/rpc/status_mapping.h"
#include "tools/bench/memory.h"
#include "tools/simulator/population.h"

namespace nakadachi::bench {
namespace {

namespace fs = std::filesystem;

constexpr char kPlatform[] = "platform";
constexpr const char* kCodes[] = {"131024", "131041", "131059", "131067", "131075"};
constexpr uint64_t kSeed = 7;
constexpr size_t kSetsPerRequest = 200;
constexpr int kRequestsInFlight = 8;

// Yields requests that load `residents` residents of one municipality, until `end`.
class Feed {
 public:
  Feed(LocalGovernmentCode code, uint64_t residents, absl::Time end, const Histories& histories)
      : code_(std::move(code)), residents_(residents), end_(end), histories_(histories) {}

  bool Next(v1::RegisterReplicasRequest* request) {
    if (resident_ == residents_ || absl::Now() >= end_) return false;
    request->set_municipality(code_.ToString());
    request->set_tag(++tag_);
    request->mutable_entries()->Reserve(kSetsPerRequest + 2);
    while (resident_ < residents_ && request->entries_size() < static_cast<int>(kSetsPerRequest)) {
      const auto& history = histories_.residents[resident_ % histories_.residents.size()];
      ++resident_;
      for (const v1::ReplicaEntry& entry : history) {
        v1::ReplicaEntry& added = *request->add_entries();
        added = entry;
        added.set_addressee_number(absl::StrFormat("%010d", resident_));
        records_ += static_cast<uint64_t>(entry.set().records_size());
      }
    }
    return true;
  }
  uint64_t residents() const { return resident_; }
  uint64_t records() const { return records_; }

 private:
  const LocalGovernmentCode code_;
  const uint64_t residents_;
  const absl::Time end_;
  const Histories& histories_;
  uint64_t resident_ = 0;
  uint64_t tag_ = 0;
  uint64_t records_ = 0;
};

absl::Status CheckStored(const v1::RegisterReplicasResponse& response) {
  if (!response.error().empty()) return rpc::FromBytes(response.error());
  if (response.problems_size() > 0) return rpc::FromBytes(response.problems(0).error());
  return absl::OkStatus();
}

absl::Status LoadOne(client::MunicipalConnection& connection, Feed& feed) {
  absl::Status failure;
  NAKADACHI_RETURN_IF_ERROR(connection.RegisterReplicaStream(
      [&](v1::RegisterReplicasRequest* request) { return feed.Next(request); }, kRequestsInFlight,
      [&](const v1::RegisterReplicasResponse& response) {
        failure.Update(CheckStored(response));
      }));
  return failure;
}

uint64_t BytesIn(const std::string& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    const uint64_t size = entry.is_regular_file(error) ? entry.file_size(error) : 0;
    if (!error) bytes += size;
  }
  return bytes;
}

absl::StatusOr<std::vector<LocalGovernmentCode>> Join(simulator::Network& network,
                                                      int municipalities) {
  std::vector<LocalGovernmentCode> codes;
  std::vector<simulator::InstitutionSpec> specs;
  for (int i = 0; i < municipalities; ++i) {
    NAKADACHI_ASSIGN_OR_RETURN(LocalGovernmentCode code, LocalGovernmentCode::Parse(kCodes[i]));
    specs.push_back({code, absl::StrCat("municipality ", i + 1), "municipality"});
    codes.push_back(std::move(code));
  }
  NAKADACHI_RETURN_IF_ERROR(network.AddPlatform(kPlatform, specs));
  return codes;
}

}  // namespace

std::vector<v1::ReplicaEntry> Histories::Entries() const {
  std::vector<v1::ReplicaEntry> entries;
  for (const auto& resident : residents) {
    entries.insert(entries.end(), resident.begin(), resident.end());
  }
  return entries;
}

Histories MakeHistories(size_t residents, const LocalGovernmentCode& municipality) {
  const absl::CivilDay today = permission::JapanDay(SystemClock().NowMs());
  simulator::Population population(kSeed);
  Histories histories;
  while (histories.residents.size() < residents) {
    const simulator::Resident resident = population.NewResident(today);
    std::vector<v1::ReplicaEntry> entries;
    for (v1::ReplicaSet& set : population.History(resident, municipality, today)) {
      *entries.emplace_back().mutable_set() = std::move(set);
    }
    if (!entries.empty()) histories.residents.push_back(std::move(entries));
  }
  return histories;
}

absl::StatusOr<Loaded> LoadPlatform(simulator::Network& network, const LoadSize& size,
                                    const Histories& histories,
                                    const std::function<void(int)>& progress) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto codes, Join(network, size.municipalities));
  Loaded loaded;
  const absl::Time start = absl::Now();
  for (size_t i = 0; i < codes.size(); ++i) {
    Feed feed(codes[i], size.residents, start + size.limit, histories);
    NAKADACHI_RETURN_IF_ERROR(LoadOne(network.Municipality(codes[i])->connection(), feed));
    loaded.records += feed.records();
    loaded.residents += feed.residents();
    progress(static_cast<int>(i) + 1);
  }
  loaded.records_per_second =
      static_cast<double>(loaded.records) / absl::ToDoubleSeconds(absl::Now() - start);
  NAKADACHI_ASSIGN_OR_RETURN(const ResidentMemory memory, ResidentMemoryOf(network.Pid(kPlatform)));
  loaded.rss_mb = memory.now_mb;
  const std::string data = network.DataFolder(kPlatform);
  uint64_t bytes = 0;
  for (const LocalGovernmentCode& code : codes) {
    bytes += BytesIn(absl::StrCat(data, "/", code.ToString()));
  }
  loaded.bytes_per_record = static_cast<double>(bytes) / static_cast<double>(loaded.records);
  return loaded;
}

}  // namespace nakadachi::bench

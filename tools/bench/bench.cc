#include "tools/bench/bench.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "tools/bench/asker.h"
#include "tools/bench/bare_caller.h"
#include "tools/bench/exchanges.h"
#include "tools/bench/floors.h"
#include "tools/bench/load.h"
#include "tools/bench/replicas.h"
#include "tools/simulator/built_in.h"
#include "tools/simulator/network.h"
#include "tools/simulator/people.h"

namespace nakadachi::bench {
namespace {

constexpr char kRequester[] = "072028";
constexpr char kProvider[] = "072010";
constexpr uint64_t kSeed = 20240603;
constexpr int kInFlight[] = {1, 16, 256};
constexpr int kMany = 256;
constexpr int kSyncsOfAnExchange = 4;
constexpr int kMunicipalities = 5;

// How long and how much.
struct Scale {
  int rounds;
  absl::Duration warm_up;
  absl::Duration measured;
  absl::Duration floor;  // of the machine's floors each
  size_t movers;
  size_t histories;
  uint64_t residents;  // of each municipality that is loaded
  absl::Duration load_limit;
};
constexpr Scale kWhole = {
    3,       absl::Milliseconds(300), absl::Milliseconds(1000), absl::Milliseconds(500), 1000, 5000,
    100'000, absl::Seconds(40)};
constexpr Scale kQuick = {
    1,     absl::Milliseconds(100), absl::Milliseconds(400), absl::Milliseconds(200), 200, 1000,
    5'000, absl::Seconds(8)};

Scale ScaleOf(const BenchOptions& options) {
  Scale scale = options.quick ? kQuick : kWhole;
  if (options.seconds > 0) scale.measured = absl::Seconds(options.seconds);
  return scale;
}

// The values of the rounds; the machine's mood changes from one to the next.
using Rounds = std::map<std::string, std::vector<double>>;

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : options_(options), scale_(ScaleOf(options)) {}

  absl::StatusOr<Report> Run();

 private:
  bool Wants(const std::string& part) const {
    return options_.only.empty() || options_.only.count(part) > 0;
  }
  // What is in flight one by one is part of the exchanges, and what bulk is compared with.
  bool WantsLone() const { return Wants("lone") || Wants("exchanges") || Wants("bulk"); }
  LoadPlan Plan(int in_flight) const { return {in_flight, scale_.warm_up, scale_.measured}; }

  absl::Status StartNetwork();
  absl::Status StartCallers();
  absl::Status MeasureMachine();
  absl::Status MeasureDisk(absl::Duration time);
  void TakeLeast(const char* floor, double value);
  absl::Status MeasurePermits(Rounds& rounds);
  absl::Status MeasureExchanges(int in_flight, Rounds& rounds);
  absl::Status MeasureRecordedCalls(Rounds& rounds);
  absl::Status MeasureBulk(Rounds& rounds);
  absl::Status MeasureRounds();
  absl::Status MeasureReplicas();
  void SetRatios();

  const BenchOptions options_;
  const Scale scale_;
  Report report_;
  std::unique_ptr<simulator::Network> network_;
  std::unique_ptr<simulator::People> people_;
  std::unique_ptr<Asker> asker_;
  std::unique_ptr<Office> office_;
  std::unique_ptr<BareCaller> bare_;
  ExchangeSizes sizes_;
};

absl::Status Bench::StartNetwork() {
  options_.say("starting broker, juki net and two intermediate servers");
  simulator::NetworkOptions network;
  network.folder = options_.folder + "/network";
  network.mode = simulator::Mode::kProcesses;
  network.bin_folder = options_.bin_folder;
  network.permission_list_csv = simulator::kJapanList;
  network.witnesses = {kRequester, kProvider};
  NAKADACHI_ASSIGN_OR_RETURN(network_, simulator::Network::Start(network));
  for (const char* code : {kRequester, kProvider}) {
    NAKADACHI_ASSIGN_OR_RETURN(const auto parsed, LocalGovernmentCode::Parse(code));
    NAKADACHI_RETURN_IF_ERROR(network_->AddPlatform(code, {{parsed, code, "municipality"}}));
  }
  people_ = std::make_unique<simulator::People>(network_.get(), kSeed);
  return absl::OkStatus();
}

absl::Status Bench::StartCallers() {
  NAKADACHI_ASSIGN_OR_RETURN(const auto requester, LocalGovernmentCode::Parse(kRequester));
  NAKADACHI_ASSIGN_OR_RETURN(const auto provider, LocalGovernmentCode::Parse(kProvider));
  options_.say(absl::StrCat(scale_.movers, " residents move"));
  NAKADACHI_ASSIGN_OR_RETURN(const auto settled, people_->Settle(provider, scale_.movers));
  std::vector<simulator::PersonIndex> movers;
  for (const simulator::PersonIndex person : settled) {
    if (!people_->Get(person).registered.at(provider).empty()) movers.push_back(person);
  }
  NAKADACHI_RETURN_IF_ERROR(people_->Move(movers, requester));
  NAKADACHI_ASSIGN_OR_RETURN(
      asker_, Asker::Join(*network_, options_.folder + "/network", *people_, movers, provider));
  NAKADACHI_RETURN_IF_ERROR(network_->WaitForDirectory(absl::Seconds(20)));
  NAKADACHI_ASSIGN_OR_RETURN(office_,
                             Office::Open(*network_, *people_, movers, requester, provider));
  NAKADACHI_ASSIGN_OR_RETURN(bare_, BareCaller::Start(options_.folder + "/bare"));

  NAKADACHI_ASSIGN_OR_RETURN(sizes_.query, office_->MeasureSize());
  NAKADACHI_ASSIGN_OR_RETURN(const Asker::Sizes sizes, asker_->MeasureSizes());
  sizes_.permit = sizes.permit;
  sizes_.provision = sizes.provision;
  const auto text = [](const CallSize& size) {
    return absl::StrCat(size.request, " to ", size.response);
  };
  options_.say(absl::StrCat("bytes of a call: query ", text(sizes_.query), ", permit ",
                            text(sizes_.permit), ", provision ", text(sizes_.provision)));
  return absl::OkStatus();
}

// Of all rounds: these floors have no figure that follows them at once.
void Bench::TakeLeast(const char* floor, double value) {
  const auto figure = report_.figures.emplace(floor, value).first;
  figure->second = std::min(figure->second, value);
}

absl::Status Bench::MeasureMachine() {
  const SignatureCost cost = MeasureSignatures(scale_.floor);
  TakeLeast("floor_sign_us", cost.sign_us);
  TakeLeast("floor_verify_us", cost.verify_us);
  return MeasureDisk(scale_.floor);
}

absl::Status Bench::MeasureDisk(absl::Duration time) {
  NAKADACHI_ASSIGN_OR_RETURN(const double sync, MeasureSync(options_.folder, time));
  TakeLeast("floor_fdatasync_us", sync);
  return absl::OkStatus();
}

absl::Status Bench::MeasurePermits(Rounds& rounds) {
  const LoadPlan plan = Plan(kMany);
  NAKADACHI_ASSIGN_OR_RETURN(const LoadResult bare, RunLoad(plan, bare_->OneCall(sizes_.permit)));
  rounds["floor_calls_per_s"].push_back(bare.per_second);
  const double seconds = absl::ToDoubleSeconds(plan.warm_up + plan.measured);
  NAKADACHI_RETURN_IF_ERROR(
      asker_->Prepare(static_cast<size_t>(bare.per_second * seconds * 4) + 5000));
  NAKADACHI_ASSIGN_OR_RETURN(const auto before, network_->BrokerOperator().GetStatus());
  NAKADACHI_ASSIGN_OR_RETURN(const LoadResult permits, RunLoad(plan, asker_->Permits()));
  NAKADACHI_ASSIGN_OR_RETURN(const auto after, network_->BrokerOperator().GetStatus());
  if (after.refusals() != before.refusals()) {
    return absl::InternalError("the broker refused queries of the benchmark");
  }
  rounds["permits_per_s"].push_back(permits.per_second);
  return absl::OkStatus();
}

absl::Status Bench::MeasureExchanges(int in_flight, Rounds& rounds) {
  const LoadPlan plan = Plan(in_flight);
  NAKADACHI_ASSIGN_OR_RETURN(const LoadResult bare, RunLoad(plan, bare_->ThreeCalls(sizes_)));
  NAKADACHI_ASSIGN_OR_RETURN(const LoadResult exchanges, RunLoad(plan, office_->Queries()));
  rounds[absl::StrCat("floor_three_calls_per_s_", in_flight)].push_back(bare.per_second);
  rounds[absl::StrCat("exchanges_per_s_", in_flight)].push_back(exchanges.per_second);
  if (in_flight != 1) return absl::OkStatus();
  rounds["floor_three_calls_p50_us"].push_back(Percentile(bare.micros, 50));
  rounds["lone_p50_us"].push_back(Percentile(exchanges.micros, 50));
  rounds["lone_p99_us"].push_back(Percentile(exchanges.micros, 99));
  return absl::OkStatus();
}

absl::Status Bench::MeasureRecordedCalls(Rounds& rounds) {
  NAKADACHI_ASSIGN_OR_RETURN(const LoadResult recorded,
                             RunLoad(Plan(1), bare_->ThreeRecordedCalls(sizes_)));
  rounds["floor_recorded_calls_p50_us"].push_back(Percentile(recorded.micros, 50));
  return absl::OkStatus();
}

absl::Status Bench::MeasureBulk(Rounds& rounds) {
  NAKADACHI_ASSIGN_OR_RETURN(const double persons, office_->Bulk(Plan(kMany)));
  rounds["bulk_persons_per_s"].push_back(persons);
  return absl::OkStatus();
}

absl::Status Bench::MeasureRounds() {
  Rounds rounds;
  for (int round = 1; round <= scale_.rounds; ++round) {
    const auto say = [&](absl::string_view what) {
      options_.say(absl::StrCat("round ", round, " of ", scale_.rounds, ": ", what));
    };
    say("the machine");
    NAKADACHI_RETURN_IF_ERROR(MeasureMachine());
    if (Wants("permits")) {
      say("permits");
      NAKADACHI_RETURN_IF_ERROR(MeasurePermits(rounds));
    }
    for (const int in_flight : kInFlight) {
      const bool wanted = in_flight == 1 ? WantsLone() : Wants("exchanges");
      if (wanted) {
        say(absl::StrCat("exchanges, ", in_flight, " in flight"));
        NAKADACHI_RETURN_IF_ERROR(MeasureExchanges(in_flight, rounds));
        if (in_flight == 1) NAKADACHI_RETURN_IF_ERROR(MeasureRecordedCalls(rounds));
      }
      // Now and then, for what disturbs it may last for seconds.
      NAKADACHI_RETURN_IF_ERROR(MeasureDisk(scale_.floor / 2));
    }
    if (Wants("bulk")) {
      say("bulk");
      NAKADACHI_RETURN_IF_ERROR(MeasureBulk(rounds));
    }
  }
  for (const auto& [name, values] : rounds) report_.figures[name] = Median(values);
  return absl::OkStatus();
}

absl::Status Bench::MeasureReplicas() {
  NAKADACHI_ASSIGN_OR_RETURN(const auto code, LocalGovernmentCode::Parse(kProvider));
  const Histories histories = MakeHistories(scale_.histories, code);
  auto& figures = report_.figures;
  NAKADACHI_ASSIGN_OR_RETURN(
      figures["floor_load_records_per_s"],
      MeasureSealAndWrite(options_.folder, histories.Entries(), scale_.floor));
  options_.say(absl::StrCat("loading ", kMunicipalities, " municipalities of ", scale_.residents,
                            " residents"));
  const auto progress = [this](int municipalities) {
    options_.say(absl::StrCat("  ", municipalities, " of ", kMunicipalities));
  };
  NAKADACHI_ASSIGN_OR_RETURN(
      const Loaded loaded,
      LoadPlatform(*network_, {kMunicipalities, scale_.residents, scale_.load_limit}, histories,
                   progress));
  figures["load_records_per_s"] = loaded.records_per_second;
  figures["bytes_per_record"] = loaded.bytes_per_record;
  figures["rss_mb"] = loaded.rss_mb;
  figures["rss_residents"] = static_cast<double>(loaded.residents);
  return absl::OkStatus();
}

void Bench::SetRatios() {
  auto& figures = report_.figures;
  const auto three = figures.find("floor_three_calls_p50_us");
  if (three != figures.end()) {
    figures["floor_lone_us"] =
        three->second + kSyncsOfAnExchange * figures.at("floor_fdatasync_us");
  }
  report_.SetRatio("permits", "permits_per_s", "floor_calls_per_s");
  for (const int in_flight : kInFlight) {
    report_.SetRatio(absl::StrCat("exchanges_", in_flight),
                     absl::StrCat("exchanges_per_s_", in_flight),
                     absl::StrCat("floor_three_calls_per_s_", in_flight));
  }
  report_.SetRatio("lone_p50", "lone_p50_us", "floor_lone_us");
  report_.SetRatio("recorded_calls", "floor_recorded_calls_p50_us", "floor_lone_us");
  report_.SetRatio("lone_p50_recorded", "lone_p50_us", "floor_recorded_calls_p50_us");
  report_.SetRatio("bulk", "bulk_persons_per_s", "exchanges_per_s_1");
  report_.SetRatio("load", "load_records_per_s", "floor_load_records_per_s");
}

absl::StatusOr<Report> Bench::Run() {
  const absl::Time start = absl::Now();
  report_.quick = options_.quick;
  NAKADACHI_RETURN_IF_ERROR(StartNetwork());
  if (Wants("permits") || WantsLone()) {
    NAKADACHI_RETURN_IF_ERROR(StartCallers());
    NAKADACHI_RETURN_IF_ERROR(MeasureRounds());
  }
  if (Wants("load")) NAKADACHI_RETURN_IF_ERROR(MeasureReplicas());
  SetRatios();
  report_.elapsed_s = absl::ToDoubleSeconds(absl::Now() - start);
  return std::move(report_);
}

}  // namespace

absl::StatusOr<Report> RunBench(const BenchOptions& options) { return Bench(options).Run(); }

}  // namespace nakadachi::bench

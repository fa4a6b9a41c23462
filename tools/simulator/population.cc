#include "tools/simulator/population.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace nakadachi::simulator {
namespace {

struct Written {
  const char* kanji;
  const char* kana;
};

constexpr Written kFamilyNames[] = {
    {"佐藤", "サトウ"},   {"鈴木", "スズキ"},     {"高橋", "タカハシ"},       {"田中", "タナカ"},
    {"伊藤", "イトウ"},   {"渡邊", "ワタナベ"},   {"山本", "ヤマモト"},       {"中村", "ナカムラ"},
    {"小林", "コバヤシ"}, {"加藤", "カトウ"},     {"吉田", "ヨシダ"},         {"山田", "ヤマダ"},
    {"佐々木", "ササキ"}, {"山口", "ヤマグチ"},   {"松本", "マツモト"},       {"井上", "イノウエ"},
    {"木村", "キムラ"},   {"斎藤", "サイトウ"},   {"清水", "シミズ"},         {"山崎", "ヤマザキ"},
    {"阿部", "アベ"},     {"森", "モリ"},         {"池田", "イケダ"},         {"橋本", "ハシモト"},
    {"遠藤", "エンドウ"}, {"二瓶", "ニヘイ"},     {"五十嵐", "イガラシ"},     {"星", "ホシ"},
    {"渡部", "ワタナベ"}, {"長谷川", "ハセガワ"}, {"䶒藤󠄃", "サイトウ"}, {"菅野", "カンノ"},
};
constexpr Written kFemaleNames[] = {
    {"花子", "ハナコ"}, {"美咲", "ミサキ"}, {"陽菜", "ヒナ"},     {"結衣", "ユイ"},
    {"和子", "カズコ"}, {"幸子", "サチコ"}, {"由美子", "ユミコ"}, {"真由美", "マユミ"},
    {"葵", "アオイ"},   {"恵", "メグミ"},   {"節子", "セツコ"},   {"さくら", "サクラ"},
};
constexpr Written kMaleNames[] = {
    {"太郎", "タロウ"}, {"翔太", "ショウタ"}, {"蓮", "レン"},   {"大翔", "ヒロト"},
    {"誠", "マコト"},   {"浩", "ヒロシ"},     {"茂", "シゲル"}, {"健一", "ケンイチ"},
    {"悠真", "ユウマ"}, {"隆", "タカシ"},     {"清", "キヨシ"}, {"湊", "ミナト"},
};
constexpr const char* kPhysicians[] = {"会津 一郎", "若松 明子", "磐梯 直樹", "猪苗代 静"};
constexpr const char* kPlaces[] = {"市民保健センター", "中央こどもクリニック", "東山医院",
                                   "駅前内科", "総合病院"};

// A dose of a routine schedule: when it falls due after birth and who still receives it.
struct RoutineDose {
  const char* kind;
  uint32_t dose;
  int due_months;
  int first_birth_year;  // the schedule reaches those born from this year
  int uptake_percent;
  bool girls_only;
  const char* manufacturer;
  const char* volume_ml;
};
constexpr RoutineDose kRoutine[] = {
    {"10009", 1, 2, 2013, 98, false, "サノフィ", "0.50"},
    {"10009", 2, 3, 2013, 98, false, "サノフィ", "0.50"},
    {"10009", 3, 4, 2013, 97, false, "サノフィ", "0.50"},
    {"10009", 4, 13, 2013, 94, false, "サノフィ", "0.50"},
    {"10010", 1, 2, 2013, 98, false, "ファイザー", "0.50"},
    {"10010", 2, 3, 2013, 98, false, "ファイザー", "0.50"},
    {"10010", 3, 4, 2013, 97, false, "ファイザー", "0.50"},
    {"10010", 4, 13, 2013, 95, false, "ファイザー", "0.50"},
    {"10019", 1, 2, 2016, 98, false, "KMバイオロジクス", "0.25"},
    {"10019", 2, 3, 2016, 98, false, "KMバイオロジクス", "0.25"},
    {"10019", 3, 8, 2016, 96, false, "KMバイオロジクス", "0.25"},
    {"10007", 1, 37, 1995, 92, false, "BIKEN", "0.50"},
    {"10007", 2, 38, 1995, 91, false, "BIKEN", "0.50"},
    {"10007", 3, 50, 1995, 88, false, "BIKEN", "0.50"},
    {"10007", 4, 110, 1995, 75, false, "BIKEN", "0.50"},
    {"10011", 1, 150, 1997, 60, true, "MSD", "0.50"},
    {"10011", 2, 152, 1997, 58, true, "MSD", "0.50"},
    {"10011", 3, 156, 1997, 55, true, "MSD", "0.50"},
};

// A campaign dose of COVID-19: from when, and at which age it was offered.
struct CampaignDose {
  uint32_t dose;
  absl::CivilDay from;
  int minimum_age;
  int uptake_percent;
};
const CampaignDose kCovid[] = {
    {1, absl::CivilDay(2021, 6, 1), 12, 85},  {2, absl::CivilDay(2021, 6, 22), 12, 99},
    {3, absl::CivilDay(2022, 2, 1), 12, 80},  {4, absl::CivilDay(2022, 7, 1), 18, 65},
    {5, absl::CivilDay(2022, 11, 1), 60, 70}, {6, absl::CivilDay(2023, 5, 8), 65, 75},
    {7, absl::CivilDay(2023, 9, 20), 65, 70},
};
// From 2024-04-01 vaccination against COVID-19 is a routine one of the Immunization Act.
const absl::CivilDay kSpecialMeasuresEnd(2024, 3, 31);

template <size_t N, typename T>
const T& Draw(SeededRandom& random, const T (&table)[N]) {
  return table[random.Below(N)];
}

bool Percent(SeededRandom& random, int percent) {
  return random.Below(100) < static_cast<uint64_t>(percent);
}

// Under Japanese law an age is reached on the day before the birthday.
int AgeOn(absl::CivilDay born, absl::CivilDay day) {
  const absl::CivilDay next = day + 1;
  int age = static_cast<int>(next.year() - born.year());
  if (next.month() < born.month() || (next.month() == born.month() && next.day() < born.day())) {
    --age;
  }
  return age;
}

absl::CivilDay AddMonths(absl::CivilDay day, int months) {
  const absl::CivilMonth month = absl::CivilMonth(day) + months;
  return absl::CivilDay(month) + std::min(day.day() - 1, 27);
}

std::string Compact(absl::CivilDay day) {
  return absl::StrFormat("%04d%02d%02d", day.year(), day.month(), day.day());
}

v1::Vaccination NewDose(SeededRandom& random, const std::string& kind, uint32_t dose,
                        absl::CivilDay day, const LocalGovernmentCode& municipality) {
  v1::Vaccination vaccination;
  vaccination.set_vaccine_kind(kind);
  vaccination.set_dose(dose);
  vaccination.mutable_date()->set_yyyymmdd(Compact(day));
  vaccination.set_lot(absl::StrFormat("%c%c%04d", 'A' + static_cast<int>(random.Below(26)),
                                      'A' + static_cast<int>(random.Below(26)),
                                      static_cast<int>(random.Below(10000))));
  vaccination.set_place(Draw(random, kPlaces));
  vaccination.set_physician(Draw(random, kPhysicians));
  vaccination.set_done(true);
  vaccination.set_municipality(municipality.ToString());
  return vaccination;
}

void AddRecord(v1::ReplicaSet& set, v1::Vaccination vaccination) {
  v1::ReplicaRecord& record = *set.add_records();
  record.set_item(set.item());
  record.set_record_id(absl::StrCat(vaccination.vaccine_kind(), "-", vaccination.dose(), "-",
                                    vaccination.date().yyyymmdd()));
  *record.mutable_vaccination() = std::move(vaccination);
}

void AddRoutine(SeededRandom& random, const Resident& resident,
                const LocalGovernmentCode& municipality, absl::CivilDay today,
                v1::ReplicaSet& set) {
  std::string stopped;  // a schedule that was not gone on with
  for (const RoutineDose& dose : kRoutine) {
    if (resident.born.year() < dose.first_birth_year || stopped == dose.kind) continue;
    if (dose.girls_only && !resident.female) continue;
    const absl::CivilDay day =
        AddMonths(resident.born, dose.due_months) + static_cast<int>(random.Below(24));
    if (day > today) continue;
    if (!Percent(random, dose.uptake_percent)) {
      stopped = dose.kind;
      continue;
    }
    v1::Vaccination vaccination = NewDose(random, dose.kind, dose.dose, day, municipality);
    vaccination.set_manufacturer(dose.manufacturer);
    vaccination.set_volume_ml(dose.volume_ml);
    AddRecord(set, std::move(vaccination));
  }
}

void AddAdult(SeededRandom& random, const Resident& resident,
              const LocalGovernmentCode& municipality, absl::CivilDay today, v1::ReplicaSet& set) {
  for (int year = static_cast<int>(today.year()) - 5; year < today.year(); ++year) {
    const absl::CivilDay day(year, 10, 5 + static_cast<int>(random.Below(25)));
    if (day > today || AgeOn(resident.born, day) < 65 || !Percent(random, 65)) continue;
    v1::Vaccination vaccination = NewDose(random, "20001", 1, day, municipality);
    vaccination.set_manufacturer("デンカ");
    vaccination.set_volume_ml("0.50");
    AddRecord(set, std::move(vaccination));
  }
  const absl::CivilDay at65 =
      AddMonths(resident.born, 65 * 12) + static_cast<int>(random.Below(300));
  if (at65 > today || at65 < absl::CivilDay(2014, 10, 1) || !Percent(random, 40)) return;
  v1::Vaccination vaccination = NewDose(random, "20002", 1, at65, municipality);
  vaccination.set_manufacturer("MSD");
  vaccination.set_volume_ml("0.50");
  AddRecord(set, std::move(vaccination));
}

void AddCovid(SeededRandom& random, const Resident& resident,
              const LocalGovernmentCode& municipality, absl::CivilDay today, v1::ReplicaSet& set) {
  const bool moderna = Percent(random, 25);
  absl::CivilDay previous = absl::CivilDay::min();
  for (const CampaignDose& dose : kCovid) {
    absl::CivilDay day = dose.from + static_cast<int>(random.Below(60));
    if (dose.dose == 2) day = previous + 21 + static_cast<int>(random.Below(7));
    if (day > today || day > kSpecialMeasuresEnd) return;
    if (AgeOn(resident.born, day) < dose.minimum_age || !Percent(random, dose.uptake_percent)) {
      return;
    }
    v1::Vaccination vaccination = NewDose(random, "30001", dose.dose, day, municipality);
    vaccination.set_manufacturer(moderna ? "武田/モデルナ" : "ファイザー");
    vaccination.set_volume_ml(moderna ? "0.50" : "0.30");
    vaccination.set_ticket_number(absl::StrFormat("%010d", random.Below(10000000000ULL)));
    AddRecord(set, std::move(vaccination));
    previous = day;
  }
}

void Keep(v1::ReplicaSet set, absl::CivilDay today, std::vector<v1::ReplicaSet>& sets) {
  if (set.records().empty()) return;
  set.set_source_version(1);
  set.set_source_time_ms(
      absl::ToUnixMillis(absl::FromCivil(today, absl::FixedTimeZone(9 * 60 * 60))));
  sets.push_back(std::move(set));
}

}  // namespace

void SeededRandom::Fill(uint8_t* out, size_t size) {
  while (size > 0) {
    const uint64_t word = engine_();
    const size_t part = std::min(size, sizeof(word));
    std::memcpy(out, &word, part);
    out += part;
    size -= part;
  }
}

uint64_t SeededRandom::Below(uint64_t bound) { return engine_() % bound; }

Resident Population::NewResident(absl::CivilDay today) {
  const bool female = Percent(random_, 51);
  const Written& family = Draw(random_, kFamilyNames);
  const Written& given = female ? Draw(random_, kFemaleNames) : Draw(random_, kMaleNames);
  const int age_days = static_cast<int>(random_.Below(95 * 365));
  const uint64_t serial = next_serial_++;
  // Steps that share no factor with the ranges spread the numbers without repeating one.
  const uint64_t individual = (serial * 7919 + 98'000'000'000) % 100'000'000'000;
  const uint64_t resident = (serial * 6007 + 9'000'000'000) % 10'000'000'000;
  return Resident{absl::StrCat(family.kanji, "　", given.kanji),
                  absl::StrCat(family.kana, "　", given.kana),
                  female,
                  today - age_days,
                  IndividualNumber::FromSerial(individual),
                  ResidentCode::FromSerial(resident)};
}

std::vector<v1::ReplicaSet> Population::History(const Resident& resident,
                                                const LocalGovernmentCode& municipality,
                                                absl::CivilDay today) {
  v1::ReplicaSet routine;
  routine.set_item("immunization");
  AddRoutine(random_, resident, municipality, today, routine);
  AddAdult(random_, resident, municipality, today, routine);

  v1::ReplicaSet special;
  special.set_item("special-measures-immunization");
  AddCovid(random_, resident, municipality, today, special);

  std::vector<v1::ReplicaSet> sets;
  Keep(std::move(routine), today, sets);
  Keep(std::move(special), today, sets);
  return sets;
}

bool IsWhatWasRegistered(v1::ReplicaSet received, v1::ReplicaSet registered) {
  std::set<std::string> ids;
  for (v1::ReplicaRecord& record : *registered.mutable_records()) {
    ids.insert(record.record_id());
    record.clear_record_id();
  }
  for (v1::ReplicaRecord& record : *received.mutable_records()) {
    if (record.record_id().empty() || !ids.insert(record.record_id()).second) return false;
    record.clear_record_id();
  }
  return google::protobuf::util::MessageDifferencer::Equals(received, registered);
}

}  // namespace nakadachi::simulator

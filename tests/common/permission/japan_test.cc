// The shipped example list: known answers, and each row of the tables of the law where they are
// at hand.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/permission/permission_list.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace nakadachi::permission {
namespace {

using testing::HasSubstr;
using testing::Not;

std::filesystem::path SourceFolder() {
  const char* folder = std::getenv("NAKADACHI_SOURCE_DIR");
  return folder != nullptr ? folder : ".";
}

const PermissionList& Japan() {
  static const auto* const list = [] {
    std::ifstream in(SourceFolder() / "common/permission/lists/japan.csv", std::ios::binary);
    const std::string csv((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    auto parsed = PermissionList::Parse(csv);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return new PermissionList(*std::move(parsed));
  }();
  return *list;
}

const absl::CivilDay kFormerLast(2024, 5, 26);
const absl::CivilDay kPresentFirst(2024, 5, 27);

TEST(JapanTest, KnownAnswers) {
  const char* const kImmunization = "immunization";
  const char* const kSpecial = "special-measures-immunization";
  const struct {
    const char* requester;
    const char* provider;
    const char* procedure;
    const char* item;
    const char* former;  // basis, or verdict where not permitted
    const char* present;
  } kCases[] = {
      {"municipality", "municipality", kImmunization, kImmunization, "16の2", "25"},
      {"municipality", "prefecture", kImmunization, kImmunization, "16の2", "25"},
      {"prefecture", "municipality", kImmunization, kImmunization, "16の3", "26"},
      {"municipality", "medical-insurer", "immunization-benefit-illness", "medical-benefit", "17",
       "27"},
      {"municipality", "municipality", "immunization-benefit-or-cost", "local-tax-or-residence",
       "18", "28"},
      {"municipality", "allowance-payer", "immunization-benefit-disability", "disability-allowance",
       "19", "29"},
      {"municipality", "municipality", kSpecial, kSpecial, "115の2", "153"},
      {"prefecture", "municipality", kSpecial, kSpecial, "115の2", "153"},
      // What only the present table allows.
      {"municipality", "prefecture", kImmunization, "disability-certificate", "not-in-force", "25"},
      {"municipality", "minister-of-health", kImmunization, kSpecial, "not-in-force", "25"},
      {"municipality", "municipality", kSpecial, kImmunization, "not-in-force", "153"},
      {"minister-of-health", "municipality", kSpecial, kImmunization, "not-in-force", "154"},
      {"municipality", "prime-minister", "immunization-benefit-illness", "public-money-account",
       "not-in-force", "27"},
      // What neither does.
      {"prefecture", "medical-insurer", "immunization-benefit-illness", "medical-benefit",
       "wrong-requester", "wrong-requester"},
      {"prefecture", "municipality", kImmunization, "local-tax-or-residence", "wrong-item",
       "wrong-item"},
      {"municipality", "minister-of-health", kImmunization, kImmunization, "wrong-provider",
       "wrong-provider"},
      {"municipality", "municipality", kImmunization, "disability-certificate", "wrong-provider",
       "wrong-provider"},
      {"municipality", "municipality", "taxation", kImmunization, "unknown-procedure",
       "unknown-procedure"},
      {"municipality", "municipality", kImmunization, "income", "unknown-item", "unknown-item"},
  };
  for (const auto& c : kCases) {
    for (const bool former : {true, false}) {
      const absl::CivilDay date = former ? kFormerLast : kPresentFirst;
      const Decision decision =
          Decide(Japan(), {c.requester, c.provider, c.procedure, {c.item}, date});
      const std::string expected = former ? c.former : c.present;
      const std::string about =
          absl::StrCat(c.requester, " asks ", c.provider, ", ", c.procedure, ", ", c.item);
      if (!decision.permitted) {
        EXPECT_EQ(VerdictName(decision.verdict), expected) << about;
        continue;
      }
      const std::string table = former ? "番号法別表第二 " : "令和6年命令第9号第2条の表 ";
      ASSERT_EQ(decision.legal_basis.size(), 1u);
      EXPECT_EQ(decision.legal_basis[0], absl::StrCat(table, expected, "の項")) << about;
    }
  }
}

// A mayor asks under 16の2, 17, 18, 19 and 115の2, never under 16の3.
TEST(JapanTest, FormerItemsOfAMayor) {
  std::set<std::string> bases;
  for (const Row& row : Japan().rows()) {
    if (row.requester_category == "municipality" && row.effective_from <= kFormerLast) {
      bases.insert(row.legal_basis);
    }
  }
  EXPECT_THAT(bases,
              testing::UnorderedElementsAre("番号法別表第二 16の2の項", "番号法別表第二 17の項",
                                            "番号法別表第二 18の項", "番号法別表第二 19の項",
                                            "番号法別表第二 115の2の項"));
}

TEST(JapanTest, EveryRowIsInOneOfTheTwoPeriods) {
  for (const Row& row : Japan().rows()) {
    const bool former = row.effective_to == kFormerLast && row.effective_from < kFormerLast;
    const bool present =
        row.effective_from == kPresentFirst && row.effective_to == absl::CivilDay::max();
    EXPECT_TRUE(former || present) << row.line;
    EXPECT_THAT(row.legal_basis, HasSubstr(former ? "別表第二" : "命令第9号"));
  }
}

// The law's words and the list's.
const std::map<std::string, std::vector<std::string>>& CategoriesOf() {
  static const auto* const map = new std::map<std::string, std::vector<std::string>>{
      {"市町村長", {"municipality"}},
      {"都道府県知事", {"prefecture"}},
      {"厚生労働大臣", {"minister-of-health"}},
      {"内閣総理大臣", {"prime-minister"}},
      {"都道府県知事等", {"public-assistance-office"}},
      {"都道府県知事又は市町村長", {"prefecture", "municipality"}},
      {"厚生労働大臣、都道府県知事又は市町村長",
       {"minister-of-health", "prefecture", "municipality"}},
      {"医療保険者等", {"medical-insurer"}},
      {"医療保険者その他の法令による医療に関する給付の支給を行うこととされている者",
       {"medical-insurer"}},
      {"手当を支給することとされている者", {"allowance-payer"}},
      {"特別児童扶養手当等の支給に関する法律その他の法令による障害を有する者について支給される"
       "手当を支給することとされている者",
       {"allowance-payer"}},
  };
  return *map;
}

const std::map<std::string, std::vector<std::string>>& ItemsOf() {
  static const auto* const map = new std::map<std::string, std::vector<std::string>>{
      {"予防接種法による予防接種の実施に関する情報", {"immunization"}},
      {"予防接種の実施に関する情報", {"special-measures-immunization"}},  // read narrowly
      {"特措法による予防接種の実施に関する情報", {"special-measures-immunization"}},
      {"新型インフルエンザ等対策特別措置法による予防接種の実施に関する情報",
       {"special-measures-immunization"}},
      {"予防接種法又は特措法による予防接種の実施に関する情報",
       {"immunization", "special-measures-immunization"}},
      {"身体障害者手帳に関する情報", {"disability-certificate"}},
      {"医療保険各法その他の法令による医療に関する給付の支給に関する情報", {"medical-benefit"}},
      {"医療給付の支給に関する情報", {"medical-benefit"}},
      {"公的給付支給等口座登録簿関係情報", {"public-money-account"}},
      {"地方税関係情報又は住民票関係情報", {"local-tax-or-residence"}},
      {"生活保護関係情報等(中国残留邦人等支援、外国人生活保護を含む)", {"public-assistance"}},
      {"手当の支給に関する情報", {"disability-allowance"}},
      {"同手当の支給に関する情報", {"disability-allowance"}},
  };
  return *map;
}

const std::map<std::string, std::string>& ProcedureOf() {
  static const auto* const map = new std::map<std::string, std::string>{
      {"16の2", "immunization"},
      {"16の3", "immunization"},
      {"17", "immunization-benefit-illness"},
      {"18", "immunization-benefit-or-cost"},
      {"19", "immunization-benefit-disability"},
      {"115の2", "special-measures-immunization"},
      {"25", "immunization"},
      {"26", "immunization"},
      {"27", "immunization-benefit-illness"},
      {"28", "immunization-benefit-or-cost"},
      {"29", "immunization-benefit-disability"},
      {"153", "special-measures-immunization"},
      {"154", "special-measures-immunization"},
  };
  return *map;
}

class TablesTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("NAKADACHI_TEST_DATA");
    const std::filesystem::path folder =
        given != nullptr ? std::filesystem::path(given) : SourceFolder() / "../shared/data";
    std::ifstream in(folder / "network_items.json");
    if (!in) GTEST_SKIP() << "no network_items.json in NAKADACHI_TEST_DATA (" << folder << ")";
    tables_ = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
    ASSERT_FALSE(tables_.is_discarded());
  }

  // The rows that one row of a table stands for, as "requester|provider|item".
  std::multiset<std::string> Expand(const nlohmann::json& entry) {
    std::multiset<std::string> out;
    for (const auto& requester : CategoriesOf().at(entry["querier"])) {
      for (const auto& provision : entry["provisions"]) {
        for (const auto& provider : CategoriesOf().at(provision["provider"])) {
          for (const auto& item : ItemsOf().at(provision["info"])) {
            out.insert(absl::StrCat(requester, "|", provider, "|", item));
          }
        }
      }
    }
    return out;
  }

  // Compares one table with the list's rows of that basis; returns how many rows they were.
  size_t Compare(const nlohmann::json& table, const std::string& title) {
    size_t rows = 0;
    for (const auto& entry : table) {
      const std::string number = entry["item"].is_string()
                                     ? entry["item"].get<std::string>()
                                     : std::to_string(entry["item"].get<int>());
      const std::string status = entry.value("status", "text");
      std::multiset<std::string> listed;
      for (const Row& row : Japan().rows()) {
        if (row.legal_basis != absl::StrCat(title, number, "の項")) continue;
        listed.insert(
            absl::StrCat(row.requester_category, "|", row.provider_category, "|", row.item));
        EXPECT_EQ(row.procedure, ProcedureOf().at(number));
        EXPECT_THAT(row.note, HasSubstr(entry["affair"].get<std::string>()));
        if (status == "text") {
          EXPECT_THAT(row.note, Not(HasSubstr("status:")));
        } else {
          EXPECT_THAT(row.note, HasSubstr("status: memory (wording), seed (roles)"));
        }
      }
      EXPECT_EQ(listed, Expand(entry)) << number;
      rows += listed.size();
    }
    return rows;
  }

  nlohmann::json tables_;
};

TEST_F(TablesTest, ListHoldsEveryRowOfBothTablesAndNoOther) {
  const size_t former = Compare(tables_["old"], "番号法別表第二 ");
  const size_t present = Compare(tables_["new"], "令和6年命令第9号第2条の表 ");
  EXPECT_EQ(former + present, Japan().rows().size());
}

}  // namespace
}  // namespace nakadachi::permission

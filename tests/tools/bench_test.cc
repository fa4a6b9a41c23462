// Runs nakadachi-bench as a program. What it finds depends on the machine; that it finds it does
// not.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/temporary_folder.h"

namespace nakadachi::bench {
namespace {

namespace fs = std::filesystem;

struct Ended {
  int code = -1;
  std::string output;
};

class BenchTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* bin = std::getenv("NAKADACHI_BIN_DIR");
    ASSERT_NE(bin, nullptr);
    program_ = std::string(bin) + "/nakadachi-bench";
  }

  Ended Run(const std::string& arguments) const {
    Ended ended;
    const std::string command =
        program_ + " " + arguments + " --folder " + folder_.path() + " 2>" + folder_ / "progress";
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return ended;
    std::array<char, 4096> buffer{};
    size_t got = 0;
    while ((got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
      ended.output.append(buffer.data(), got);
    }
    const int status = ::pclose(pipe);
    ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ended;
  }

  std::string Progress() const {
    std::ifstream file(folder_ / "progress");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TemporaryFolder folder_;
  std::string program_;
};

TEST_F(BenchTest, FindsEveryFigureAndRatio) {
  const Ended ended = Run("--quick --json");
  ASSERT_EQ(ended.code, 0) << Progress();
  const auto json = nlohmann::json::parse(ended.output, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(json.is_object()) << ended.output;
  for (const char* name : {"permits_per_s",
                           "exchanges_per_s_1",
                           "exchanges_per_s_16",
                           "exchanges_per_s_256",
                           "lone_p50_us",
                           "lone_p99_us",
                           "bulk_persons_per_s",
                           "load_records_per_s",
                           "bytes_per_record",
                           "rss_mb",
                           "floor_calls_per_s",
                           "floor_three_calls_per_s_1",
                           "floor_three_calls_per_s_16",
                           "floor_three_calls_per_s_256",
                           "floor_three_calls_p50_us",
                           "floor_fdatasync_us",
                           "floor_lone_us",
                           "floor_sign_us",
                           "floor_verify_us",
                           "floor_load_records_per_s"}) {
    ASSERT_TRUE(json["figures"].contains(name)) << name;
    EXPECT_GT(json["figures"][name].get<double>(), 0) << name;
  }
  for (const char* name :
       {"permits", "exchanges_1", "exchanges_16", "exchanges_256", "lone_p50", "bulk", "load"}) {
    ASSERT_TRUE(json["ratio"].contains(name)) << name;
    EXPECT_GT(json["ratio"][name].get<double>(), 0) << name;
  }
  EXPECT_LE(json["figures"]["lone_p50_us"], json["figures"]["lone_p99_us"]);
  EXPECT_TRUE(json["quick"].get<bool>());
  // Nothing is left behind but what the shell wrote.
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.path().filename(), "progress");
  }
}

TEST_F(BenchTest, MeasuresOnlyWhatIsAskedFor) {
  const Ended ended = Run("--quick --json --only permits");
  ASSERT_EQ(ended.code, 0) << Progress();
  const auto json = nlohmann::json::parse(ended.output, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(json.is_object()) << ended.output;
  EXPECT_TRUE(json["ratio"].contains("permits"));
  EXPECT_FALSE(json["figures"].contains("exchanges_per_s_1"));
  EXPECT_FALSE(json["figures"].contains("load_records_per_s"));
}

TEST_F(BenchTest, RefusesAPartThatIsNone) { EXPECT_EQ(Run("--quick --only everything").code, 2); }

}  // namespace
}  // namespace nakadachi::bench

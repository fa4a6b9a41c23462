// Runs a fuzzer without a fuzzing engine: on each file of its corpus, on each prefix of a small
// one, and on a fixed number of mutations of each, from a seed. Files ending in ".hex" hold bytes
// as hexadecimal digits.
//
//   x_fuzz CORPUS             what CTest runs
//   x_fuzz --unpack CORPUS DIR  writes the corpus as bytes, for libFuzzer
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

constexpr int kMutations = 400;
constexpr size_t kPrefixesUpTo = 2048;

void Run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::string ReadSeed(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (path.extension() != ".hex") return content.str();
  std::string digits = content.str();
  digits.erase(std::remove_if(digits.begin(), digits.end(), absl::ascii_isspace), digits.end());
  return absl::HexStringToBytes(digits);
}

// One to four small changes: a bit, a byte, a cut, a piece of another seed, a repetition.
std::string Mutate(std::string input, const std::vector<std::string>& seeds,
                   std::mt19937_64& random) {
  const auto below = [&](size_t bound) { return bound == 0 ? 0 : random() % bound; };
  for (size_t change = 0; change <= below(4); ++change) {
    const size_t at = below(input.size() + 1);
    const size_t length = below(std::min<size_t>(input.size() - at, 64) + 1);
    switch (random() % 6) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = static_cast<char>(random());
        break;
      case 2:
        input.erase(at, length);
        break;
      case 3:
        input.insert(at, input.substr(at, length));
        break;
      case 4: {
        const std::string& other = seeds[below(seeds.size())];
        input.insert(at, other.substr(below(other.size() + 1), 64));
        break;
      }
      default:
        input.insert(at, 1, static_cast<char>(random()));
    }
  }
  return input;
}

int Unpack(const fs::path& corpus, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(corpus)) {
    std::ofstream(to / entry.path().filename(), std::ios::binary) << ReadSeed(entry.path());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "--unpack") {
    return Unpack(arguments[1], arguments[2]);
  }
  if (arguments.size() != 1) {
    std::fprintf(stderr, "usage: %s [--unpack] CORPUS [DIR]\n", argv[0]);
    return 2;
  }
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(arguments[0])) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const fs::path& path : paths) seeds.push_back(ReadSeed(path));
  if (seeds.empty()) {
    std::fprintf(stderr, "%s: no corpus\n", arguments[0].c_str());
    return 2;
  }
  Run("");
  std::mt19937_64 random(1);
  for (const std::string& seed : seeds) {
    Run(seed);
    for (size_t end = 0; end < seed.size() && seed.size() <= kPrefixesUpTo; ++end) {
      Run(seed.substr(0, end));
    }
    for (int i = 0; i < kMutations; ++i) Run(Mutate(seed, seeds, random));
  }
  return 0;
}

// What a benchmark found, for a program or a person to read.
#ifndef NAKADACHI_TOOLS_BENCH_REPORT_H_
#define NAKADACHI_TOOLS_BENCH_REPORT_H_

#include <map>
#include <string>

namespace nakadachi::bench {

// Names as README.md explains them; what was not measured is absent.
struct Report {
  std::map<std::string, double> figures;
  std::map<std::string, double> ratios;
  bool quick = false;
  double elapsed_s = 0;

  // ratios[name] = figures[figure] / floor, where both were measured.
  void SetRatio(const std::string& name, const std::string& figure, const std::string& floor);
};

std::string ToJson(const Report& report);
// With the targets beside the figures.
std::string ToTable(const Report& report);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_REPORT_H_

// Counts since the process started, for the operator.
#ifndef NAKADACHI_SERVER_BROKER_DESK_FIGURES_H_
#define NAKADACHI_SERVER_BROKER_DESK_FIGURES_H_

#include <atomic>
#include <cstdint>

namespace nakadachi::broker {

struct Figures {
  std::atomic<uint64_t> permits{0};
  std::atomic<uint64_t> refusals{0};
  std::atomic<uint64_t> provisions_reported{0};
  std::atomic<uint64_t> receipts_reported{0};
  std::atomic<uint64_t> rejected_calls{0};  // bad input that was no query
  std::atomic<uint64_t> contradictions{0};
};

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_DESK_FIGURES_H_

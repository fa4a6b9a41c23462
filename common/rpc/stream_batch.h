// What a message of our bidirectional streams is: one or more requests, or one or more answers. A
// message costs gRPC the same whether it carries one or fifty, so whatever waits while a message is
// being written goes together in the next; nothing ever waits for company.
//
//   message RequestPermitRequests { repeated RequestPermitRequest requests = 1; }
//   message RequestPermitResponses { repeated RequestPermitResponse responses = 1; }
//
// A request has `uint64 tag`, an answer the same `uint64 tag` and `bytes error`; answers come in
// any order and any grouping.
#ifndef NAKADACHI_COMMON_RPC_STREAM_BATCH_H_
#define NAKADACHI_COMMON_RPC_STREAM_BATCH_H_

#include <cstddef>
#include <type_traits>
#include <utility>

namespace nakadachi::rpc {

// The most that one message carries; a stream with a message of more requests is ended.
inline constexpr int kMaxBatchSize = 64;
// A message is not made longer than this by joining, in bytes: far below kMaxMessageBytes, and
// enough that a message's own cost is small beside its content's.
inline constexpr size_t kMaxBatchBytes = size_t{128} << 10;

template <typename Requests>
using RequestIn = std::decay_t<decltype(std::declval<const Requests&>().requests(0))>;
template <typename Responses>
using ResponseIn = std::decay_t<decltype(std::declval<const Responses&>().responses(0))>;

// Counts what goes into one message.
class BatchRoom {
 public:
  // False: it belongs into the next. The first always fits.
  template <typename Message>
  bool Take(const Message& message) {
    const size_t bytes = message.ByteSizeLong();
    if (size_ > 0 && (size_ == kMaxBatchSize || bytes_ + bytes > kMaxBatchBytes)) return false;
    ++size_;
    bytes_ += bytes;
    return true;
  }

 private:
  int size_ = 0;
  size_t bytes_ = 0;
};

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_STREAM_BATCH_H_

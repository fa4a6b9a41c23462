// The streams that a server's peers hold open, mostly idle, for as long as they live.
#ifndef NAKADACHI_COMMON_RPC_OPEN_STREAMS_H_
#define NAKADACHI_COMMON_RPC_OPEN_STREAMS_H_

#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace nakadachi::rpc {

// Lets a server stop without waiting for streams that nobody uses: Stop comes before
// Server::Shutdown. Outlives the server. Thread-safe.
class OpenStreams {
 public:
  class Stream {
   public:
    virtual ~Stream() = default;
    // Reads no more; ends once what was read is answered.
    virtual void Stop() = 0;
  };

  OpenStreams() = default;
  OpenStreams(const OpenStreams&) = delete;
  OpenStreams& operator=(const OpenStreams&) = delete;

  // Stops all that are open, and from now on each that is added.
  void Stop();

  // Calls `stream->Stop()` before it returns where the streams are stopped already.
  void Add(const std::shared_ptr<Stream>& stream);
  void Remove(const Stream* stream);

 private:
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<const Stream*, std::weak_ptr<Stream>> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_OPEN_STREAMS_H_

#include "common/rpc/open_streams.h"

#include <vector>

namespace nakadachi::rpc {

void OpenStreams::Stop() {
  std::vector<std::shared_ptr<Stream>> open;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    for (const auto& [stream, weak] : open_) open.push_back(weak.lock());
  }
  // Under no lock: a stream that ends removes itself.
  for (const std::shared_ptr<Stream>& stream : open) {
    if (stream != nullptr) stream->Stop();
  }
}

void OpenStreams::Add(const std::shared_ptr<Stream>& stream) {
  {
    absl::MutexLock lock(&mutex_);
    open_[stream.get()] = stream;
    if (!stopped_) return;
  }
  stream->Stop();
}

void OpenStreams::Remove(const Stream* stream) {
  absl::MutexLock lock(&mutex_);
  open_.erase(stream);
}

}  // namespace nakadachi::rpc

// Reads single statements of an export again, for what their facts do not hold.
#ifndef NAKADACHI_TOOLS_REPLAY_REREADER_H_
#define NAKADACHI_TOOLS_REPLAY_REREADER_H_

#include <map>
#include <optional>
#include <string>

#include "common/evidence/log_reader.h"
#include "nakadachi/v1/statement.pb.h"
#include "tools/replay/facts.h"

namespace nakadachi::replay {

// Thread-safe once filled.
class Rereader {
 public:
  void Add(uint32_t log, const evidence::LogReader* reader) { readers_[log] = reader; }
  // Nothing where there is no such statement, or no longer.
  std::optional<v1::Statement> Read(Place place) const;

 private:
  std::map<uint32_t, const evidence::LogReader*> readers_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_REREADER_H_

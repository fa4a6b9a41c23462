#include "tools/replay/rereader.h"

namespace nakadachi::replay {

std::optional<v1::Statement> Rereader::Read(Place place) const {
  const auto found = readers_.find(place.log);
  if (found == readers_.end() || place.index >= found->second->size()) return std::nullopt;
  evidence::LogProver prover(*found->second);  // has the bytes that the body is a view of
  const auto body = prover.ReadSignedBody(place.index);
  if (!body.ok()) return std::nullopt;
  const absl::string_view bytes = body->statement;
  v1::Statement statement;
  if (!statement.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return statement;
}

}  // namespace nakadachi::replay

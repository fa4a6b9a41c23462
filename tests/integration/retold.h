// Evidence that servers left, in the hands of those who know its authors' keys: they can tell
// another history, and sign it.
#ifndef NAKADACHI_TESTS_INTEGRATION_RETOLD_H_
#define NAKADACHI_TESTS_INTEGRATION_RETOLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "nakadachi/v1/statement.pb.h"
#include "tests/common/evidence/evidence_fixture.h"

namespace nakadachi::integration {

// An exchange of two institutions: where its statements stand in their authors' logs, and what
// they say.
struct Exchange {
  std::string requester;
  std::string provider;
  uint64_t query_index = 0;
  uint64_t permit_index = 0;
  uint64_t provision_index = 0;
  uint64_t receipt_index = 0;
  v1::Statement query;
  v1::Statement permit;
  v1::Statement provision;
  v1::Statement receipt;
};

// Copies are histories of their own. Authors: codes and "broker". Anything that cannot be read or
// is not there ends the program.
class Retold {
 public:
  // All of the export `evidence`, with keys from the folder of the network that left it.
  Retold(const std::string& evidence, const std::string& network);

  uint64_t SizeOf(const std::string& author) const;
  const evidence::TestLog& log(const std::string& author) const { return logs_.at(author).log; }
  v1::Statement At(const std::string& author, uint64_t index) const;
  // Of the exchanges that `provider` answered with records, all statements of which are there, the
  // one in their middle.
  Exchange MiddleOf(const std::string& requester, const std::string& provider) const;

  // Each makes what is behind it move; the commitment is that of the new entry. `index` may be the
  // log's size for the first.
  Hash Insert(const std::string& author, uint64_t index, const v1::Statement& statement);
  Hash Replace(const std::string& author, uint64_t index, const v1::Statement& statement);
  void Remove(const std::string& author, uint64_t index);
  // The exchange with its statements changed, each naming the changed ones before it.
  void Retell(Exchange exchange, const std::function<void(Exchange&)>& change);

  // A checkpoint of the first `size` entries as they stand now, signed by the author's key as of
  // the time of the true checkpoint.
  std::string Note(const std::string& author, uint64_t size) const;
  // Everything as it stands now, signed by those whose logs they are.
  void Export(const std::string& folder) const;

 private:
  struct Log {
    evidence::TestLog log;
    int64_t checkpoint_ms = 0;
  };
  std::map<std::string, Log> logs_;
  evidence::Manifest manifest_;
};

}  // namespace nakadachi::integration

#endif  // NAKADACHI_TESTS_INTEGRATION_RETOLD_H_

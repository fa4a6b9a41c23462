// A network that exists only as its ledgers: every statement of its exchanges is made here, with
// real commitments and signatures, and exported. What a test lets it lie about is the only
// difference to a clean run.
#ifndef NAKADACHI_TESTS_TOOLS_REPLAY_NETWORK_H_
#define NAKADACHI_TESTS_TOOLS_REPLAY_NETWORK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/evidence/layout.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::replay {

inline constexpr char kAizuwakamatsu[] = "072028";
inline constexpr char kSendai[] = "041009";
inline constexpr char kFukushimaPrefecture[] = "070009";
inline constexpr char kChiyoda[] = "131016";

// What an exchange is, and where it deviates. Hooks change a statement before it is recorded.
struct Plan {
  using Hook = std::function<void(v1::Statement&)>;

  std::string requester = kAizuwakamatsu;
  std::string provider = kSendai;
  std::string procedure = "immunization";
  std::vector<std::string> items = {"immunization"};
  std::string department = "health";
  std::string staff = "staff-17";
  bool review = false;
  v1::Outcome outcome = v1::PROVIDED;
  v1::RefusalReason refused = v1::REFUSAL_REASON_UNSPECIFIED;  // by the broker
  uint64_t list_version = 0;                                   // 0: the newest
  int64_t pause_ms = 0;                                        // between permit and provision
  Hook query, decision, interim, provision, receipt;
  std::set<std::string> omit;  // of "query", "decision", "interim", "provision", "receipt"
};

// The commitments of an exchange, as far as it went, and the statements.
struct Told {
  Hash query{};
  Hash decision{};
  Hash provision{};
  v1::Statement query_statement;
  v1::Statement decision_statement;
  v1::Statement provision_statement;
  v1::Statement receipt_statement;
};

class TestNetwork {
 public:
  explicit TestNetwork(uint64_t seed = 1);

  int64_t now_ms() const { return now_ms_; }
  void Advance(int64_t ms) { now_ms_ += ms; }

  // Directory statements of the broker. `change` may lie.
  void Publish(v1::Directory change, const Plan::Hook& hook = nullptr);
  void PublishList(const std::string& csv, const Plan::Hook& hook = nullptr);
  void RevokeKey(const std::string& code, const Plan::Hook& hook = nullptr);

  // All of an exchange, a tenth of a second a step.
  Told Ask(const Plan& plan);

  // Records a statement as of now, or of the time it bears; returns its commitment.
  Hash Record(const std::string& log, v1::Statement statement);
  v1::Statement NewStatement(const std::string& log) const;
  // How the last statement of a log is exported.
  void SetLastBody(const std::string& log, evidence::BodyState state);
  uint64_t SizeOf(const std::string& log) const;

  // The checkpoint of a log is signed by another key than its author's.
  void UseForeignKey(const std::string& log);
  // The checkpoint bears this time instead of the time of Export.
  void SetCheckpointTime(const std::string& log, int64_t time_ms) { checkpoint_ms_[log] = time_ms; }
  // The log is not exported.
  void LeaveOut(const std::string& log) { left_out_.insert(log); }
  // Another checkpoint of the log, over as many entries with another root, is kept beside it.
  void KeepSecondHistory(const std::string& log) { second_history_.insert(log); }

  // Records an inspection in every log and writes the export. Checks nothing.
  void Export(const std::string& root);
  // The broker's first key, as inspectors are given it.
  std::string VerifierKey() const;

 private:
  struct Entry {
    Hash commitment;
    std::string salt;
    std::string statement;
    evidence::BodyState state = evidence::BodyState::kPresent;
  };
  struct Log {
    Ed25519PrivateKey key;
    X25519PrivateKey sealing_key;
    std::vector<Entry> entries;
  };

  void Found();
  void Join(const std::string& code, const std::string& name, const std::string& category);
  Log& AddLog(const std::string& name);
  std::string Bytes(size_t size);
  void WriteLog(const std::string& root, const std::string& name);
  void FillQuery(const Plan& plan, v1::Query* query);
  void FillPermit(const Plan& plan, const Told& told, int64_t time_ms, v1::Permit* permit);
  void FillRefusal(const Plan& plan, const Told& told, v1::Refusal* refusal);
  void FillProvision(const Plan& plan, const Told& told, v1::Provision* provision);

  std::unique_ptr<Random> random_;
  int64_t now_ms_ = 0;
  uint64_t sequence_ = 0;
  std::vector<std::string> lists_;
  std::map<std::string, std::string> categories_;
  std::map<std::string, Log> logs_;
  std::map<std::string, int64_t> checkpoint_ms_;
  std::set<std::string> left_out_;
  std::set<std::string> second_history_;
  std::set<std::string> foreign_key_;
};

// The list of the project, and the same with the procedures of special measures taken out.
std::string JapanList();
std::string AmendedList();

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TESTS_TOOLS_REPLAY_NETWORK_H_

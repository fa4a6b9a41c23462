// The directory in time, as the broker's Directory statements tell it: members, keys, lists.
//
// Unlike a member, an inspector goes on after a statement that breaks a rule: what can be made of
// it is taken, with the date it could at best have, so that what follows is still judged.
// Statements that the evidence lacks are no broken rule: their numbers show where they would be.
#ifndef NAKADACHI_TOOLS_REPLAY_HISTORY_H_
#define NAKADACHI_TOOLS_REPLAY_HISTORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/directory/directory.h"
#include "nakadachi/v1/statement.pb.h"
#include "tools/replay/finding.h"
#include "tools/replay/report.h"

namespace nakadachi::replay {

// Not thread-safe while it grows; afterwards it is.
class History {
 public:
  // Both outlive the history.
  History(const Ed25519PublicKey& trust_anchor, Findings* findings);

  // The next Directory statement of the broker's log.
  void Take(uint64_t index, v1::Statement statement);
  // Entries [first, end) of the broker's log, in its order, that may be Directory statements and
  // cannot be seen. (Those erased or out of an inspector's scope never are.)
  void TakeUnseen(uint64_t first, uint64_t end);

  // Whether a statement that the evidence lacks may be one of the directory.
  bool MayLack() const { return lacks_from_ != UINT64_MAX || unseen_ > 0; }
  // Whether a decision at that index of the broker's log rests on a Directory statement that the
  // evidence lacks, by what it says itself: the directory's size (a permit), and the version of the
  // list.
  bool RestsOnUnseen(uint64_t index, std::optional<uint64_t> directory_size,
                     uint64_t list_version) const;

  // The log is of a network that the trusted key has not founded: who is who and what was allowed
  // in it is nobody's word.
  bool of_another_key() const { return of_another_key_; }

  // For keys and members, whole as of the last statement.
  const Directory& directory() const { return directory_; }
  Directory* mutable_directory() { return &directory_; }
  const std::string& network() const { return network_; }

  struct Joined {
    std::string category;
    int64_t joined_ms = 0;
  };
  // Null where there is none of that code.
  const Joined* Find(const std::string& code) const;

  // The list in force at a time, of those published by then; a list by its version. Null: none.
  const PublishedList* InForce(int64_t time_ms) const;
  const PublishedList* ByVersion(uint64_t version) const;
  // Whether a decision of that time may rest on this version (0: on none): it was in force by
  // what had been published `grace_ms` before, or by something published since. Who decides while
  // a list is being recorded does not know it yet.
  bool MayRestOn(uint64_t version, int64_t time_ms, int64_t grace_ms) const;

  // How many Directory statements were recorded before an index of the broker's log.
  uint64_t SizeBefore(uint64_t index) const;

  std::vector<MemberReport> Members() const;
  const std::vector<ListReport>& Lists() const { return lists_; }
  // What the statements changed, in their order.
  const std::vector<KeyEvent>& Events() const { return events_; }

 private:
  void MendTimes(uint64_t index, v1::Statement* statement);
  void AddEvents(uint64_t index, int64_t time_ms, const v1::Directory& change);
  void AddBroken(uint64_t index, int64_t time_ms, const std::string& reason);
  void CheckNumber(uint64_t index, v1::Statement* statement);

  Directory directory_;
  Findings* const findings_;
  std::string network_;
  std::map<std::string, Joined> members_;
  std::vector<uint64_t> indices_;
  std::vector<ListReport> lists_;  // as they say
  std::vector<KeyEvent> events_;
  std::vector<std::shared_ptr<const PublishedList>> in_order_;  // as they were taken

  bool of_another_key_ = false;

  // Unseen entries since the last statement taken, and the first of them.
  uint64_t unseen_ = 0;
  uint64_t unseen_from_ = UINT64_MAX;
  // Statements that the numbers of later ones show to be lacking, or that rest on such: how many,
  // the first one's number, and from which index of the log on.
  uint64_t lacking_ = 0;
  uint64_t lacks_number_ = 0;
  uint64_t lacks_from_ = UINT64_MAX;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_HISTORY_H_

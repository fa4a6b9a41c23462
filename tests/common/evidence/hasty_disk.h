// A disk for tests, which do not outlive a loss of power.
#ifndef NAKADACHI_TESTS_COMMON_EVIDENCE_HASTY_DISK_H_
#define NAKADACHI_TESTS_COMMON_EVIDENCE_HASTY_DISK_H_

#include <memory>
#include <string>

#include "common/evidence/disk.h"

namespace nakadachi::evidence {

// Writes as the real one does, but syncs nothing.
class HastyDisk final : public Disk {
 public:
  absl::Status Write(const std::string& path, absl::string_view content) override {
    return disk_->Write(path, content);
  }
  absl::Status WriteDurably(const std::string& path, absl::string_view content) override {
    return disk_->Write(path, content);
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::Status Remove(const std::string& path) override { return disk_->Remove(path); }

 private:
  const std::unique_ptr<Disk> disk_ = Disk::Open();
};

}  // namespace nakadachi::evidence

#endif  // NAKADACHI_TESTS_COMMON_EVIDENCE_HASTY_DISK_H_

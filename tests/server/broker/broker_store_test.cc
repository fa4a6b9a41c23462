#include "server/broker/store/broker_store.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/crypto/crypto.h"
#include "common/storage/key_provider.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::broker {
namespace {

constexpr int kFirst = 2017;
constexpr int kSecond = 2018;

// A decision stands for ever, what was refused only as it was presented goes with its Refusal.
TEST(BrokerStoreTest, PresentationsGoWithTheirPeriodAndDecisionsStay) {
  const TemporaryFolder folder;
  const auto keys = storage::MakeMemoryKeyProvider(Secret(std::string(32, 'k')));
  storage::OpenOptions options;
  options.path = folder / "data";
  options.environment = storage::Environment::Create(32 << 20);
  options.key_provider = keys.get();
  options.random = &SystemRandom();
  const auto store = BrokerStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  storage::Database& database = (*store)->database();

  const Hash decided = Sha256("decided");
  const Hash presented[] = {Sha256("first"), Sha256("second")};
  for (const int year : {kFirst, kSecond}) {
    ASSERT_TRUE(database.EnterPeriod(year).ok());
    const auto leaf = static_cast<uint64_t>(year);
    storage::Batch batch(database);
    (*store)->PutPresentation(presented[year - kFirst], leaf, batch);
    if (year == kFirst) (*store)->PutDecision(decided, leaf, batch);
    ASSERT_TRUE(database.Commit(std::move(batch)).ok());
    EXPECT_EQ((*store)->FindPresentation(presented[year - kFirst]).value(), leaf);
  }
  ASSERT_TRUE(database.DestroyPeriod(kFirst).ok());
  EXPECT_EQ((*store)->FindPresentation(presented[0]).value(), std::nullopt);
  EXPECT_EQ((*store)->FindPresentation(presented[1]).value(), uint64_t{kSecond});
  EXPECT_EQ((*store)->FindDecision(decided).value(), uint64_t{kFirst});
}

}  // namespace
}  // namespace nakadachi::broker

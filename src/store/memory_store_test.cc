#include "store/memory_store.h"

#include <gtest/gtest.h>

namespace tombo::store {
namespace {

TEST(MemoryStore, keeps_nothing) {
  EXPECT_FALSE(MemoryStore().keeps());
}

TEST(MemoryStoreDeathTest, takes_no_batch) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(MemoryStore().submit({}), "unreachable");
}

}  // namespace
}  // namespace tombo::store

#include "fuzz/input.h"
#include "fuzz/shard_script.h"
#include "fuzz/shard_world.h"

/// Whole brokers of one to three shards that do what their clients and the schedule of an input
/// make them do: see ShardScript for the input, Peer and ShardWorld for what is checked.
namespace tombo::fuzz {
namespace {

void run(Input input) {
  const uint8_t kind = input.u8();
  const ShardWorld::Setup setup{
      .shards = 1U + kind % 3, .store_keeps = kind / 4 % 2 != 0, .config = make_config(input)};
  ShardWorld world(setup);
  world.sayings().qos_is_upgraded = setup.config->upgrade_outgoing_qos;
  ShardScript script(world, input);
  script.run();
  script.finish();
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}

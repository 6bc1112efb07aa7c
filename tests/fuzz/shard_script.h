#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "config/config.h"
#include "fuzz/input.h"
#include "fuzz/shard_world.h"

namespace tombo::fuzz {

/// A configuration from four bytes. Sessions always expire, and there are three listeners: a plain
/// one, one with a mount point, one that takes and gives little.
std::shared_ptr<const config::Config> make_config(Input& input);

/// Reads steps and lets clients and shards do them: whole packets of all kinds with values from
/// small tables (so that clients, topics and filters meet), and any other bytes.
/// Bound: kStepsMax steps, kMessagesMax messages, kBytesMax bytes of them.
class ShardScript {
 public:
  ShardScript(ShardWorld& world, Input& input) : world_(world), input_(input) {}

  void run();
  /// Everybody behaves, all that is under way comes to an end; then everybody and everything goes.
  void finish();

 private:
  static constexpr int kStepsMax = 400;
  static constexpr size_t kSlots = 6;
  static constexpr uint32_t kMessagesMax = 1500;
  static constexpr size_t kBytesMax = size_t{10} * 1024 * 1024;

  void step();
  void step_of_world(uint8_t code);
  void step_of_client(uint8_t code);

  void open();
  void connect(Socket& socket);
  void subscribe(Socket& socket);
  void unsubscribe(Socket& socket);
  void publish(Socket& socket);
  void burst(Socket& socket);
  void answer(Socket& socket);
  void acknowledge(Socket& socket);
  void disconnect(Socket& socket);
  void send_framed(Socket& socket);
  void send_raw(Socket& socket);
  void make_room(Socket& socket);
  void inject();
  void shut_down();

  [[nodiscard]] bool allowed(size_t payload);
  Bytes payload(uint8_t choice);
  mqtt::PacketId next_id(uint8_t choice);
  void come_to_rest();
  void clear_away();
  void prove_life();

  ShardWorld& world_;
  Input& input_;
  std::array<Socket*, kSlots> slots_{};
  mqtt::Buffer payload_;
  uint16_t last_id_ = 0;
  uint32_t messages_ = 0;
  size_t bytes_ = 0;
  bool is_shut_down_ = false;
};

}  // namespace tombo::fuzz

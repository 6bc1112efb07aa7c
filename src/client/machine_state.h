#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "client/outgoing.h"
#include "client/topic_aliases.h"
#include "mqtt/frame.h"
#include "mqtt/packet.h"
#include "tombo/machine.h"

namespace tombo::client {

/// What stands behind Machine: requests in machine.cc, packets of the broker in machine_packets.cc.
class Machine::State {
 public:
  State(Options options, Handler& handler);

  void set_options(Options options) { options_ = std::move(options); }

  void open(Time now);
  void receive(std::span<const uint8_t> bytes, Time now);
  void close(Time now);
  void pass(Time now);
  [[nodiscard]] std::optional<Time> deadline() const;

  [[nodiscard]] std::span<const uint8_t> output() const {
    return std::span(out_).subspan(written_);
  }

  void wrote(size_t count, Time now);

  void set_reading(bool reads, Time now);

  [[nodiscard]] bool is_ending() const { return stage_ == Stage::ending; }

  Error publish(const Message& message, Request& request);
  Error subscribe(std::span<const Subscription> subscriptions, const Properties& properties,
                  Request& request);
  Error unsubscribe(std::span<const std::string> filters, const Properties& properties,
                    Request& request);
  void acknowledge(uint16_t packet_id, Qos qos);
  Error authenticate(uint8_t reason, const Properties& properties);
  void disconnect(uint8_t reason, const Properties& properties);

  [[nodiscard]] bool is_connected() const { return stage_ == Stage::connected; }

  [[nodiscard]] const Outgoing& outgoing() const { return outgoing_; }

  [[nodiscard]] size_t window() const { return window_; }

 private:
  enum class Stage : uint8_t {
    closed,
    waiting,  ///< for CONNACK
    connected,
    ending,  ///< what is left is written, then the transport is closed
  };

  /// SUBSCRIBE or UNSUBSCRIBE whose answer is to come.
  struct Asked {
    Request request = 0;
    bool subscribes = false;
    bool is_own = false;  ///< nobody asked for it: made again after the session was lost
  };

  void send_connect();
  void send_waiting();
  void send(Outgoing::Entry& entry);
  [[nodiscard]] Error send_now(const mqtt::Publish& packet);
  void send_acknowledgement(mqtt::PacketType type, uint16_t packet_id);
  void send_subscribe(std::span<const Subscription> subscriptions, const Properties& properties,
                      const Asked& asked, uint16_t packet_id);
  [[nodiscard]] Error check(const Message& message) const;
  [[nodiscard]] Error fits(size_t size) const;

  // Of the broker. False: the connection has ended.
  bool handle(const mqtt::Frame& frame);
  bool on_connack(const mqtt::Frame& frame);
  bool on_publish(const mqtt::Frame& frame);
  bool on_acknowledgement(const mqtt::Frame& frame);
  bool on_suback(const mqtt::Frame& frame);
  bool on_disconnect(const mqtt::Frame& frame);
  bool on_auth(const mqtt::Frame& frame);
  void accept(const mqtt::Connack& packet);
  void rewind(bool resumed);
  void subscribe_again();
  void take_limits(const Properties& properties);
  bool take_topic(mqtt::Publish& packet);
  bool malformed(const mqtt::Malformed& error);
  bool fail(const Error& error);

  /// Do requests go out now?
  [[nodiscard]] bool may_send() const {
    return is_connected() || (stage_ == Stage::waiting && options_.sends_early);
  }

  [[nodiscard]] mqtt::Version version() const {
    return static_cast<mqtt::Version>(options_.version);
  }

  void trace(const PacketTrace& packet) {
    if (options_.trace) handler_.on_packet(packet);
  }

  Options options_;
  Handler& handler_;
  Stage stage_ = Stage::closed;
  bool reads_ = true;
  bool is_rewound_ = false;  // What is not done with has been made to wait again.
  bool told_ = true;         // That there is no connection.
  Time now_{};
  Time last_sent_{};
  std::optional<Time> pinged_;  // PINGRESP is to come.
  std::optional<Time> connect_by_;

  std::vector<uint8_t> out_;
  size_t written_ = 0;
  std::vector<uint8_t> rest_;  // The beginning of a packet.

  // What the broker allows.
  uint16_t keep_alive_s_ = 0;
  size_t window_ = 0;
  uint32_t packet_size_max_ = 0;  // 0: no limit
  uint8_t qos_max_ = 2;
  bool retains_ = true;

  Request last_request_ = 0;
  PacketIds ids_;
  Outgoing outgoing_;
  std::unordered_map<uint16_t, Asked> asked_;
  std::unordered_set<uint16_t> received_;             // QoS 2 ids that wait for PUBREL.
  std::unordered_map<uint16_t, std::string> topics_;  // By the broker's topic aliases.
  std::vector<std::pair<Subscription, Properties>> subscribed_;
  TopicAliases aliases_;
  std::vector<uint8_t> packet_;  // Before its topic becomes an alias.
  std::vector<uint8_t> scratch_;
};

}  // namespace tombo::client

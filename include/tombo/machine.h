#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tombo/error.h"
#include "tombo/types.h"

namespace tombo::client {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

/// Names something that was asked for until its answer comes; counts up from 1.
using Request = uint64_t;

/// What a client says about itself in CONNECT, and how it goes about its work.
struct Options {
  Version version = Version::v3_1_1;
  std::string client_id{};     ///< empty: the broker gives one (v3.1: it must not be empty)
  bool clean_start = true;     ///< v3: clean session
  uint16_t keep_alive_s = 60;  ///< 0: off
  std::optional<std::string> user_name{};
  std::optional<std::string> password{};
  std::optional<Message> will{};  ///< its properties are those of the will
  Properties properties{};        ///< of CONNECT, v5

  /// QoS 1 and 2 messages that may be under way at a time; the broker's Receive Maximum may make it
  /// less.
  uint16_t max_inflight = 20;
  /// Acknowledgements of received messages are sent by acknowledge(), not when on_message()
  /// returns.
  bool manual_acknowledge = false;
  /// When the broker has lost the session, what was subscribed to is subscribed to again.
  bool resubscribe = true;
  /// v5: topics that are published to again are sent as aliases, as far as the broker takes them.
  /// Not on a connection that sets aliases by property.
  bool topic_aliases = true;
  /// Requests are sent behind CONNECT already, before the broker's answer (MQTT 3.1.1 section 3.1.4
  /// allows it). The broker's limits are not known then. QoS 1 and 2: with clean_start alone.
  bool sends_early = false;
  /// How long the broker may take to answer CONNECT.
  std::chrono::milliseconds connect_timeout{30'000};
  /// Handler::on_packet() is called.
  bool trace = false;
};

/// The broker has let the client in.
struct Connected {
  bool session_present = false;
  std::string client_id{};    ///< the one that the broker gave, or ours
  uint16_t keep_alive_s = 0;  ///< the broker's word counts
  Properties properties{};
};

/// A message is done with. QoS 0: it is in the output. QoS 1 and 2: the broker has it, or (`reason`
/// from 0x80 on) refuses it.
struct Published {
  Request request = 0;
  uint16_t packet_id = 0;  ///< 0: none
  uint8_t reason = 0;
  Properties properties{};
};

/// A packet on its way, for logs.
struct PacketTrace {
  bool sent = false;       ///< or received
  std::string_view name;   ///< "PUBLISH"
  uint16_t packet_id = 0;  ///< 0: none
  uint8_t reason = 0;
  bool session_present = false;  ///< CONNACK
  Qos qos{};                     ///< PUBLISH
  bool dup = false;              ///< PUBLISH
  bool retain = false;           ///< PUBLISH
  std::string_view topic{};      ///< PUBLISH
  size_t payload_size = 0;       ///< PUBLISH
};

/// What a Machine tells. Calls may ask the machine for something more, but not end it.
class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  virtual void on_connected(const Connected& /*connected*/) {}

  virtual void on_message(const Received& /*message*/) {}

  virtual void on_published(const Published& /*published*/) {}

  /// A Reason Code for each filter; v3: the QoS, or 0x80.
  virtual void on_subscribed(Request /*request*/, std::span<const uint8_t> /*reasons*/,
                             const Properties& /*properties*/) {}

  virtual void on_unsubscribed(Request /*request*/, std::span<const uint8_t> /*reasons*/,
                               const Properties& /*properties*/) {}

  /// The broker goes on with an enhanced authentication; answer with authenticate().
  virtual void on_auth(uint8_t /*reason*/, const Properties& /*properties*/) {}

  /// The connection has ended, or is to be: close the transport. No error: it was asked for.
  virtual void on_disconnected(const Error& /*why*/) {}

  virtual void on_packet(const PacketTrace& /*packet*/) {}
};

/// An MQTT client without sockets, threads or clocks: bytes and the time go in, bytes and calls of
/// a Handler come out. So it fits into any event loop.
/// ```
/// Machine machine(options, handler);
/// machine.opened(now);                       // the transport has connected
/// write(machine.output()); machine.wrote(n); // whenever there is output
/// machine.received(bytes, now);
/// machine.passed(now);                       // at the latest at machine.deadline()
/// machine.closed(now);                       // then perhaps opened() again: the session goes on
/// ```
/// One thread at a time. Bounds: the output grows by what is published at QoS 0 while the transport
/// takes nothing (see output()); QoS 1 and 2 messages are kept until they are acknowledged (see
/// unacknowledged()). Who publishes a lot looks at both.
class Machine {
 public:
  /// `handler` outlives it.
  Machine(Options options, Handler& handler);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// For the connections that follow; the messages stay. Between v3 and v5 only while there are
  /// none.
  void set_options(Options options);

  // The transport.

  void opened(Time now);
  /// Requires: opened().
  void received(std::span<const uint8_t> bytes, Time now);
  /// Tells on_disconnected(), unless that was told before.
  void closed(Time now);
  void passed(Time now);
  /// When passed() has something to do, if nothing comes before.
  [[nodiscard]] std::optional<Time> deadline() const;
  /// Bytes to be written. Valid until the next call.
  [[nodiscard]] std::span<const uint8_t> output() const;
  /// The first so many of them were.
  void wrote(size_t count, Time now);
  /// Whether received() is called when bytes come. While it is not, no answer to a PINGREQ is
  /// missed.
  void set_reading(bool reads, Time now);
  /// The transport is to be closed once all output is written.
  [[nodiscard]] bool is_ending() const;

  // Requests. They fail at once, or are answered by the handler.

  /// May be called before there is a connection at QoS 1 and 2: it waits for one.
  [[nodiscard]] Error publish(const Message& message, Request& request);
  [[nodiscard]] Error subscribe(std::span<const Subscription> subscriptions,
                                const Properties& properties, Request& request);
  [[nodiscard]] Error unsubscribe(std::span<const std::string> filters,
                                  const Properties& properties, Request& request);
  /// Of a message that was received at QoS 1 or 2. Requires: manual_acknowledge.
  void acknowledge(uint16_t packet_id, Qos qos);
  [[nodiscard]] Error authenticate(uint8_t reason, const Properties& properties);
  /// Says good-bye. v5: with a Reason Code, such as 4 (publish the will).
  void disconnect(uint8_t reason = 0, const Properties& properties = {});

  // State.

  [[nodiscard]] bool is_connected() const;
  /// QoS 1 and 2 messages that were published and are not done with.
  [[nodiscard]] size_t unacknowledged() const;
  /// Those that could be under way and are not: as many publish() sends at once.
  [[nodiscard]] size_t room() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tombo::client

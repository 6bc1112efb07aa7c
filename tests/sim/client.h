#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "mqtt/frame.h"
#include "mqtt/packet.h"
#include "sim/network.h"
#include "sim/oracle.h"

namespace tombo::sim {

/// A session with at least this expiry interval outlives a world.
inline constexpr uint32_t kExpiryLong = 1'000'000;
/// One that ends soon.
inline constexpr uint32_t kExpiryShort = 10;
/// The topic aliases that a client takes, when it takes any.
inline constexpr uint32_t kAliasMaximum = 5;

/// How a client connects.
struct ConnectPlan {
  mqtt::Version version = mqtt::Version::v5;
  bool clean = false;
  uint32_t expiry = 0;  ///< v5, seconds
  uint16_t keep_alive = 0;
  bool with_will = false;
  bool pipelines = false;  ///< sends on before CONNACK
  size_t room = 1 << 20;   ///< bytes that its socket holds
};

/// A client that keeps to the standard, whatever happens to its connection, and tells the oracle
/// what it does and sees. It has its own idea of sessions, windows and packet ids; from the product
/// it uses the codec only.
class Client {
 public:
  Client(uint32_t index, Oracle& oracle) : index_(index), oracle_(oracle) {}

  void use(Network* network) { network_ = network; }

  /// Gives up a connection that is still there without telling anybody.
  void connect(const ConnectPlan& plan, Random& random);
  /// DISCONNECT, then the end of the stream. `with_will`: v5 reason 0x04.
  void disconnect(bool with_will, std::optional<uint32_t> expiry);
  /// The connection is gone without a word.
  void drop(bool reset);
  /// Topic, QoS, retain, is_empty and expires are given.
  void publish(Publication publication, Random& random);
  void subscribe(const std::vector<std::pair<std::string, mqtt::SubscribeOptions>>& filters,
                 bool with_id);
  void unsubscribe(const std::string& filter);
  /// A filter it is subscribed to; empty: none.
  [[nodiscard]] std::string some_filter(Random& random) const;
  void ping();
  /// Keeps its acknowledgements back, or lets go of them.
  void set_lazy(bool lazy);

  /// Reads up to `count` bytes and answers. True when it read anything or noticed an end.
  bool poll(size_t count);
  /// The broker was killed. `at_rest`: when all that had happened was safe.
  void broker_died(bool at_rest);
  /// It runs again, so much later by the wall clock.
  void broker_started(Duration later);
  /// Tells the oracle of wills that have had their time.
  void settle_wills(bool delay_is_over);

  /// Not while it is open whether the broker has seen an earlier CONNECT: if that came second, it
  /// would take the new one over.
  [[nodiscard]] bool may_connect() const {
    return is_open() ? accepted_ : unanswered_connect_ == nullptr || unanswered_connect_->ended;
  }

  [[nodiscard]] bool is_open() const { return socket_ != nullptr; }

  [[nodiscard]] bool is_connected() const { return accepted_; }

  /// May there be a session without a connection?
  [[nodiscard]] bool is_durable() const { return is_durable_; }

  [[nodiscard]] uint32_t index() const { return index_; }

  [[nodiscard]] uint16_t keep_alive() const { return plan_.keep_alive; }

  /// What is not answered: empty when there is nothing.
  [[nodiscard]] std::string waits_for() const;

  [[nodiscard]] const Socket* socket() const { return socket_; }

  [[nodiscard]] mqtt::Version version() const { return plan_.version; }

  /// The window that the configuration gives to v3 clients; 0: any.
  void set_window(uint32_t window) { window_ = window; }

  /// Retained messages that came as such, by topic.
  [[nodiscard]] const std::map<std::string, std::string>& retained() const { return retained_; }

 private:
  struct Outgoing {
    uint16_t packet_id = 0;
    uint32_t number = 0;
    mqtt::Qos qos{};
    bool released = false;   ///< PUBREC came, PUBREL is under way
    bool under_way = false;  ///< sent in this connection
  };

  struct Subscribing {
    std::vector<size_t> interests;
    std::string unsubscribing;  ///< a filter; empty: SUBSCRIBE
    size_t before = 0;          ///< of the oracle
  };

  /// A will of a connection that ended.
  struct PendingWill {
    Socket* socket = nullptr;  ///< null: the broker has died since
    uint32_t number = 0;
    Step since = 0;
    enum class Fate : uint8_t { due, delayed, cancelled, unknown } fate{};
    bool is_kept = false;  ///< its session outlives the broker
    Time at{};
  };

  /// What a will is worth after the broker has died; false when nothing more can be said of it.
  [[nodiscard]] bool outlives_broker(const PendingWill& will, bool at_rest);
  void send(const std::vector<uint8_t>& bytes);
  void send_connect(Random& random);
  const Publication& leave_will(Random& random);
  [[nodiscard]] bool may_send() const;
  void give_alias(const std::string& topic);
  void send_publish(const Outgoing& outgoing, bool dup);
  void acknowledge(mqtt::PacketType type, uint16_t packet_id);
  void send_acknowledgement(mqtt::PacketType type, uint16_t packet_id);
  void resend();
  [[nodiscard]] size_t under_way() const;
  void end_connection(PendingWill::Fate fate);
  [[nodiscard]] PendingWill::Fate fate_when_lost() const;
  uint16_t take_packet_id();
  [[nodiscard]] bool is_in_use(uint16_t packet_id) const;

  void on_frame(const mqtt::Frame& frame);
  void on_connack(const mqtt::Frame& frame);
  void on_publish(const mqtt::Frame& frame);
  void on_acknowledgement(const mqtt::Frame& frame);
  void on_suback(const mqtt::Frame& frame);
  void on_disconnect(const mqtt::Frame& frame);
  bool take_alias(const mqtt::Publish& packet, std::string& topic);
  void check_window(const mqtt::Publish& packet);
  void fail(std::string_view what);

  uint32_t index_;
  Oracle& oracle_;
  Network* network_ = nullptr;

  // The session.
  std::optional<uint32_t> generation_;
  std::vector<uint32_t> maybe_;  ///< sessions that a CONNECT without an answer may have ended
  bool is_durable_ = false;
  std::optional<bool> present_ = false;   ///< what CONNACK must say; nullopt: either
  bool ends_soon_ = false;                ///< its session is without a connection, for kExpiryShort
  bool has_ended_ = false;                ///< it did so, and perhaps that is not safe
  Socket* unanswered_connect_ = nullptr;  ///< a connection that ended before CONNACK
  Socket* last_without_session_ = nullptr;  ///< a connection whose session ends with it
  std::vector<Outgoing> outgoing_;
  std::set<uint16_t> received_;  ///< QoS 2 ids not released
  uint16_t last_packet_id_ = 0;

  // The connection.
  Socket* socket_ = nullptr;
  bool accepted_ = false;
  ConnectPlan plan_;
  Step connect_step_ = 0;
  std::vector<uint8_t> in_;
  std::map<uint16_t, Subscribing> subscribing_;
  std::map<uint16_t, mqtt::Qos> unanswered_;  ///< PUBLISHes of the broker
  std::vector<std::pair<mqtt::PacketType, uint16_t>> held_;
  std::map<uint32_t, std::string> aliases_;
  std::map<std::string, uint32_t> own_aliases_;
  std::vector<uint32_t> unsettled_;  ///< QoS 0 sent since
  std::vector<size_t> pings_;        ///< how many of those each PINGREQ followed
  uint32_t receive_maximum_ = 0;     ///< ours, in CONNECT
  uint32_t send_quota_ = 0;          ///< the broker's receive maximum
  uint32_t alias_maximum_ = 0;       ///< the broker's
  uint32_t window_ = 0;
  std::optional<uint32_t> will_;
  uint32_t will_delay_ = 0;
  bool lazy_ = false;

  std::vector<PendingWill> wills_;
  std::vector<uint32_t> cancelled_;  ///< wills that the disk may still have
  std::map<std::string, std::string> retained_;
};

}  // namespace tombo::sim

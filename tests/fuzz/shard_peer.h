#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/frame.h"
#include "mqtt/packet.h"

namespace tombo::fuzz {

/// What all clients of a world together have said, as far as it bounds what a broker may answer.
/// Only grows within a session, so that it is true whatever the broker has read of it by now.
class Sayings {
 public:
  /// A filter that a client asked for, below its listener's mount point.
  struct Wish {
    uint32_t peer = 0;  ///< who asked
    std::string filter;
    mqtt::Qos qos{};
    uint32_t subscription_id = 0;
  };

  struct Client {
    std::vector<Wish> wishes;
    std::set<uint16_t> exactly_once;  ///< ids of QoS 2 messages that came
    std::set<uint32_t> came;          ///< peers that sent a CONNECT
    std::set<uint32_t> let_in;        ///< ... and had a CONNACK
  };

  /// `topic` below the mount point.
  void note_published(std::string_view topic, Bytes payload, mqtt::Qos qos);
  /// The highest QoS that a message was published with; nullopt: never.
  [[nodiscard]] std::optional<mqtt::Qos> published(std::string_view topic, Bytes payload) const;

  [[nodiscard]] std::set<std::string> topics() const;

  std::map<std::string, Client, std::less<>> clients;  ///< by client id
  bool qos_is_upgraded = false;                        ///< upgrade_outgoing_qos was ever set

 private:
  static uint64_t key_of(std::string_view topic, Bytes payload);

  struct Published {
    std::string topic;
    mqtt::Qos qos{};
  };

  std::unordered_map<uint64_t, Published> published_;
};

/// The client's end of one connection: listens to what the client sends and checks that everything
/// the broker sends is what a server may send to such a client at that moment.
class Peer {
 public:
  Peer(Sayings& sayings, uint32_t number, std::string mount_point)
      : sayings_(sayings), number_(number), mount_point_(std::move(mount_point)) {}

  /// The client writes this.
  void sent(Bytes bytes);
  /// The broker has written this.
  void received(Bytes bytes);
  /// The broker has read everything and is at rest: has it answered?
  void check_answered() const;

  /// Acknowledgements of all that waits for one.
  [[nodiscard]] mqtt::Buffer answers() const;

  [[nodiscard]] bool is_let_in() const { return let_in_; }

  /// PUBLISH packets that came.
  [[nodiscard]] uint64_t deliveries() const { return deliveries_; }

  [[nodiscard]] mqtt::Version version() const { return version_; }

  /// An id that waits for an acknowledgement; 0: there is none.
  [[nodiscard]] uint16_t some_outstanding(uint8_t which) const;

 private:
  enum class State : uint8_t { at_least_once, exactly_once, released };

  /// A message whose id is in use.
  struct Outstanding {
    State state{};
    bool takes_place = false;  ///< its PUBLISH came on this connection
  };

  /// A SUBSCRIBE or UNSUBSCRIBE that was sent.
  struct Asked {
    mqtt::PacketType answer{};
    uint16_t id = 0;
    std::vector<mqtt::Qos> qos;
  };

  static mqtt::PacketType answer_to(State state);

  void on_sent(const mqtt::Frame& frame);
  void sent_connect(const mqtt::Frame& frame);
  void sent_publish(const mqtt::Frame& frame);
  void sent_acknowledgement(const mqtt::Frame& frame);
  void sent_subscribe(const mqtt::Frame& frame);
  void sent_unsubscribe(const mqtt::Frame& frame);

  void on_received(const mqtt::Frame& frame);
  void received_connack(const mqtt::Frame& frame);
  void received_publish(const mqtt::Frame& frame);
  void check_delivery(const mqtt::Publish& packet, std::string_view topic) const;
  [[nodiscard]] bool may_be(std::string_view topic, const mqtt::Publish& packet) const;
  void take_place(const mqtt::Publish& packet);
  void free_place(std::map<uint16_t, Outstanding>::iterator at);
  void received_acknowledgement(const mqtt::Frame& frame);
  void received_answer(const mqtt::Frame& frame);

  [[nodiscard]] const Sayings::Client& client() const;
  Sayings::Client& client();

  Sayings& sayings_;
  uint32_t number_;
  std::string mount_point_;
  mqtt::Buffer to_broker_;    ///< the beginning of a packet
  mqtt::Buffer from_broker_;  ///< the same of the other direction

  // What the CONNECT said.
  bool said_connect_ = false;
  bool hopeless_ = false;  ///< the first packet was no CONNECT that decodes
  mqtt::Version version_ = mqtt::Version::v3_1_1;
  std::string client_id_;
  bool clean_ = false;
  uint32_t packet_size_max_ = UINT32_MAX;
  uint32_t receive_maximum_ = UINT16_MAX;
  uint32_t alias_maximum_ = 0;

  bool let_in_ = false;
  bool ended_ = false;        ///< nothing may come any more
  Sayings::Client nameless_;  ///< while the client does not know its id
  std::map<uint32_t, std::string> aliases_in_;
  std::map<uint32_t, std::string> aliases_out_;
  std::map<uint16_t, Outstanding> outstanding_;
  uint32_t places_ = 0;                                     ///< of the receive maximum
  std::deque<std::pair<mqtt::PacketType, uint16_t>> owed_;  ///< PUBACK, PUBREC, PUBCOMP
  std::vector<Asked> asked_;
  std::set<uint16_t> recs_;  ///< ids of PUBREC that the client sent
  uint32_t pings_ = 0;
  uint64_t deliveries_ = 0;
};

}  // namespace tombo::fuzz

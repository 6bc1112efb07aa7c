#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mqtt/types.h"

namespace tombo::scenario {

/// Turns the words of a command into packets. Options are `name=value`; all other words are topics,
/// filters, payloads or packet ids by their place. Properties go by the standard's names
/// ("message-expiry-interval=10", "user-property=name:value"), those of a will with "will." in
/// front. `text*1000` as a value of topic, payload or property repeats the text a thousand times.
/// Nothing is checked: forbidden packets can be said too.
class PacketText {
 public:
  /// `client_id` stands in CONNECT unless id= says otherwise. `next_packet_id` is counted up when a
  /// packet needs an id and m= gives none.
  PacketText(mqtt::Version version, uint16_t& next_packet_id)
      : version_(version), next_packet_id_(next_packet_id) {}

  /// Appends the packet that `kind` ("publish", "subscribe", ...) names. False: error() says why.
  bool encode(const std::string& kind, std::span<const std::string> words,
              const std::string& client_id, std::vector<uint8_t>& out);

  [[nodiscard]] const std::string& error() const { return error_; }

  /// Does it turn words of this kind into packets?
  static bool knows(const std::string& kind);

 private:
  bool connect(std::span<const std::string> words, const std::string& client_id);
  bool publish(std::span<const std::string> words);
  bool subscribe(std::span<const std::string> words);
  bool unsubscribe(std::span<const std::string> words);
  bool acknowledge(const std::string& kind, std::span<const std::string> words);
  bool disconnect(std::span<const std::string> words);
  bool auth(std::span<const std::string> words);
  bool fail(const std::string& text);
  bool property(const std::string& name, const std::string& value, std::vector<uint8_t>& out);

  mqtt::Version version_;
  uint16_t& next_packet_id_;
  std::vector<uint8_t> packet_;
  std::string error_;
};

}  // namespace tombo::scenario

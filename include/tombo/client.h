#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tombo/answer.h"
#include "tombo/error.h"
#include "tombo/machine.h"
#include "tombo/target.h"
#include "tombo/types.h"

namespace tombo::client {

/// How a Client behaves.
struct Settings {
  Options connect{};  ///< what it says to the broker
  Target target{};    ///< where the broker is

  /// A connection that was lost is made again.
  bool reconnects = true;
  /// connect() goes on trying when there is nobody at first.
  bool retries_first = false;
  /// Between two attempts; doubles up to the second with each that fails.
  std::chrono::milliseconds reconnect_delay_min{1'000};
  std::chrono::milliseconds reconnect_delay_max{30'000};

  /// Messages and their bytes that were published and are not done with. As long as there are as
  /// many, publish() waits (in the client's own thread it fails with ErrorKind::queue_full).
  size_t queue_max = 1'000;
  size_t queue_bytes_max = size_t{16} << 20;
  /// Messages that wait for receive(). As long as there are as many, nothing is read from the
  /// broker.
  size_t inbox_max = 1'000;

  /// QoS 1 and 2 messages are kept in this file (SQLite) from publish() until the broker has them,
  /// so the next client with this file sends what a crash of this one has left. One client at a
  /// time. A message may then come twice, at QoS 2 too, if the crash came before its last
  /// acknowledgement. Empty: none.
  std::string queue_file{};
  /// Each publish() waits for the disk: the file survives a power cut, too.
  bool queue_file_synced = false;
};

/// A message that was received, to keep.
struct IncomingMessage {
  std::string topic{};
  std::string payload{};
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool dup = false;
  uint16_t packet_id = 0;  ///< 0 at QoS 0
  Properties properties{};
};

/// Reason Codes of SUBACK or UNSUBACK, one a filter; v3: the QoS, or 0x80.
using Reasons = std::vector<uint8_t>;

/// An MQTT client that has a thread of its own.
/// ```
/// Settings settings;
/// settings.target.host = "broker.example";
/// Client client(settings);
/// client.on_message([](const IncomingMessage& message) { ... });
/// if (auto in = client.connect().get(); !in) return fail(in.error.text);
/// client.subscribe("plant/#", Qos::at_least_once);
/// client.publish("plant/1", "21.5", Qos::at_least_once);
/// ```
/// All functions may be called from any thread, callbacks included, but set callbacks before
/// connect(). Callbacks run in the client's thread, one at a time, and must not throw; there, do
/// not wait for an Answer. A message goes to every callback whose filter it matches, or else to the
/// one for all, or else it waits for receive().
class Client {
 public:
  explicit Client(Settings settings);
  /// Says good-bye and ends the thread. Does not wait for acknowledgements: disconnect() does. What
  /// is unfinished fails with ErrorKind::ended. Not in a callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  using MessageCallback = std::function<void(const IncomingMessage&)>;
  /// Gives the properties of the answer; nullopt: the exchange is given up.
  using AuthCallback = std::function<std::optional<Properties>(uint8_t reason, const Properties&)>;

  void on_message(MessageCallback callback);
  /// For topics that match `filter`; an empty callback takes it away.
  void on_message(const std::string& filter, MessageCallback callback);
  /// Each time that the broker has let it in.
  void on_connected(std::function<void(const Connected&)> callback);
  /// Each time that a connection has ended. No error: it was asked for.
  void on_disconnected(std::function<void(const Error&)> callback);
  /// Each step of an enhanced authentication (v5 AUTH).
  void on_auth(AuthCallback callback);

  /// How the first attempt went, or with retries_first the first one that went well.
  [[nodiscard]] Answer<Connected> connect();
  [[nodiscard]] bool is_connected() const;

  /// Done when it is written (QoS 0), or when the broker has it. It waits for a connection if there
  /// is none, at QoS 0 too. `Published::reason` from 0x80 on: the broker has refused it.
  Answer<Published> publish(Message message);
  Answer<Published> publish(std::string topic, std::string payload, Qos qos = Qos::at_most_once,
                            bool retain = false);
  /// Messages that were published and are not done with.
  [[nodiscard]] size_t unfinished() const;

  Answer<Reasons> subscribe(std::string filter, Qos qos = Qos::at_most_once);
  Answer<Reasons> subscribe(std::vector<Subscription> subscriptions, Properties properties = {});
  Answer<Reasons> unsubscribe(std::string filter);
  Answer<Reasons> unsubscribe(std::vector<std::string> filters, Properties properties);

  /// The next message that no callback has taken. Fails when the connection is over for good.
  [[nodiscard]] Answer<IncomingMessage> receive();
  /// Of a message at QoS 1 or 2. Requires: Options::manual_acknowledge.
  void acknowledge(const IncomingMessage& message);

  /// Publishes with a Response Topic and Correlation Data of its own and gives the message that
  /// comes in answer (MQTT 5.0 section 4.10). ErrorKind::timeout: none came.
  Answer<IncomingMessage> request(Message message, std::chrono::milliseconds most);
  /// Answers one: publishes to its Response Topic, with its Correlation Data.
  Answer<Published> respond(const IncomingMessage& request, std::string payload,
                            Qos qos = Qos::at_most_once);

  /// Begins an enhanced authentication anew, v5; `properties` name the method.
  void reauthenticate(Properties properties);

  /// Waits for messages that were published, as long as it may, then says good-bye. After that
  /// connect() may be called again.
  Answer<bool> disconnect(std::chrono::milliseconds most = std::chrono::seconds(5),
                          uint8_t reason = 0, Properties properties = {});

 private:
  class Runner;
  std::unique_ptr<Runner> runner_;
};

}  // namespace tombo::client

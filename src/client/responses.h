#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tombo/answer.h"
#include "tombo/client.h"

namespace tombo::client {

/// Requests whose responses are to come (MQTT 5.0 section 4.10). Of the client's thread.
class Responses {
 public:
  Responses();

  /// A Response Topic that nobody else uses.
  [[nodiscard]] const std::string& topic() const { return topic_; }

  /// Adds the properties that say where the response goes, and waits for it until then.
  void add(Message& message, Time until, const Promise<IncomingMessage>& promise);

  /// True: it was the response to something.
  bool take(const IncomingMessage& message);

  /// Fails what takes too long.
  void expire(Time now);
  [[nodiscard]] std::optional<Time> deadline() const;
  void give_up(const Error& why);

 private:
  struct Waiting {
    Time until{};
    Promise<IncomingMessage> promise{};
  };

  std::string topic_;
  uint64_t last_ = 0;
  std::map<std::string, Waiting, std::less<>> waiting_;  // By Correlation Data.
};

}  // namespace tombo::client

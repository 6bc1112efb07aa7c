#pragma once

#include <cstdint>
#include <string_view>

namespace tombo::broker {

/// What a client wants to do with a topic. Values are Mosquitto's (MOSQ_ACL_*).
enum class Access : uint8_t { read = 1, write = 2, subscribe = 4, unsubscribe = 8 };

/// Whose access is asked for.
struct Identity {
  std::string_view client_id;
  std::string_view user_name;  ///< empty: anonymous
  uint16_t listener = 0;
};

enum class Decision : uint8_t {
  allowed,
  denied,
  dangerous_name,  ///< denied, because the client id or user name could be taken for a filter
};

/// Says who may do what. Immutable and shared by all shards; a reload makes a new one.
/// No authorizer at all: everything is allowed but what the broker itself forbids ($SYS).
class Authorizer {
 public:
  Authorizer() = default;
  Authorizer(const Authorizer&) = delete;
  Authorizer& operator=(const Authorizer&) = delete;
  virtual ~Authorizer() = default;
  [[nodiscard]] virtual Decision decide(const Identity& identity, Access access,
                                        std::string_view topic) const = 0;
};

}  // namespace tombo::broker

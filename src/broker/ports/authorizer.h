#pragma once

#include <cstdint>
#include <string>
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

enum class Outcome : uint8_t {
  allowed,
  denied,
  dangerous_name,  ///< denied, because the client id or user name could be taken for a filter
};

struct Decision {
  Outcome outcome = Outcome::allowed;
  uint32_t line = 0;  ///< of the rule that denies; 0: there is no rule that allows

  [[nodiscard]] bool is_allowed() const { return outcome == Outcome::allowed; }
};

/// A denial in words.
struct Explanation {
  std::string file;   ///< path of the file with the rules, as configured
  uint32_t line = 0;  ///< as in Decision
  std::string rule;   ///< "deny write to plant/+/cmd"
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
  /// Why `decision` was made of the same question; requires that it is no allowance. Apart from
  /// decide(), for it makes texts and is asked for rarely.
  [[nodiscard]] virtual Explanation explain(const Identity& identity, Access access,
                                            std::string_view topic, Decision decision) const = 0;
};

}  // namespace tombo::broker

#pragma once

#include <string_view>

#include "base/result.h"
#include "config/draft.h"

// Setters of options with words, units or rules of their own; see Setter in options.h.
namespace tombo::config {

// Of tombo.
Result<void> set_compatibility(Draft& draft, std::string_view option, std::string_view rest);

// Client ids and sessions.
Result<void> set_durability(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_auto_id_prefix(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_listener_auto_id_prefix(Draft& draft, std::string_view option,
                                         std::string_view rest);
Result<void> set_per_listener_settings(Draft& draft, std::string_view option,
                                       std::string_view rest);
Result<void> set_persistent_client_expiration(Draft& draft, std::string_view option,
                                              std::string_view rest);

// Limits.
Result<void> set_max_inflight_messages(Draft& draft, std::string_view option,
                                       std::string_view rest);
Result<void> set_max_packet_size(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_message_size_limit(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_retain_expiry_interval(Draft& draft, std::string_view option,
                                        std::string_view rest);

// The log.
Result<void> set_log_dest(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_log_type(Draft& draft, std::string_view option, std::string_view rest);

// Listeners.
Result<void> set_listener(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_port(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_bind_address(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_socket_domain(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_protocol(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_websockets_origin(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_packet_buffer_size(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_accept_protocol_versions(Draft& draft, std::string_view option,
                                          std::string_view rest);
Result<void> set_max_qos(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_max_topic_alias(Draft& draft, std::string_view option, std::string_view rest);
Result<void> set_max_topic_alias_broker(Draft& draft, std::string_view option,
                                        std::string_view rest);
Result<void> set_mount_point(Draft& draft, std::string_view option, std::string_view rest);

// Without effect: the value is checked, then forgotten.
Result<void> check_boolean(Draft& draft, std::string_view option, std::string_view rest);
Result<void> check_integer(Draft& draft, std::string_view option, std::string_view rest);
Result<void> check_text(Draft& draft, std::string_view option, std::string_view rest);
Result<void> warn_unavailable(Draft& draft, std::string_view option, std::string_view rest);

// Not supported yet: an error. A boolean may be given as false, which is how the broker behaves.
Result<void> refuse(Draft& draft, std::string_view option, std::string_view rest);
Result<void> refuse_true(Draft& draft, std::string_view option, std::string_view rest);

}  // namespace tombo::config

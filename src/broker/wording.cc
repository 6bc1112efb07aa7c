#include "broker/wording.h"

#include <fmt/core.h>

namespace tombo::broker {
namespace {

std::string_view words(EndCause cause) {
  switch (cause) {
    case EndCause::normal:
      return "";
    case EndCause::closed_by_client:
      return "connection closed by client";
    case EndCause::socket_error:
      return "bad socket read/write";
    case EndCause::timeout:
      return "exceeded timeout";
    case EndCause::taken_over:
      return "session taken over";
    case EndCause::not_authorised:
      return "not authorised";
    case EndCause::bad_user_name_or_password:
      return "bad username or password";
    case EndCause::administrative:
      return "administrative action";
    case EndCause::malformed:
      return "malformed packet";
    case EndCause::protocol_error:
      return "protocol error";
    case EndCause::oversize:
      return "oversize packet";
    case EndCause::receive_maximum:
      return "receive maximum exceeded";
    case EndCause::topic_alias:
      return "topic alias invalid";
    case EndCause::quota:
      return "quota exceeded";
    case EndCause::server_busy:
      return "server busy";
    case EndCause::client_identifier:
      return "client identifier not valid";
    case EndCause::disallowed_feature:
      return "used disallowed feature (QoS too high, retain not supported, or bad AUTH method)";
    case EndCause::bad_authentication_method:
      return "bad authentication method";
    case EndCause::payload_format:
      return "payload format invalid";
    case EndCause::shutting_down:
      return "server shutting down";
    case EndCause::other:
      return "implementation specific error";
  }
  return "";
}

EndLine line_of_2_0(EndCause cause, std::string_view client, std::string_view detail) {
  switch (cause) {
    case EndCause::normal:
      return {fmt::format("Client {} disconnected.", client)};
    case EndCause::closed_by_client:
      return {fmt::format("Client {} closed its connection.", client)};
    case EndCause::socket_error:
      return {fmt::format("Bad socket read/write on client {}: {}", client, detail)};
    case EndCause::timeout:
      return {fmt::format("Client {} has exceeded timeout, disconnecting.", client)};
    case EndCause::taken_over:
      return {fmt::format("Client {} already connected, closing old connection.", client), true};
    case EndCause::not_authorised:
    case EndCause::bad_user_name_or_password:
      return {fmt::format("Client {} disconnected, not authorised.", client)};
    case EndCause::administrative:
      return {fmt::format("Client {} been disconnected by administrative action.", client)};
    case EndCause::shutting_down:
      return {fmt::format("Client {} disconnected.", client)};
    case EndCause::malformed:
    case EndCause::protocol_error:
    case EndCause::oversize:
    case EndCause::receive_maximum:
    case EndCause::topic_alias:
    case EndCause::quota:
    case EndCause::server_busy:
    case EndCause::client_identifier:
    case EndCause::disallowed_feature:
    case EndCause::bad_authentication_method:
    case EndCause::payload_format:
    case EndCause::other:
      return {fmt::format("Client {} disconnected due to {}.", client, words(cause))};
  }
  return {};
}

}  // namespace

EndCause cause_of(mqtt::Reason reason) {
  switch (reason) {
    case mqtt::Reason::success:
    case mqtt::Reason::disconnect_with_will:
      return EndCause::normal;
    case mqtt::Reason::malformed_packet:
    case mqtt::Reason::topic_name_invalid:
    case mqtt::Reason::topic_filter_invalid:
      return EndCause::malformed;
    case mqtt::Reason::protocol_error:
      return EndCause::protocol_error;
    case mqtt::Reason::packet_too_large:
      return EndCause::oversize;
    case mqtt::Reason::keep_alive_timeout:
      return EndCause::timeout;
    case mqtt::Reason::session_taken_over:
      return EndCause::taken_over;
    case mqtt::Reason::not_authorized:
    case mqtt::Reason::banned:
      return EndCause::not_authorised;
    case mqtt::Reason::bad_user_name_or_password:
      return EndCause::bad_user_name_or_password;
    case mqtt::Reason::receive_maximum_exceeded:
      return EndCause::receive_maximum;
    case mqtt::Reason::topic_alias_invalid:
      return EndCause::topic_alias;
    case mqtt::Reason::quota_exceeded:
      return EndCause::quota;
    case mqtt::Reason::server_busy:
    case mqtt::Reason::server_unavailable:
      return EndCause::server_busy;
    case mqtt::Reason::client_identifier_not_valid:
      return EndCause::client_identifier;
    case mqtt::Reason::unsupported_protocol_version:
    case mqtt::Reason::qos_not_supported:
    case mqtt::Reason::retain_not_supported:
      return EndCause::disallowed_feature;
    case mqtt::Reason::bad_authentication_method:
      return EndCause::bad_authentication_method;
    case mqtt::Reason::payload_format_invalid:
      return EndCause::payload_format;
    case mqtt::Reason::server_shutting_down:
      return EndCause::shutting_down;
    case mqtt::Reason::administrative_action:
      return EndCause::administrative;
    default:
      return EndCause::other;
  }
}

EndLine end_line(config::Compatibility compatibility, EndCause cause, std::string_view client,
                 std::string_view address, std::string_view detail) {
  if (compatibility == config::Compatibility::v2_0) return line_of_2_0(cause, client, detail);
  if (cause == EndCause::normal) {
    return {fmt::format("Client {} [{}] disconnected.", client, address)};
  }
  if (cause == EndCause::socket_error) {
    return {
        fmt::format("Client {} [{}] disconnected: {}: {}", client, address, words(cause), detail)};
  }
  return {fmt::format("Client {} [{}] disconnected: {}.", client, address, words(cause))};
}

}  // namespace tombo::broker

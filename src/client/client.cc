#include "tombo/client.h"

#include <utility>

#include "client/runner.h"

namespace tombo::client {

Client::Client(Settings settings) : runner_(std::make_unique<Runner>(std::move(settings))) {}

Client::~Client() = default;

void Client::on_message(MessageCallback callback) {
  runner_->callbacks().on_message = std::move(callback);
}

void Client::on_message(const std::string& filter, MessageCallback callback) {
  runner_->callbacks().set(filter, std::move(callback));
}

void Client::on_connected(std::function<void(const Connected&)> callback) {
  runner_->callbacks().on_connected = std::move(callback);
}

void Client::on_disconnected(std::function<void(const Error&)> callback) {
  runner_->callbacks().on_disconnected = std::move(callback);
}

void Client::on_auth(AuthCallback callback) {
  runner_->callbacks().on_auth = std::move(callback);
}

Answer<Connected> Client::connect() {
  const Promise<Connected> promise;
  runner_->post([runner = runner_.get(), promise] { runner->connect(promise); });
  return promise.answer();
}

bool Client::is_connected() const {
  return runner_->is_connected();
}

Answer<Published> Client::publish(Message message) {
  return runner_->publish(std::move(message));
}

Answer<Published> Client::publish(std::string topic, std::string payload, Qos qos, bool retain) {
  return publish(Message{
      .topic = std::move(topic), .payload = std::move(payload), .qos = qos, .retain = retain});
}

size_t Client::unfinished() const {
  return runner_->outbox().unfinished();
}

Answer<Reasons> Client::subscribe(std::string filter, Qos qos) {
  return subscribe(
      std::vector<Subscription>{Subscription{.filter = std::move(filter), .qos = qos}});
}

Answer<Reasons> Client::subscribe(std::vector<Subscription> subscriptions, Properties properties) {
  const Promise<Reasons> promise;
  runner_->post([runner = runner_.get(), subscriptions = std::move(subscriptions),
                 properties = std::move(properties),
                 promise] { runner->subscribe(subscriptions, properties, promise); });
  return promise.answer();
}

Answer<Reasons> Client::unsubscribe(std::string filter) {
  return unsubscribe(std::vector<std::string>{std::move(filter)}, {});
}

Answer<Reasons> Client::unsubscribe(std::vector<std::string> filters, Properties properties) {
  const Promise<Reasons> promise;
  runner_->post([runner = runner_.get(), filters = std::move(filters),
                 properties = std::move(properties),
                 promise] { runner->unsubscribe(filters, properties, promise); });
  return promise.answer();
}

Answer<IncomingMessage> Client::receive() {
  return runner_->inbox().take();
}

void Client::acknowledge(const IncomingMessage& message) {
  runner_->post([runner = runner_.get(), packet_id = message.packet_id, qos = message.qos] {
    runner->acknowledge(packet_id, qos);
  });
}

Answer<IncomingMessage> Client::request(Message message, std::chrono::milliseconds most) {
  const Promise<IncomingMessage> promise;
  runner_->post([runner = runner_.get(), message = std::move(message), most, promise] {
    runner->request(message, most, promise);
  });
  return promise.answer();
}

Answer<Published> Client::respond(const IncomingMessage& request, std::string payload, Qos qos) {
  Message response{.payload = std::move(payload), .qos = qos};
  const std::string* topic = request.properties.text(PropertyId::response_topic);
  if (topic == nullptr) {
    const Promise<Published> promise;
    promise.fail({.kind = ErrorKind::invalid_argument, .text = "it has no Response Topic"});
    return promise.answer();
  }
  response.topic = *topic;
  const std::string* correlation = request.properties.text(PropertyId::correlation_data);
  if (correlation != nullptr) response.properties.add(PropertyId::correlation_data, *correlation);
  return publish(std::move(response));
}

void Client::reauthenticate(Properties properties) {
  constexpr uint8_t kReauthenticate = 0x19;
  runner_->post([runner = runner_.get(), properties = std::move(properties)] {
    runner->authenticate(kReauthenticate, properties);
  });
}

Answer<bool> Client::disconnect(std::chrono::milliseconds most, uint8_t reason,
                                Properties properties) {
  const Promise<bool> promise;
  runner_->cancel();
  runner_->post([runner = runner_.get(), until = Clock::now() + most, reason,
                 properties = std::move(properties), promise] {
    runner->leave({.until = until, .reason = reason, .properties = properties, .promise = promise});
  });
  return promise.answer();
}

}  // namespace tombo::client

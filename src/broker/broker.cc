#include "broker/broker.h"

#include "broker/core.h"

namespace tombo::broker {

Broker::Broker(BrokerSetup setup) : core_(std::make_unique<Core>(std::move(setup))) {}

Broker::~Broker() = default;

ConnectionId Broker::on_open(const OpenInfo& info, Now now) {
  return core_->on_open(info, now);
}

ConnectionId Broker::on_adopt(mail::Adopt& adopt, Now now) {
  return core_->on_adopt(adopt, now);
}

void Broker::on_client_address(ConnectionId id, std::string_view address, bool pending) {
  core_->on_client_address(id, address, pending);
}

void Broker::on_peer_name(ConnectionId id, std::string name) {
  core_->on_peer_name(id, std::move(name));
}

void Broker::on_peer_address(ConnectionId id, std::string_view address) {
  core_->on_peer_address(id, address);
}

size_t Broker::on_bytes(ConnectionId id, Bytes bytes, Now now) {
  return core_->on_bytes(id, bytes, now);
}

void Broker::on_closed(ConnectionId id, CloseCause cause, std::string_view detail, Now now) {
  core_->on_closed(id, cause, detail, now);
}

void Broker::on_mail(Mail mail, Now now) {
  core_->on_mail(std::move(mail), now);
}

void Broker::on_time(Now now) {
  core_->on_time(now);
}

std::optional<Time> Broker::next_deadline() const {
  return core_->next_deadline();
}

void Broker::end_turn(Now now) {
  core_->end_turn(now);
}

Output& Broker::output() {
  return core_->output();
}

bool Broker::gather(ConnectionId id, FlushBuffer& buffer, Now now) {
  return core_->gather(id, buffer, now);
}

bool Broker::wrote(ConnectionId id, FlushBuffer& buffer, size_t count) {
  return core_->wrote(id, buffer, count);
}

const Stats& Broker::stats() {
  return core_->stats();
}

std::string Broker::subscription_tree() const {
  return core_->subscription_tree();
}

}  // namespace tombo::broker

#include "broker/stats.h"

#include <cstddef>

namespace tombo::broker {

void Stats::add(const Stats& other) {
  bytes_received += other.bytes_received;
  bytes_sent += other.bytes_sent;
  messages_received += other.messages_received;
  messages_sent += other.messages_sent;
  publish_messages_received += other.publish_messages_received;
  publish_messages_sent += other.publish_messages_sent;
  publish_messages_dropped += other.publish_messages_dropped;
  publish_bytes_received += other.publish_bytes_received;
  publish_bytes_sent += other.publish_bytes_sent;
  sockets_opened += other.sockets_opened;
  connections_accepted += other.connections_accepted;
  clients_expired += other.clients_expired;
  connects_refused += other.connects_refused;
  publishes_refused += other.publishes_refused;
  subscribes_refused += other.subscribes_refused;
  deliveries_refused += other.deliveries_refused;
  for (size_t i = 0; i < packets_received.size(); ++i) {
    packets_received[i] += other.packets_received[i];
    packets_sent[i] += other.packets_sent[i];
  }
  for (size_t i = 0; i < limit_hits.size(); ++i) limit_hits[i] += other.limit_hits[i];
  sessions += other.sessions;
  connected += other.connected;
  subscriptions += other.subscriptions;
  shared_subscriptions += other.shared_subscriptions;
  retained_messages += other.retained_messages;
  stored_messages += other.stored_messages;
  stored_bytes += other.stored_bytes;
  packets_waiting += other.packets_waiting;
  packet_bytes_waiting += other.packet_bytes_waiting;
}

}  // namespace tombo::broker

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "broker/ids.h"
#include "broker/mail.h"

namespace tombo::broker {

/// What a turn of the broker wants done. The shard that drives it carries everything out when the
/// turn is flushed and then clears it. The broker only appends.
/// Order of carrying out: all first_mails, then all mails, then writes of `dirty`, then closes,
/// then moves, reads last.
struct Output {
  /// Connections that have bytes to write: pull them with Broker::gather(). No doubles.
  std::vector<ConnectionId> dirty;
  /// Connections to close once what gather() gives has been written (or at once if the socket does
  /// not take it): nothing is read from them any more. Broker::on_closed() follows.
  std::vector<ConnectionId> close;
  /// Connections whose reading stops or goes on (back-pressure). The last entry for an id counts.
  std::vector<std::pair<ConnectionId, bool>> reading;

  /// Connections that go home: take the transport out, put it into adopt->transport, send the mail.
  /// The id is dead from then on, without on_closed().
  struct Move {
    ConnectionId connection;
    ShardId to;
    std::unique_ptr<mail::Adopt> adopt;
  };

  std::vector<Move> moves;
  /// Mails that must be in their destinations' mailboxes before any of `mails` is in any: whoever
  /// learns of a retained message by mail and then asks its keeper must find it there.
  std::vector<std::vector<Mail>> first_mails;
  /// Mails by destination shard; order within a destination matters.
  std::vector<std::vector<Mail>> mails;
  /// A connection has gathered so much that it should be written before the next read.
  bool wants_flush = false;

  explicit Output(unsigned shards) : first_mails(shards), mails(shards) {}
};

/// What gather() gives of a connection: bytes in memory that stay put until the next wrote().
struct Slice {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

}  // namespace tombo::broker

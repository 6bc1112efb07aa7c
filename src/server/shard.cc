#include "server/shard.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "broker/interest.h"
#include "server/carried_transport.h"
#include "server/clock.h"

namespace tombo::server {
namespace {

using broker::Mail;
using broker::Output;
namespace mail = broker::mail;

/// Mails taken out of the mailbox in a turn.
constexpr size_t kMailsPerTurn = 4096;
/// How often a turn goes round, when carrying out effects has effects itself (a write fails, a will
/// is published, its subscriber is here). What is left then waits for the next turn.
constexpr int kRoundsPerTurn = 16;
constexpr Duration kStatsEvery{100};

broker::BrokerSetup complete(broker::BrokerSetup setup, Logger& log, Now now) {
  setup.log = &log;
  setup.start = now.time;
  return setup;
}

}  // namespace

Shard::Shard(broker::BrokerSetup setup, const ShardCommons& commons)
    : log_(commons.log, setup.config->log.log_type),
      config_(setup.config),
      commons_(commons),
      self_(setup.shard.value()),
      now_(read_clock()),
      broker_(complete(std::move(setup), log_, now_)),
      lingering_(loop_, kLingerTag),
      websockets_(make_websockets(*config_)),
      scratch_(std::make_unique_for_overwrite<std::array<uint8_t, size_t{64} * 1024>>()) {
  if (commons.interest != nullptr && self_ == 0) {
    reclaim_.emplace(commons.interest->masks(), commons.fence);
  }
}

Shard::~Shard() = default;

void Shard::start(std::vector<Shard*> shards) {
  shards_ = std::move(shards);
  thread_ = Thread(fmt::format("tombo-{}", self_), [this] { run(); });
}

void Shard::post(std::unique_ptr<MailBatch> batch) {
  if (mailbox_.push(std::move(batch))) loop_.wake();
}

void Shard::order(Order order) {
  auto batch = std::make_unique<tombo::MailBatch<Order>>();
  batch->items.push_back(std::move(order));
  if (orders_.push(std::move(batch))) loop_.wake();
}

void Shard::run() noexcept {
  while (!has_finished()) turn();
  publish_stats();
  commons_.fence.set_idle(self_, true);
}

bool Shard::has_finished() const {
  if (!finish_by_) return false;
  return (links_.size() == 0 && lingering_.size() == 0) || now_.time >= *finish_by_;
}

void Shard::turn() {
  const std::span<const net::Event> events = wait();
  now_ = read_clock();
  handshake_time_ = {};
  take_order();
  take_mail();
  resume_writes();
  for (const net::Event& event : events) on_event(event);
  lingering_.expire(now_.time);
  retry_gates();
  broker_.on_time(now_);
  finish_turn();
  commons_.fence.pass(self_);
  if (reclaim_) reclaim_->step();
  if (now_.time - stats_at_ >= kStatsEvery) publish_stats();
}

/// Waits for something to do: not at all if there is something already.
std::span<const net::Event> Shard::wait() {
  const std::optional<Duration> limit = time_to_sleep();
  // First announced in both mailboxes, then sleep: a producer that comes in between finds the
  // announcement and wakes the loop, whose wake-up stays until it waits.
  const bool sleeps = limit != Duration(0) && orders_.try_sleep() && mailbox_.try_sleep();
  if (!sleeps) {
    orders_.awake();
    return loop_.wait(Duration(0));
  }
  publish_stats();
  commons_.fence.set_idle(self_, true);
  const std::span<const net::Event> events = loop_.wait(limit);
  commons_.fence.set_idle(self_, false);
  orders_.awake();
  mailbox_.awake();
  return events;
}

/// How long the loop may wait; nullopt: until something comes.
std::optional<Duration> Shard::time_to_sleep() {
  if (busy_) return Duration(0);
  std::optional<Time> deadline = broker_.next_deadline();
  for (const std::optional<Time>& other :
       {lingering_.next_deadline(), retry_gates_at_, finish_by_}) {
    if (other) deadline = std::min(deadline.value_or(*other), *other);
  }
  if (!deadline) return std::nullopt;
  return std::max(*deadline - read_clock().time, Duration(0));
}

void Shard::take_order() {
  // One a turn: when the next order is carried out, the turn of this one has ended.
  orders_.drain(1, [this](Order&& order) { order(*this); });
  busy_ = orders_.has_mail();
}

void Shard::take_mail() {
  mailbox_.drain(kMailsPerTurn, [this](Mail&& each) { deliver(std::move(each)); });
}

void Shard::deliver(Mail&& each) {
  if (auto* moved = std::get_if<std::unique_ptr<mail::Adopt>>(&each)) {
    adopt(**moved);
  } else {
    broker_.on_mail(std::move(each), now_);
  }
  if (broker_.output().wants_flush) flush();
}

void Shard::adopt(mail::Adopt& adopt) {
  auto transport = CarriedTransport::unpack(std::move(adopt.transport));
  const uint16_t listener = adopt.listener;
  const broker::ConnectionId id = broker_.on_adopt(adopt, now_);
  if (Link* link = tie(id, std::move(transport), listener)) link->introduced = true;
  for (Bytes rest = adopt.bytes; !rest.empty();) {
    flush();
    rest = rest.subspan(broker_.on_bytes(id, rest, now_));
  }
}

/// Takes in what the broker has for its own shard: it needs no mailbox, but it is mail all the
/// same, so that a handler never runs inside another.
void Shard::deliver_own() {
  std::vector<Mail>& own = broker_.output().mails[self_];
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    deliver_first();
    if (own.empty()) return;
    own_mail_.swap(own);
    for (Mail& each : own_mail_) deliver(std::move(each));
    own_mail_.clear();
  }
}

/// Sends the mails that must be everywhere before any other is anywhere.
void Shard::deliver_first() {
  std::vector<std::vector<Mail>>& first = broker_.output().first_mails;
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    send_mails(first);
    if (first[self_].empty()) return;
    std::vector<Mail> own;
    own.swap(first[self_]);
    for (Mail& each : own) broker_.on_mail(std::move(each), now_);
  }
}

/// Sends what there is in the middle of a turn: mail first, so that nobody sees an acknowledgement
/// of what is not on its way yet.
void Shard::flush() {
  deliver_first();
  send_mails(broker_.output().mails);
  write_dirty();
}

/// Carries out what the turn has come to.
void Shard::finish_turn() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    deliver_own();
    broker_.end_turn(now_);
    send_moves();
    flush();
    close_ended();
    apply_reading();
    if (!has_output()) break;
  }
  busy_ = busy_ || !again_.empty() || has_output();
}

void Shard::send_moves() {
  Output& output = broker_.output();
  for (Output::Move& move : output.moves) {
    Link* link = links_.find(move.connection);
    if (link == nullptr) continue;
    loop_.remove(link->transport->descriptor());
    move.adopt->transport = CarriedTransport::pack(links_.untie(*link));
    output.mails[move.to.value()].emplace_back(std::move(move.adopt));
  }
  output.moves.clear();
}

void Shard::send_mails(std::vector<std::vector<Mail>>& mails) {
  for (size_t to = 0; to < mails.size(); ++to) {
    if (to == self_ || mails[to].empty()) continue;
    auto batch = std::make_unique<MailBatch>();
    batch->items.swap(mails[to]);
    shards_[to]->post(std::move(batch));
  }
}

bool Shard::has_output() {
  const Output& output = broker_.output();
  const auto any = [](const std::vector<std::vector<Mail>>& mails) {
    return std::ranges::any_of(mails, [](const std::vector<Mail>& each) { return !each.empty(); });
  };
  return !output.dirty.empty() || !output.close.empty() || !output.reading.empty() ||
         !output.moves.empty() || any(output.mails) || any(output.first_mails);
}

void Shard::publish_stats() {
  stats_at_ = now_.time;
  broker::Stats stats = broker_.stats();
  for (size_t i = 0; i < stats.limit_hits.size(); ++i) {
    stats.limit_hits[i] += denied_.limit_hits[i];
  }
  stats_slot_.put(stats);
}

void Shard::reconfigure(mail::Reconfigure change) {
  config_ = change.config;
  websockets_ = make_websockets(*config_);
  log_.set_types(config_->log.log_type);
  for (Gate& gate : gates_) gate.listener.set_no_delay(config_->set_tcp_nodelay);
  broker_.on_mail(std::move(change), now_);
}

void Shard::close_listeners() {
  // Events of this turn for them find no gate.
  for (const Gate& gate : gates_) forget(gate);
  gates_.clear();
  retry_gates_at_.reset();
}

void Shard::finish(Duration limit) {
  finish_by_ = now_.time + limit;
}

}  // namespace tombo::server

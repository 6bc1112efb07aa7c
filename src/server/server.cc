#include "server/server.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sched.h>
#include <sys/random.h>
#include <utility>

#include <fmt/core.h>

#include "base/check.h"
#include "server/signals.h"

namespace tombo::server {
namespace {

namespace mail = broker::mail;

/// Time for the last bytes to reach clients at a clean end.
constexpr Duration kFinishLimit{1000};
/// Mail that sets off other mail (retained messages, shared subscriptions) takes a few turns.
constexpr int kSettleRoundsMin = 4;
constexpr int kSettleRoundsMax = 100;

unsigned cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Those this process may use, which in a container are fewer than there are.
  const int count = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return static_cast<unsigned>(count);
}

uint64_t random_seed() {
  uint64_t seed = 0;
  CHECK(::getrandom(&seed, sizeof seed, 0) == ssize_t{sizeof seed});
  return seed;
}

/// Enough to keep logins going, few enough to leave the cores to the shards, and the memory that
/// argon2id takes on each of them within bounds.
unsigned hash_threads_for(const config::Config& config) {
  return std::clamp(Server::shards_for(config) / 2, 1U, 4U);
}

}  // namespace

unsigned Server::shards_for(const config::Config& config) {
  if (config.threads != 0) return std::min(config.threads, config::kThreadsMax);
  return std::clamp(cores(), 1U, config::kThreadsMax);
}

Server::Server(const Setup& setup, LogSink& log_sink, std::unique_ptr<Persistence> persistence)
    : config_(setup.config),
      log_sink_(log_sink),
      admission_(*config_, random_seed()),
      persistence_(std::move(persistence)),
      hash_seed_(random_seed()),
      fence_(shards_for(*config_)),
      tls_(setup.tls),
      listening_(shards_for(*config_)) {
  if (persistence_ != nullptr) {
    export_ = std::make_unique<DatabaseExport>(*persistence_->frames, log_sink_);
  }
  const unsigned count = shards_for(*config_);
  hash_pool_ = std::make_unique<auth::HashPool>(
      hash_threads_for(*config_),
      [this](broker::ShardId shard, std::unique_ptr<mail::AuthDecided> decided) {
        auto batch = std::make_unique<Shard::MailBatch>();
        batch->items.emplace_back(std::move(decided));
        shards_[shard.value()]->post(std::move(batch));
      });
  if (setup.logins->need_passwords()) hash_pool_->start();
  if (count > 1) interest_ = std::make_unique<broker::InterestTable>(hash_seed_);
  for (unsigned i = 0; i < count; ++i) {
    broker::BrokerSetup shard;
    shard.shard = broker::ShardId(static_cast<uint8_t>(i));
    shard.shards = count;
    shard.config = config_;
    shard.interest = interest_.get();
    shard.store = &nowhere_;
    if (persistence_ != nullptr) {
      shard.store = persistence_->store.get();
      shard.first_session_key = persistence_->store->next_session_key();
      shard.first_decision = persistence_->store->next_decision();
    }
    shard.authorizer = setup.authorizer;
    authenticators_.push_back(
        std::make_unique<auth::LoginAuthenticator>(*hash_pool_, setup.logins));
    shard.authenticator = authenticators_.back().get();
    shard.admission = &admission_;
    shard.hash_seed = hash_seed_;
    shard.random_seed = random_seed();
    shards_.push_back(std::make_unique<Shard>(
        std::move(shard), ShardCommons{admission_, log_sink_, fence_, interest_.get()}));
  }
}

Server::~Server() {
  stop();
  // Its threads post to shards, which need not run any more but have to be there.
  hash_pool_->stop();
}

void Server::start() {
  std::vector<Shard*> all;
  for (const std::unique_ptr<Shard>& shard : shards_) all.push_back(shard.get());
  for (Shard* shard : all) shard->start(all);
  running_ = true;
  if (persistence_ == nullptr) return;
  start_store();
  restore();
}

void Server::start_store() {
  persistence_->store->start(
      {.committed =
           [this](broker::ShardId shard, uint64_t number) {
             auto batch = std::make_unique<Shard::MailBatch>();
             batch->items.emplace_back(mail::Committed{number});
             shards_[shard.value()]->post(std::move(batch));
           },
       .page =
           [this](broker::ShardId shard, std::unique_ptr<broker::QueuePage> page) {
             auto batch = std::make_unique<Shard::MailBatch>();
             batch->items.emplace_back(std::move(page));
             shards_[shard.value()]->post(std::move(batch));
           },
       .failed = [this](const Error& error) { on_store_failed(error); },
       .full = [this](bool is_full) { on_disk_full(is_full); }});
}

/// What is on the disk is not known any more, so nothing may be acknowledged, and the store says
/// that nothing is safe. Clients learn of it by the end of their connections.
void Server::on_store_failed(const Error& error) {
  if (failed_.test_and_set()) return;
  log_sink_.write(LogType::error,
                  fmt::format("Error: The store failed, nothing is acknowledged any more and the "
                              "broker ends: {}.",
                              error.text));
  ask_to_stop();
}

void Server::on_disk_full(bool is_full) {
  for (const std::unique_ptr<Shard>& shard : shards_) {
    auto batch = std::make_unique<Shard::MailBatch>();
    batch->items.emplace_back(mail::DiskFull{is_full});
    shard->post(std::move(batch));
  }
  // Who reads it can count on it.
  if (is_full) {
    log_sink_.write(LogType::warning,
                    "Warning: The disk of the store is full: QoS 1 and 2, new sessions and "
                    "subscriptions that stay are refused until there is room.");
  } else {
    log_sink_.write(LogType::notice, "The disk of the store has room again.");
  }
}

void Server::restore() {
  const auto post = [this](unsigned shard, broker::Mail mail) {
    auto batch = std::make_unique<Shard::MailBatch>();
    batch->items.push_back(std::move(mail));
    shards_[shard]->post(std::move(batch));
  };
  for (SharedRef<const mqtt::Message>& message : std::exchange(persistence_->retained, {})) {
    message->share_across_shards();
    const unsigned home = broker::home_of(message->topic(), hash_seed_, shard_count()).value();
    post(home, mail::RestoreRetained{std::move(message)});
  }
  for (broker::RestoredSession& session : std::exchange(persistence_->sessions, {})) {
    const unsigned home =
        broker::home_of(session.record.client_id, hash_seed_, shard_count()).value();
    post(home, std::make_unique<mail::RestoreSession>(mail::RestoreSession{std::move(session)}));
  }
  let_mail_settle();
  for (unsigned shard = 0; shard < shard_count(); ++shard) post(shard, mail::RestoreDone{});
}

Result<void> Server::listen(Logger& log) {
  Result<Listening::Change> opened = listening_.plan(*config_, log);
  if (!opened) return opened.error();
  first_ = std::move(*opened);
  return {};
}

void Server::listen(Listening listening, Listening::Change opened) {
  listening_ = std::move(listening);
  first_ = std::move(opened);
}

void Server::accept() {
  on_all_shards([this](Shard& shard, size_t /*index*/) { shard.set_tls(tls_); });
  hand_over(*std::exchange(first_, std::nullopt));
}

void Server::hand_over(Listening::Change change) {
  on_all_shards([&change](Shard& shard, size_t index) {
    for (const Listening::Change::Move& move : change.moved) {
      shard.move_address(move.address, move.listener);
    }
    shard.close_unused_listeners();
    for (OpenAddress& address : change.opened) {
      if (index >= address.sockets.size()) continue;
      shard.add_listener({std::move(address.sockets[index]), address.listener, address.number});
    }
  });
  listening_.commit(*config_, std::move(change));
}

void Server::stop() {
  if (!std::exchange(running_, false)) return;
  on_all_shards([](Shard& shard, size_t /*index*/) {
    shard.close_listeners();
    shard.deliver(mail::Shutdown{mail::Shutdown::Step::publish_wills});
  });
  listening_.close();
  let_mail_settle();
  on_all_shards([](Shard& shard, size_t /*index*/) {
    shard.deliver(mail::Shutdown{mail::Shutdown::Step::disconnect});
    shard.finish(kFinishLimit);
  });
  for (const std::unique_ptr<Shard>& shard : shards_) shard->join();
  if (persistence_ == nullptr) return;
  persistence_->store->stop();
  if (!has_failed()) export_->finish(*config_);
}

void Server::save_database() {
  export_->begin(config_);
}

/// Waits until the mail that shards have for each other has been dealt with, or for so many turns
/// that it is not the wills that keep them busy.
void Server::let_mail_settle() {
  for (int round = 0; round < kSettleRoundsMax; ++round) {
    std::vector<char> busy(shards_.size());
    on_all_shards([&busy](Shard& shard, size_t index) { busy[index] = shard.is_quiet() ? 0 : 1; });
    const bool quiet = std::ranges::count(busy, char{0}) == std::ssize(busy);
    if (quiet && round >= kSettleRoundsMin) return;
  }
}

void Server::on_all_shards(const std::function<void(Shard&, size_t)>& order) {
  // Shared, because the last shard may still be on its way out of count_down() when we are awake.
  const auto done = std::make_shared<std::latch>(std::ssize(shards_));
  for (size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->order([&order, done, i](Shard& here) {
      order(here, i);
      done->count_down();
    });
  }
  done->wait();
}

bool Server::shards_answer() {
  if (question_ != nullptr && !question_->try_wait()) return false;
  question_ = std::make_shared<std::latch>(std::ssize(shards_));
  for (const std::unique_ptr<Shard>& shard : shards_) {
    shard->order([question = question_](Shard& /*here*/) { question->count_down(); });
  }
  return true;
}

Result<void> Server::reconfigure(const Setup& setup, Logger& log) {
  Result<Listening::Change> change = listening_.plan(*setup.config, log);
  if (!change) return change.error();
  config_ = setup.config;
  admission_.set_limits(*config_);
  if (setup.logins->need_passwords()) hash_pool_->start();
  on_all_shards([this, &setup](Shard& shard, size_t index) {
    authenticators_[index]->set_logins(setup.logins);
    shard.set_tls(setup.tls);
    shard.reconfigure({setup.config, setup.authorizer});
  });
  // Only now, when every shard knows the new listeners: a connection that one of them accepts may
  // move to any other.
  hand_over(std::move(*change));
  return {};
}

void Server::inject(std::vector<SharedRef<const mqtt::Message>> messages) {
  if (messages.empty()) return;
  auto batch = std::make_unique<Shard::MailBatch>();
  for (SharedRef<const mqtt::Message>& message : messages) {
    message->share_across_shards();
    batch->items.emplace_back(mail::Inject{std::move(message)});
  }
  // Any shard will do: a message is routed from there as if it had been published there.
  shards_.front()->post(std::move(batch));
}

broker::Stats Server::stats() const {
  broker::Stats sum;
  for (const std::unique_ptr<Shard>& shard : shards_) sum.add(shard->stats());
  return sum;
}

std::string Server::subscription_tree() {
  std::vector<std::string> trees(shards_.size());
  on_all_shards([&trees](Shard& shard, size_t index) { trees[index] = shard.subscription_tree(); });
  std::string all;
  for (const std::string& tree : trees) all += tree;
  return all;
}

}  // namespace tombo::server

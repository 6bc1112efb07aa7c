#include "auth/hash_pool.h"

#include <utility>

#include <openssl/crypto.h>

namespace tombo::auth {

HashPool::HashPool(unsigned threads, Reply reply)
    : count_(threads), reply_(std::move(reply)), queue_(kJobsMax, kBytesMax) {}

HashPool::~HashPool() {
  stop();
}

void HashPool::start() {
  if (!threads_.empty()) return;
  for (unsigned i = 0; i < count_; ++i) threads_.emplace_back("tombo-hash", [this] { run(); });
}

bool HashPool::submit(Job job) {
  const size_t bytes = job.user.size() + job.password.size();
  return queue_.try_push(std::move(job), bytes);
}

void HashPool::stop() {
  queue_.close();
  threads_.clear();
}

void HashPool::run() noexcept {
  while (std::optional<Job> job = queue_.pop()) {
    auto answer = std::make_unique<broker::mail::AuthDecided>();
    answer->connection = job->connection;
    if (!job->file->check(job->user, job->password)) {
      answer->decision.reason = mqtt::Reason::not_authorized;
      answer->decision.reason_string = kLoginRefused;
      answer->decision.log_text = job->file->why_refused(job->user);
    }
    OPENSSL_cleanse(job->password.data(), job->password.size());
    reply_(job->shard, std::move(answer));
  }
}

}  // namespace tombo::auth

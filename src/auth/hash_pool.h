#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "auth/password_file.h"
#include "base/sync/thread.h"
#include "base/sync/work_queue.h"
#include "broker/ids.h"
#include "broker/mail.h"

namespace tombo::auth {

/// Threads that compare passwords, so that no shard waits for a hash.
/// Home: the control thread; submit() may be called from any.
/// Bounds: kJobsMax logins and kBytesMax of names and passwords wait. An argon2id login takes the
/// memory that its hash names for as long as it is computed, once a thread.
class HashPool {
 public:
  static constexpr size_t kJobsMax = 4'096;
  static constexpr size_t kBytesMax = size_t{16} << 20;

  /// A login to be decided.
  struct Job {
    std::shared_ptr<const PasswordFile> file;
    std::string user;
    std::string password;
    broker::ShardId shard;
    broker::ConnectionId connection;
  };

  /// Takes the answer to the shard; called on the pool's threads.
  using Reply =
      std::function<void(broker::ShardId, std::unique_ptr<broker::mail::AuthDecided> decided)>;

  HashPool(unsigned threads, Reply reply);
  HashPool(const HashPool&) = delete;
  HashPool& operator=(const HashPool&) = delete;
  ~HashPool();

  /// Starts the threads, unless they run. Until then work only waits.
  void start();
  /// False: too many wait already. Else the answer follows, unless stop() comes first.
  [[nodiscard]] bool submit(Job job);
  /// Ends the threads after what they are at.
  void stop();

 private:
  void run() noexcept;

  unsigned count_;
  Reply reply_;
  WorkQueue<Job> queue_;
  std::vector<Thread> threads_;
};

}  // namespace tombo::auth

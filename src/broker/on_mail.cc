#include "base/check.h"
#include "broker/core.h"

// Mail from other shards and the control thread.
namespace tombo::broker {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

void Core::on_mail(Mail mail, Now now) {
  now_ = now;
  std::visit(
      Overloaded{
          [this](const mail::Publish& publish) {
            links_[publish.from.value()].to_give_back += publish.message->footprint();
            if (publish.late) return on_late(*publish.message, publish.from);
            settle(publish.token, deliver(publish.message, publish.token));
          },
          [this](const mail::Settled& settled) { settle_now(settled.token, settled.matched); },
          [this](const mail::Decided& decided) { on_decided(decided.decision); },
          [this](const mail::Credit& credit) { on_credit(credit); },
          [this](const mail::Retain& set) { retain(set.message, set.token, set.mask); },
          [this](const mail::ReplayNext& next) { on_replay_next(next); },
          [this](const mail::GroupJoined& joined) { on_group_joined(joined); },
          [this](mail::GroupDeliver& delivery) { on_group_deliver(delivery); },
          [this](std::unique_ptr<mail::ReplayStart>& start) { on_replay_start(*start); },
          [this](std::unique_ptr<mail::ReplayPage>& page) { on_replay_page(*page); },
          [this](std::unique_ptr<mail::GroupUpdate>& update) { on_group_update(*update); },
          [this](std::unique_ptr<mail::GroupReturn>& back) { on_group_return(*back); },
          [](std::unique_ptr<mail::Adopt>&) { CHECK(false, "adopt is for the shard"); },
          [this](std::unique_ptr<mail::AuthDecided>& decided) { on_auth_decided(*decided); },
          [this](const mail::GoOn& next) { go_on(next.connection); },
          [this](const mail::Committed& committed) { on_committed(committed.number); },
          [this](const mail::ReadQueue& wanted) { on_read_queue(wanted); },
          [this](std::unique_ptr<QueuePage>& page) { on_queue_page(*page); },
          [this](const mail::DiskFull& disk) { on_disk_full(disk.is_full); },
          [this](std::unique_ptr<mail::RestoreSession>& found) { restore(found->session); },
          [this](const mail::RestoreRetained& found) {
            static_cast<void>(keep_retained(found.message));
          },
          [this](const mail::RestoreDone&) {
            sessions_.for_each([this](Session& session) { arm_session_timer(session); });
          },
          [this](const mail::Inject& inject) { publish(inject.message); },
          [this](mail::Reconfigure& change) { reconfigure(std::move(change)); },
          [this](const mail::Shutdown& stop) { shutdown(stop.step); },
      },
      mail);
}

/// The new configuration holds from here on. Connections keep what CONNACK promised them.
void Core::reconfigure(mail::Reconfigure change) {
  const uint32_t before = setup_.config->retain_expiry_interval;
  const auto expiration_before = setup_.config->persistent_client_expiration;
  setup_.config = std::move(change.config);
  setup_.authorizer = std::move(change.authorizer);
  // Other rules, other causes: whoever mends the rules sees what is left.
  recent_refusals_.clear();
  sessions_.for_each([](Session& session) {
    session.allowed.reset();
    session.refusals.reset();
  });
  counts_rates_ = setup_.config->limits.any_rate();
  if (setup_.config->persistent_client_expiration != expiration_before) {
    sessions_.for_each([this](Session& session) {
      if (!session.online()) arm_session_timer(session);
    });
  }
  const uint32_t after = setup_.config->retain_expiry_interval;
  if (after == before) return;
  timers_.cancel(sweep_timer_);
  if (after != 0) timers_.arm(sweep_timer_, now_.time + std::chrono::minutes(after));
}

}  // namespace tombo::broker

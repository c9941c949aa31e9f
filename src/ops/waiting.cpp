#include "attend/ops/waiting.h"

#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

namespace attend {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kLook{50};  // between two looks

// Time in the queue, all threads together, by time passed; the mean of looks, each half as heavy as the next. Training on two processors
// shows 0.01 to 0.2 on a quiet machine, 0.5 to 1 beside one busy process, with long waits and with short ones.
constexpr double kBusy = 0.35, kCalm = 0.15;

// libgomp's own way to run a function on several threads; null when another OpenMP, or none, is loaded.
using RunTeam = void (*)(void (*work)(void*), void* data, unsigned threads, unsigned flags);
RunTeam find_run_team() { return reinterpret_cast<RunTeam>(::dlsym(RTLD_DEFAULT, "GOMP_parallel")); }

int processors() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

// A thread that takes no signals: they are for the thread that handles them today.
template <class Work>
std::thread quiet_thread(Work work) {
  struct Quiet {
    sigset_t before;
    Quiet() {
      sigset_t all;
      sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~Quiet() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  } quiet;
  return std::thread(std::move(work));
}

// Lets a thread sleep until it is told to end.
class Bell {
 public:
  void ring() {
    {
      const std::lock_guard lock(mutex_);
      rung_ = true;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return rung_; });
  }
  /// False when the time was over first.
  bool wait_for(nanoseconds most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, most, [this] { return rung_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

class Watch {
 public:
  Watch() : thread_(quiet_thread([this] { look(); })) {}
  ~Watch() {
    end_.ring();
    thread_.join();
  }
  void set_threads(int threads) { threads_ = threads; }

 private:
  void look() {
    Contention contention;
    std::optional<ShortWaits> brief;
    int held_for = 0;  // so many threads
    do {
      const auto now = std::chrono::steady_clock::now().time_since_epoch();
      const bool busy = contention.add(queued_for_processors(), now);
      if (!busy || held_for != threads_) brief.reset();
      if (busy && !brief) hold(brief, held_for = threads_);
    } while (!end_.wait_for(kLook));
  }

  // No more threads may be had at the moment: the waits stay long until the next look.
  static void hold(std::optional<ShortWaits>& brief, int threads) {
    try {
      brief.emplace(threads);
    } catch (const std::system_error&) {
    }
  }

  std::atomic<int> threads_{1};
  Bell end_;
  std::thread thread_;
};

}  // namespace

bool Contention::add(nanoseconds queued, nanoseconds now) {
  if (begun_ && now > now_) {
    const double share = static_cast<double>((queued - queued_).count()) / static_cast<double>((now - now_).count());
    share_ = 0.5 * share_ + 0.5 * std::max(share, 0.0);  // the sum falls when a thread ends
    if (share_ >= kBusy) busy_ = true;
    if (share_ < kCalm) busy_ = false;
  }
  begun_ = true;
  queued_ = queued;
  now_ = now;
  return busy_;
}

nanoseconds queued_for_processors() {
  const auto mine = std::to_string(::syscall(SYS_gettid));
  std::int64_t sum = 0;
  std::error_code error;  // a thread may end while we look
  for (std::filesystem::directory_iterator it("/proc/self/task", error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename() == mine) continue;
    std::ifstream in(it->path() / "schedstat");
    std::int64_t running = 0, queued = 0;
    if (in >> running >> queued) sum += queued;
  }
  return nanoseconds(sum);
}

struct ShortWaits::Crew {
  Bell end;
  std::thread leader;  // whose team of idle threads lives as long as itself
};

ShortWaits::ShortWaits(int threads) {
  const auto run_team = find_run_team();
  if (!run_team) return;
  const auto size = static_cast<unsigned>(std::max(2, processors() - threads + 2));
  crew_ = std::make_unique<Crew>();
  crew_->leader = quiet_thread([crew = crew_.get(), run_team, size] {
    run_team([](void*) {}, nullptr, size, 0);
    crew->end.wait();
  });
}

ShortWaits::~ShortWaits() {
  if (!crew_) return;
  crew_->end.ring();
  crew_->leader.join();
}

bool give_way_when_busy(int threads) {
  if (threads <= 1 || std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT") || !find_run_team()) return false;
  try {
    static Watch watch;
    watch.set_threads(threads);
    return true;
  } catch (const std::system_error&) {  // no more threads may be had
    return false;
  }
}

}  // namespace attend

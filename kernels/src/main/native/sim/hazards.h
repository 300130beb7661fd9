// Which work is ordered with which: a vector clock for every stream, one for the host, and for every byte of device
// memory the last write and the reads after it. Two accesses, at least one a write, with neither ordered before the
// other, are a fault, whatever order they happened to run in here.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sim {

/** What is known to have happened: of timeline i, everything up to its tick ticks[i]. */
struct Clock {
  std::vector<uint64_t> ticks;
  uint64_t of(uint32_t timeline) const { return timeline < ticks.size() ? ticks[timeline] : 0; }
  void set(uint32_t timeline, uint64_t tick);
  void join(const Clock& other);
};

/** A strand of work in order: a stream, or a branch of a graph. */
struct Lane {
  uint32_t timeline = 0;
  Clock clock;
  std::string name;
};

class Hazards {
 public:
  Lane lane(std::string name) { return Lane{next_timeline_++, {}, std::move(name)}; }
  /** The next piece of work in a lane; all that the host knows of is ordered before it. */
  void begin(Lane& lane);
  /** The host waited for all of that. Throws Fault hazard if it changed memory that it had lent (see lend) before. */
  void host_waits(const Clock& clock);
  /** An asynchronous copy reads these bytes of the host: they must stay as they are until the host has waited for it.
   */
  void lend(const Lane& lane, const std::shared_ptr<const std::string>& who, uint64_t begin, uint64_t end);
  /** Work of the device may change [begin, end) of the host's memory: what was lent of it is no longer compared. */
  void end_loans(uint64_t begin, uint64_t end);
  const Clock& host() const { return host_; }
  /** The piece of work `who`, begun last in `lane`, touches [begin, end). Throws Fault hazard. */
  void access(const Lane& lane, const std::shared_ptr<const std::string>& who, uint64_t begin, uint64_t end,
              bool write);
  /** The memory is gone. */
  void forget(uint64_t begin, uint64_t end);

 private:
  struct Access {
    uint32_t timeline = 0;
    uint64_t tick = 0;  // 0: none
    std::shared_ptr<const std::string> who;
  };
  struct Span {
    uint64_t end;
    Access write;
    std::vector<Access> reads;  // since the write, one a timeline
  };
  using Spans = std::map<uint64_t, Span>;
  struct Loan {
    Access reader;
    uint64_t begin, end, hash;
  };

  Spans::iterator split(uint64_t at);
  void check(const Access& before, const Clock& now, const std::string& who, uint64_t address, bool was_write,
             bool write) const;

  uint32_t next_timeline_ = 0;
  Clock host_;
  Spans spans_;
  std::vector<Loan> loans_;
};

}  // namespace sim

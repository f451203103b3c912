#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace withdrawd::fleet {

/// A revision of the store: each change has the next one. 0 stands for a key that is not there.
using Revision = std::int64_t;
using Lease = std::int64_t;

/// One key as it was read.
struct Record {
  std::string key;
  std::string value;
  Revision changed = 0;  ///< the revision of its last change
  bool operator==(const Record&) const = default;
};

/// All keys from `begin` up to `end`, which is not among them; an empty end: `begin` alone.
struct Range {
  std::string begin, end;
  std::int64_t limit = 0;  ///< so many records at most; of a watch, and of one key, 0
  /// Those whose values are the greatest, and these first; else in the order of their keys.
  bool greatest_first = false;
};

/// All or nothing: if no key has changed since it was read, one is written; else some are read.
struct Step {
  struct Unchanged {
    std::string key;
    Revision since;
  };
  struct Put {
    std::string key, value;
    Lease lease;
  };
  std::vector<Unchanged> when;
  std::optional<Put> put;  ///< none: `reads` are done in either case
  std::vector<Range> reads;
};

/// Several steps that are taken at one moment, each for itself.
struct Transaction {
  std::vector<Step> steps;
};

struct RangeResult {
  std::vector<Record> records;
  std::int64_t count = 0;  ///< of all in the range, also of those beyond the limit
  Revision revision = 0;   ///< of the store when it was read, where it was read for itself
};

struct StepResult {
  bool unchanged = false;  ///< as the step asked, and it has been written
  std::vector<RangeResult> reads;
};

struct TransactionResult {
  Revision revision = 0;  ///< of the store after it, and of all that it has written
  std::vector<StepResult> steps;
};

/// What comes behind every key that begins with `prefix`.
std::string range_end(std::string prefix);

}  // namespace withdrawd::fleet
